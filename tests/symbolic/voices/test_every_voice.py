"""Random rules on random states: every voice says what 40 digits say."""

import json
import re
import shutil
import subprocess

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from catapult_sim.symbolic import Update
from catapult_sim.symbolic.voices.in_place import in_place, on_columns
from tests.symbolic.voices.random_rules import ROUNDING, Unbounded, rules, worth


def unhurried(examples):
    """Return settings for examples. To find a smaller one takes minutes, and says little."""
    return settings(
        max_examples=max(3, examples * settings.default.max_examples // 100),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


DTYPES = [np.bool_, np.uint8, np.int8, np.int64, np.float32, np.float64, np.longdouble, list]
SHAPES = [(), (3,), (0,), (2, 1)]


def numbers(draw, dtype, shape):
    """Draw small numbers, exact in single precision, some of them equal."""
    kind = np.dtype(float if dtype is list else dtype)
    if kind.kind == "f":
        elements = st.integers(-32, 32).map(lambda k: k / 8)
    else:
        elements = st.integers(0 if kind.kind in "bu" else -3, 1 if kind.kind == "b" else 3)
    array = draw(hnp.arrays(kind, shape, elements=elements))
    return array.tolist() if dtype is list and array.size else array


@st.composite
def inputs(draw, rule):
    """Draw a state, and parameters that broadcast against it."""
    shape = draw(st.sampled_from(SHAPES))
    state = numbers(draw, draw(st.sampled_from(DTYPES)), (*shape, len(rule.state)))
    parameters = [
        numbers(draw, draw(st.sampled_from(DTYPES)), draw(st.sampled_from([(), shape, (3, 1, 1)])))
        for _ in rule.parameters
    ]
    return state, parameters


def members(rule, state, parameters):
    """Return the shape of the ensemble, and the arguments of each member as plain numbers."""
    rows = np.moveaxis(np.asarray(state, float), -1, 0)
    together = np.broadcast_arrays(*rows, *(np.asarray(p, float) for p in parameters))
    return together[0].shape, np.stack([one.ravel() for one in together], axis=-1)


def truth(rule, arguments):
    """Return values and errors ``(N, S)``, or reject the example."""
    rule = rule.inline()
    symbols = (*rule.state, *rule.parameters)
    found = []
    for row in arguments:
        values = dict(zip(symbols, map(mpmath.mpf, row.tolist()), strict=True))
        try:
            found.append([worth(component, values) for component in rule.next])
        except Unbounded:
            assume(False)
    answers = np.array(found, float).reshape(len(arguments), len(rule.state), 2)
    return answers[..., 0], answers[..., 1]


def executed(source):
    namespace = {}
    exec(source, namespace)
    return next(
        one for one in reversed(namespace.values()) if getattr(one, "__module__", "") != "math"
    )


def python_voice(rule, state, parameters):
    step, count = executed(rule.python()), len(rule.state)
    shape, arguments = members(rule, state, parameters)
    following = [step(row[:count], *row[count:]) for row in arguments]
    return np.array(following, float).reshape(*shape, count)


def javascript_voice(rule, state, parameters):
    count, (shape, arguments) = len(rule.state), members(rule, state, parameters)
    rows = json.dumps([[row[:count].tolist(), *row[count:].tolist()] for row in arguments])
    plain, fast = rule.javascript(), rule.javascript(in_place=True)
    name = re.search(r"function (\w+)", plain)[1]
    script = f"""'use strict';
    const plain = (() => {{ {plain}
      return {name}; }})();
    const fast = (() => {{ {fast}
      return {name}; }})();
    const text = (numbers) => Array.from(numbers, String);
    const answers = {rows}.map(([state, ...rest]) => {{
      const kept = [...state], one = text(plain(state, ...rest));
      const out = new Float64Array(state.length);
      if (String(text(fast(state, ...rest, out))) !== String(one)) throw 'out differs';
      if (String(state) !== String(kept)) throw 'the state has changed';
      if (String(text(fast(state, ...rest))) !== String(one)) throw 'in place differs';
      return one;
    }});
    console.log(JSON.stringify(answers))"""
    done = subprocess.run([shutil.which("node"), "-"], input=script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + script
    return np.array(json.loads(done.stdout), float).reshape(*shape, count)


def in_place_voice(rule, state, parameters):
    shape, arguments = members(rule, state, parameters)
    rows, count = arguments.T.copy(), len(rule.state)
    following = np.empty((count, rows.shape[1]))
    with np.errstate(all="ignore"):
        for operation in in_place(rule)(rows[:count], rows[count:], following):
            operation()
    return following.T.reshape(*shape, count)


def agree(spoken, rule, state, parameters, precision=ROUNDING):
    shape, arguments = members(rule, state, parameters)
    values, errors = truth(rule, arguments)
    assert spoken.shape == (*shape, len(rule.state))
    away = abs(np.asarray(spoken, float).reshape(values.shape) - values)
    assert (away <= 2 * precision * errors + 1e-25).all(), (away / errors / precision, values)


def precision_of(state):
    kind = np.asarray(state).dtype
    return max(ROUNDING, float(np.finfo(kind).eps)) if kind.kind == "f" else ROUNDING


@given(st.data())
@unhurried(100)
def test_numpy_agrees_for_numbers_of_every_type_and_shape(data):
    rule = data.draw(rules())
    state, parameters = data.draw(inputs(rule))
    kept = np.array(state)
    spoken = rule.numpy()(state, *parameters)
    agree(spoken, rule, state, parameters, precision_of(state))
    kind = np.asarray(state).dtype
    assert spoken.dtype == (kind if kind.kind == "f" else float)
    source = executed(rule.numpy_source())
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(source(state, *parameters), spoken, strict=True)
    np.testing.assert_array_equal(np.array(state), kept)


@given(st.data())
@unhurried(60)
def test_python_agrees(data):
    rule = data.draw(rules())
    state, parameters = data.draw(inputs(rule))
    truth(rule, members(rule, state, parameters)[1])  # Python raises an error where others do not
    agree(python_voice(rule, state, parameters), rule, state, parameters)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@given(st.data())
@unhurried(60)
def test_javascript_agrees_in_place_too(data):
    rule = data.draw(rules())
    state, parameters = data.draw(inputs(rule))
    agree(javascript_voice(rule, state, parameters), rule, state, parameters)


@given(st.data())
@unhurried(60)
def test_operations_in_place_agree(data):
    rule = data.draw(rules())
    state, parameters = data.draw(inputs(rule))
    agree(in_place_voice(rule, state, parameters), rule, state, parameters)


@given(st.data())
@unhurried(15)
def test_compiled_code_agrees(data):
    numba = pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    rule = data.draw(rules())
    state, parameters = data.draw(inputs(rule))
    agree(rule.compiled()(state, *parameters), rule, state, parameters)
    _, arguments = members(rule, state, parameters)
    step = on_columns(rule)
    assert isinstance(step, numba.core.registry.CPUDispatcher)
    columns = [step(np.ascontiguousarray(arguments.T), i) for i in range(len(arguments))]
    values, errors = truth(rule, arguments)
    assert (abs(np.reshape(columns, values.shape) - values) <= 2 * ROUNDING * errors + 1e-25).all()


EXTREMES = [0.0, 5e-324, -1e-300, 1e-160, -1e-9, 1.0, -3.0, 1e9, 1e160, -1e300, 1.7e308]
WIDE = st.sampled_from(EXTREMES) | st.floats(allow_nan=False, allow_infinity=False)


def spread(step, state, parameters):
    """Return how far a change of the last bits of state and parameters moves a step."""
    rng, found = np.random.default_rng(0), step(state, *parameters)
    moved = [
        step(
            *(one * (1 + ROUNDING * rng.integers(-2, 3, one.shape)) for one in (state, *parameters))
        )
        for _ in range(8)
    ]
    return np.max([np.abs(one - found) for one in moved], axis=0)


def same(spoken, numpy, uncertain):
    """Tell whether two voices agree: not finite at the same places, else up to rounding."""
    finite = np.isfinite(numpy) & (np.abs(numpy) < 1e300) & np.isfinite(uncertain)
    near = np.abs(spoken - numpy) <= 32 * uncertain + 1e-13 * np.abs(numpy) + 1e-300
    ends = np.abs(np.nan_to_num(np.stack([spoken, numpy]), nan=-1.0, posinf=np.inf, neginf=np.inf))
    return np.where(finite, near, (ends[0] == ends[1]) | (ends.min(axis=0) > 1e299))


@given(st.data())
@unhurried(12)
def test_of_large_and_tiny_numbers_compiled_code_and_operations_say_what_numpy_says(data):
    rule = data.draw(rules())
    state = data.draw(hnp.arrays(float, (9, len(rule.state)), elements=WIDE)) + 0.0
    parameters = [data.draw(hnp.arrays(float, 9, elements=WIDE)) + 0.0 for _ in rule.parameters]
    with np.errstate(all="ignore"):
        numpy, uncertain = rule.numpy()(state, *parameters), spread(rule.numpy(), state, parameters)
        assert same(in_place_voice(rule, state, parameters), numpy, uncertain).all()
        pytest.importorskip("numba", reason="the extra 'fast' is not installed")
        assert same(rule.compiled()(state, *parameters), numpy, uncertain).all()


def test_a_pole_is_infinite_within_a_kink_as_without():
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    x, y = sp.symbols("x y", real=True)
    poles = [x**-2, sp.Max(x**-2, y), sp.Min(-(x**-3), y), sp.Abs(x**-7), sp.Max(1 / x, y)]
    rule = Update("pole", (x, y, *sp.symbols("a:3", real=True)), (), tuple(poles), "none")
    for step in (rule.numpy(), rule.compiled()):
        np.testing.assert_array_equal(step(np.zeros(5)), np.inf * np.array([1, 1, -1, 1, 1]))


def test_every_symbol_stands_for_a_real_number():
    z = sp.Symbol("z")  # which SymPy takes for a complex one
    rule = Update("rule", (z,), (), (sp.re(z) + sp.conjugate(z) ** 2,), "none")
    assert rule.numpy()([3.0]).tolist() == [12.0]
    assert list(executed(rule.python())([3.0])) == [12.0]
