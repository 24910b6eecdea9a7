"""Every rule says the same in every language that runs."""

import importlib
import json
import math
import pkgutil
import shutil
import subprocess
import types

import numpy as np
import pytest
import sympy as sp

from catapult_sim.symbolic import Update, linear_net, voices
from catapult_sim.symbolic.voices.functions import Step
from tests.symbolic.rules import QUOTIENT, ROTATION, RULES, a, rule_named, x, y


def python_step(rule: Update) -> Step:
    module = types.ModuleType(rule.name)
    exec(rule.python(), module.__dict__)
    function = module.__dict__[rule.name.replace("-", "_")]
    return lambda state, *parameters: np.array([function(row, *parameters) for row in state])


def numpy_source_step(rule: Update) -> Step:
    module = types.ModuleType(rule.name)
    exec(rule.numpy_source(), module.__dict__)
    return module.__dict__[rule.name.replace("-", "_")]


def javascript_step(rule: Update) -> Step:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")

    def step(state, *parameters):
        source = rule.javascript()
        name = source.split("(")[0].removeprefix("function ")
        call = f"{json.dumps(state.tolist())}.map(row => {name}(row, ...{json.dumps(parameters)}))"
        script = f"{source}\nconsole.log(JSON.stringify({call}))"
        answer = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True)
        return np.array(json.loads(answer.stdout))

    return step


def compiled_step(rule: Update) -> Step:
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    return rule.compiled()


def random_input(rule: Update):
    rng = np.random.default_rng(0)
    explicit = rule.entrywise()
    state = rng.uniform(0.5, 2, size=(50, len(explicit.state)))
    return state, rng.uniform(0.5, 2, size=len(explicit.parameters)).tolist()


def size_of_the_terms(rule: Update, state, parameters):
    """What the terms of each component add up to without their signs."""
    rule = rule.inline().entrywise()
    unsigned = [
        sum(abs(number) * product for product, number in terms.items())
        for terms in (component.expand().as_coefficients_dict() for component in rule.next)
    ]
    arguments = (*rule.state, *rule.parameters)
    sizes = sp.lambdify(arguments, unsigned, "numpy")(*state.T, *parameters)
    return np.stack(np.broadcast_arrays(*sizes), axis=-1)


@pytest.mark.parametrize("voice", [python_step, numpy_source_step, javascript_step, compiled_step])
@pytest.mark.parametrize("name", RULES)
def test_all_running_voices_agree_to_a_few_units_in_the_last_place(name, voice):
    rule = rule_named(name)
    state, parameters = random_input(rule)
    spoken = voice(rule)(state, *parameters)
    error = abs(spoken - rule.numpy()(state, *parameters))
    assert spoken.shape == state.shape
    assert (error <= 4 * np.finfo(float).eps * size_of_the_terms(rule, state, parameters)).all()


def test_every_way_to_write_source_is_a_voice():
    modules = [
        importlib.import_module(f"{voices.__name__}.{file.name}")
        for file in pkgutil.iter_modules(voices.__path__)
    ]
    written = {
        one for module in modules for name, one in vars(module).items() if name.endswith("_source")
    }
    assert written <= {voice.rule for voice in voices.VOICES.values()}


@pytest.mark.parametrize("name", [name for name in RULES if name != "quotient"])
def test_the_numpy_voice_is_the_equation(name):
    rule = rule_named(name)
    state, parameters = random_input(rule)
    explicit = rule.inline().entrywise()
    numbers = dict(
        zip((*explicit.state, *explicit.parameters), [*state[0], *parameters], strict=True)
    )
    exact = [float(component.subs(numbers).evalf(30)) for component in explicit.next]
    size = size_of_the_terms(rule, state, parameters)[0]
    error = abs(rule.numpy()(state, *parameters)[0] - exact)
    assert (error <= 16 * np.finfo(float).eps * size).all()


@pytest.mark.parametrize("voice", [Update.numpy, numpy_source_step, python_step, compiled_step])
@pytest.mark.parametrize("name", ["sample-map", "labelled-sample-map", "closure", "function-space"])
def test_every_voice_reaches_infinite_width(name, voice):
    rule = rule_named(name)
    state, (rate, _, *data) = random_input(rule)
    step = voice(rule)
    infinite = step(state, rate, math.inf, *data)
    assert np.isfinite(infinite).all()
    np.testing.assert_allclose(step(state, rate, 1e15, *data), infinite, rtol=1e-10)


def test_other_voices_of_arrays_broadcast_as_the_numpy_voice_does():
    rule = rule_named("sample-map")
    state = np.random.default_rng(0).normal(size=(5, 2))
    rates, widths = np.linspace(0.1, 1, 3)[:, None], np.arange(1, 6)
    expected = rule.numpy()(state, rates, widths)
    assert expected.shape == (3, 5, 2)
    np.testing.assert_array_equal(numpy_source_step(rule)(state, rates, widths), expected)
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    np.testing.assert_allclose(rule.compiled()(state, rates, widths), expected, rtol=1e-14)


@pytest.mark.parametrize("voice", [Update.numpy, compiled_step])
def test_a_state_or_parameters_of_the_wrong_number_are_refused(voice):
    step = voice(rule_named("sample-map"))
    required = r"sample-map: required a state of shape \(..., 2\) and the 2 parameters \(eta, n\)"
    for state, parameters in ((np.ones(3), (1, 1)), (1.0, (1, 1)), (np.ones(2), (1,))):
        with pytest.raises(ValueError, match=required):
            step(state, *parameters)


def test_compiled_voice_has_nan_where_the_numpy_voice_has():
    step = compiled_step(QUOTIENT)
    with np.errstate(invalid="ignore"):
        assert np.isnan(step(np.array([1.0, 1.0]), -1.0)[0])


def test_compiled_voice_without_numba_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    with pytest.raises(ImportError, match=r"needs numba; .*: pip install numba$"):
        QUOTIENT.compiled()


def test_blocks_of_symbolic_size_have_formulas_but_no_code():
    rule = linear_net.closure()
    assert r"g_{t} B_{t} g_{t}^{T}" in rule.latex()
    for voice in (rule.numpy, rule.compiled, rule.python, rule.javascript):
        with pytest.raises(ValueError, match="explicit size; got the symbolic sizes d, k"):
            voice()


def test_numpy_voice_broadcasts_parameters_over_leading_axes():
    state = np.random.default_rng(0).normal(size=(5, 2))
    rates = np.linspace(0, 1, 3)[:, None]
    stepped = ROTATION.numpy()(state, rates)
    assert stepped.shape == (3, 5, 2)
    for i, rate in enumerate(rates[:, 0]):
        rotation = np.array([[1, -rate], [rate, 1]])
        np.testing.assert_allclose(stepped[i], state @ rotation.T)


def test_numpy_voice_broadcasts_a_constant_component():
    constant = Update("constant", (x, y), (), (x, sp.Integer(1)), "none")
    np.testing.assert_array_equal(constant.numpy()(np.zeros((4, 2)))[:, 1], np.ones(4))


def test_names_of_shared_subexpressions_avoid_the_rule_s_own():
    x0 = sp.Symbol("x0")
    cubic = (x + a) ** 2 + (x + a) ** 3
    rule = Update("taken", (x0, x), (a,), (x0 + y, y), "none", where={y: cubic})
    np.testing.assert_allclose(rule.numpy()(np.array([5.0, 1.0]), 1.0), [17, 12])
    assert "    x1 = a + x" in rule.python().splitlines()
