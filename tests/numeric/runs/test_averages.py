"""Averages of iterates, against their definitions in exact sums."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest

from catapult_sim.numeric.runs import averages
from catapult_sim.numeric.runs.averages import EMA, SWA, TwoPoint, Window, schedule, weights
from catapult_sim.validation import InputError

EVERY = [EMA(0.0), EMA(0.9), SWA(), SWA(4), Window(1), Window(6), TwoPoint(1), TwoPoint(5)]


def test_every_average_is_tested_here():
    assert {type(average) for average in EVERY} == {
        one for one in vars(averages).values() if dataclasses.is_dataclass(one)
    }


def run(average, iterates):
    memory = average.begin(iterates[0])
    for t, iterate in enumerate(iterates[1:]):
        memory = average.advance(memory, iterate, t)
    return average.value(memory)


def definition(average, steps):
    """The weights on iterates 0 to ``steps``, as fractions."""
    everything = [Fraction(0)] * (steps + 1)
    match average:
        case EMA(decay=decay):
            gamma = Fraction(decay)
            everything[0] = gamma**steps
            for t in range(1, steps + 1):
                everything[t] += (1 - gamma) * gamma ** (steps - t)
        case TwoPoint(gap=gap):
            everything[steps] += Fraction(1, 2)
            everything[max(0, steps - gap)] += Fraction(1, 2)
        case SWA(start=start) | Window(size=start):
            first = min(start, steps)
            if isinstance(average, Window):
                first = max(0, steps + 1 - start)
            for t in range(first, steps + 1):
                everything[t] = Fraction(1, steps + 1 - first)
    return everything


@pytest.mark.parametrize("average", EVERY, ids=str)
@pytest.mark.parametrize("steps", [0, 1, 3, 5, 12])
def test_weights_are_those_of_the_definition(average, steps):
    expected = [float(weight) for weight in definition(average, steps)]
    np.testing.assert_allclose(weights(average, steps), expected, rtol=1e-15, atol=1e-17)


@pytest.mark.parametrize("average", EVERY, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.complex128])
def test_ensembles_of_any_shape_and_precision_are_averaged_like_their_members(average, dtype):
    iterates = np.random.default_rng(0).normal(size=(13, 2, 3, 4)).astype(dtype)
    found = run(average, iterates)
    assert found.dtype == dtype
    assert found.shape == (2, 3, 4)
    expected = np.tensordot([float(w) for w in definition(average, 12)], iterates, axes=1)
    tolerance = 4 * float(np.finfo(dtype).eps) + 4e-16
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(found[1, 2], run(average, iterates[:, 1, 2]))


STEPS = 10**6


@pytest.fixture(scope="module")
def long_run():
    """Iterates around 1/3, in single precision as a network's may be."""
    return (np.random.default_rng(1).normal(size=STEPS + 1) / 10 + 1 / 3).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_million_steps_of_swa_are_the_rounded_mean(long_run, dtype):
    expected = math.fsum(long_run.tolist()) / (STEPS + 1)
    found = run(SWA(), long_run.astype(dtype))
    assert abs(float(found) - expected) <= float(np.finfo(dtype).eps) * expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_million_steps_of_ema_are_the_rounded_weighted_sum(long_run, dtype):
    decay = 1 - 2.0**-14
    powers = decay ** np.arange(STEPS, -1, -1, dtype=np.longdouble)
    share = np.where(np.arange(STEPS + 1) == 0, powers, (1 - decay) * powers)
    expected = math.fsum((share * long_run).tolist())
    found = run(EMA(decay), long_run.astype(dtype))
    assert abs(float(found) - expected) <= float(np.finfo(dtype).eps) * expected


def test_an_average_of_equal_iterates_is_that_iterate():
    iterates = np.full((1000, 1), 0.1, np.float32)
    for average in EVERY:
        assert run(average, iterates) == iterates[0]


@pytest.mark.parametrize("average", EVERY, ids=str)
def test_a_memory_is_left_as_it_is(average):
    iterates = np.random.default_rng(2).normal(size=(9, 3))
    memory = average.begin(iterates[0])
    before = [part.copy() for part in memory]
    average.advance(memory, iterates[1], 0)
    np.testing.assert_array_equal(memory, before)


def test_iterates_that_overflow_make_no_noise():
    assert not np.isfinite(run(EMA(0.5), np.array([[1.0], [np.inf], [1.0], [-np.inf]])))


@pytest.mark.parametrize("average", EVERY, ids=str)
def test_under_a_constant_gradient_an_average_is_the_end_of_its_schedule(average):
    eta, gradient, steps = 0.3, np.array([1.0, -2.0]), 20
    averaged = run(average, -eta * gradient * np.arange(steps + 1)[:, None])
    scheduled = -eta * gradient * math.fsum(schedule(average, steps))
    np.testing.assert_allclose(averaged, scheduled, rtol=1e-14)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Window(0), "size must be an integer of at least 1; got 0"),
        (lambda: TwoPoint(0), "gap must be an integer of at least 1; got 0"),
        (lambda: EMA(1.0), "decay must satisfy 0 <= decay < 1; got 1.0"),
        (lambda: SWA(-1), "start must be an integer of at least 0; got -1"),
    ],
)
def test_wrong_averages_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()
