"""The kernels of long runs say what the other voices say."""

import tracemalloc

import numpy as np
import pytest
import sympy as sp

from catapult_sim.symbolic import Update, linear_net
from catapult_sim.symbolic.voices.in_place import in_place, on_columns
from catapult_sim.validation import InputError

x, y, a = sp.symbols("x y a")
EVERYTHING = Update(
    "everything", (x, y), (a,), (-(x**2) / a - 3 * y, sp.Rational(1, 3)), "none", where={}
)
SHARED = Update("shared", (x, y), (a,), ((x + a) ** 2 * y, y * (x + a) ** 2 - x), "none")
FUNCTIONS = Update(
    "functions", (x, y), (a,), (sp.tanh(x) / sp.sqrt(a) + x**3, abs(x - y) * sp.exp(-x)), "none"
)
KINKS = Update(
    "kinks",
    (x, y),
    (a,),
    (
        sp.Max(x - 1, 0, y - a) * sp.sign(y - x) + sp.erf(x),
        sp.Piecewise((x, (x > 1) & (y > a)), (a * y, ~(x < y)), (x * sp.Heaviside(x - a), True)),
    ),
    "none",
)
SWAP = Update("swap", (x, y), (), (y, x), "none")

RULES = [
    linear_net.residual_map(),
    linear_net.two_factor_map(),
    linear_net.balanced_map(),
    linear_net.scaled_map(),
    linear_net.residual_map().linearised(),
    linear_net.sample_map(),
    EVERYTHING,
    SHARED,
    SWAP,
]
ELEMENTWISE = [*RULES, FUNCTIONS, KINKS]


def random_input(rule):
    rng, sizes = np.random.default_rng(0), (len(rule.state), len(rule.parameters))
    return [rng.uniform(0.5, 2, (size, 100)) for size in sizes]


@pytest.mark.parametrize("rule", ELEMENTWISE, ids=lambda rule: rule.name)
def test_operations_in_place_are_the_numpy_voice_bit_for_bit(rule):
    state, parameters = random_input(rule)
    given, following = state.copy(), np.empty_like(state)
    for operation in in_place(rule)(state, parameters, following):
        operation()
    np.testing.assert_array_equal(following.T, rule.numpy()(state.T, *parameters))
    np.testing.assert_array_equal(state, given)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_compiled_step_is_the_numpy_voice_bit_for_bit(rule):
    numba = pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    assert isinstance(on_columns(rule), numba.core.registry.CPUDispatcher)
    state, parameters = random_input(rule)
    step, rows = on_columns(rule), np.concatenate([state, parameters])
    spoken = [step(rows, i) for i in range(rows.shape[1])]
    np.testing.assert_array_equal(spoken, rule.numpy()(state.T, *parameters))


def test_a_program_reads_its_arrays_whenever_it_is_run():
    rule = linear_net.balanced_map()
    now, label, after = np.array([0.3]), np.array([1.0]), np.empty(1)
    there, back = in_place(rule)([now], [label], [after]), in_place(rule)([after], [label], [now])
    for operation in there + back:
        operation()
    assert now == rule.numpy()(rule.numpy()(np.array([0.3]), 1.0), 1.0)


def test_functions_that_are_unknown_are_refused_by_name():
    rule = Update("factorials", (x,), (), (sp.gamma(x) * sp.Function("g")(x),), "none")
    for voice in (in_place, on_columns):
        with pytest.raises(InputError, match=r"factorials: .* has no g; got g"):
            voice(rule)


def test_a_long_formula_takes_one_array_besides_those_given():
    """Each operation writes on the array that it reads."""
    formula = x
    for power in (3, 5, 3, 5, 3):
        formula = (formula + a) ** power
    rule = Update("chain", (x,), (a,), (formula,), "none")
    bind, (given, label, after) = in_place(rule), np.ones((3, 1, 100_000))
    tracemalloc.start()
    bind(given, label, after)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1.5 * given.nbytes


@pytest.mark.parametrize("rule", RULES[:4], ids=lambda rule: rule.name)
def test_deviations_are_multiplied_by_the_slope_of_the_rule(rule):
    (state, parameters), small = random_input(rule), 1e-6
    deviation = np.random.default_rng(1).normal(size=state.shape)
    step = rule.numpy()
    ahead, behind = (step((state + s * deviation).T, *parameters) for s in (small, -small))
    together = rule.linearised().numpy()(np.concatenate([state, deviation]).T, *parameters)
    orbit, image = np.split(together, 2, axis=-1)
    np.testing.assert_allclose(orbit, step(state.T, *parameters), rtol=1e-13)
    np.testing.assert_allclose(image, (ahead - behind) / (2 * small), rtol=1e-6, atol=1e-7)
