"""Exact propagation against closed forms, explicit noise weights, and samples."""

from fractions import Fraction

import numpy as np
import pytest

from catapult_sim.numeric.minibatch.moments import propagate, sample
from catapult_sim.numeric.minibatch.stationary import equivalent_rate, stationary_variance
from catapult_sim.numeric.runs import averages
from catapult_sim.numeric.runs.averages import EMA, SWA, TwoPoint, Window
from catapult_sim.validation import InputError

RATES = np.array([0.02, 0.1, 0.5, 1.0, 1.4])
OPTIONS = [
    {},
    {"average": EMA(0.9)},
    {"average": EMA(0.99)},
    {"average": Window(7)},
    {"average": Window(40)},
    {"average": TwoPoint(1)},
    {"average": TwoPoint(30)},
    {"momentum": 0.9},
    {"momentum": 0.5, "nesterov": True},
    {"batches": 2},
    {"batches": 10},
]


def named(options):
    return ", ".join(f"{name}={value}" for name, value in options.items()) or "plain"


@pytest.mark.parametrize("options", OPTIONS, ids=named)
def test_closed_forms_are_where_propagation_settles(options):
    steps = 1500  # a multiple of every number of batches
    run = propagate(np.tile(RATES, (steps, 1)), **options)
    found = run.average_variance[-1]
    np.testing.assert_allclose(found, stationary_variance(RATES, **options), rtol=1e-12)


@pytest.mark.parametrize("rate", [0.3, 1e-10, 1e-20, 1e-60, 1e-100])
def test_closed_forms_of_tiny_rates_keep_their_digits(rate):
    """In exact fractions: lagged covariances of a window, and the variance of an epoch's end."""
    a, k, m = Fraction(rate), 7, 4
    kept, variance = 1 - a, a / (2 - a)
    window = sum(variance * kept ** abs(i - j) for i in range(k) for j in range(k)) / k**2
    epoch = (m * variance - (1 - kept**m) / (1 + kept**m)) / (m - 1)
    found = [
        stationary_variance([rate], **one)[0] for one in ({"average": Window(k)}, {"batches": m})
    ]
    np.testing.assert_allclose(found, [float(window), float(epoch)], rtol=1e-14)


def explicit(rates, average, momentum, nesterov, batches=None):
    """Mean (T + 1,) and covariance of the weights on each c: an average's variance, written out."""
    steps = len(rates)
    x, before = (np.zeros(steps + 1) for _ in range(2))
    x[-1] = before[-1] = 1.0  # the last column is the start
    iterates = [x]
    for t, a in enumerate(rates):
        ahead = x + momentum * (x - before)
        gradient = (ahead if nesterov else x).copy()
        gradient[t] -= 1
        x, before = ahead - a * gradient, x
        iterates.append(x)
    iterates = np.array(iterates)
    if average is not None:
        rows = [averages.weights(average, t) for t in range(steps + 1)]
        iterates = np.array([row @ iterates[: len(row)] for row in rows])
    covariance = np.eye(steps)
    if batches is not None:
        epoch = np.arange(steps) // batches
        covariance -= (epoch[:, None] == epoch) * (1 - np.eye(steps)) / (batches - 1)
    held = iterates[:, :-1]
    return iterates[:, -1], np.einsum("ti,ij,tj->t", held, covariance, held)


@pytest.mark.parametrize("average", [None, EMA(0.8), SWA(5), Window(9), TwoPoint(6)], ids=str)
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.7, False), (0.7, True)])
@pytest.mark.parametrize("batches", [None, 8])
def test_any_schedule_is_the_noise_weights_written_out(average, momentum, nesterov, batches):
    rates = np.random.default_rng(0).uniform(0, 1.3, size=27)
    options = {"momentum": momentum, "nesterov": nesterov, "batches": batches}
    run = propagate(rates, start=1.0, average=average, **options)
    mean, variance = explicit(rates, average, momentum, nesterov, batches)
    np.testing.assert_allclose(run.average_mean, mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(run.average_variance, variance, rtol=1e-12, atol=1e-14)


def test_an_uncertain_start_adds_its_variance():
    rates = np.full(9, 0.2)
    known, uncertain = (propagate(rates, variance=v, average=SWA()) for v in (0.0, 3.0))
    (moved,) = (propagate(rates, start=1.0, average=SWA()).average_mean,)
    gain = uncertain.average_variance - known.average_variance
    np.testing.assert_allclose(gain, 3 * moved**2, rtol=1e-12)


def test_the_derived_transients_are_propagated():
    from catapult_sim.symbolic import minibatch as derived

    run = propagate(np.full(40, 0.3), start=1.0, variance=2.0, average=SWA())
    values = {derived.a: 0.3, derived.t: 40, derived.V: 2}
    for found, form in (
        (run.mean[-1], derived.mean_after()),
        (run.variance[-1], derived.variance_after()),
        (run.average_mean[-1], derived.growing_mean()),
    ):
        assert found == pytest.approx(float(form.subs(values)), rel=1e-12)
    run = propagate(np.full(40, 0.3), average=SWA())
    expected = float(derived.growing_variance().subs(values))
    assert run.average_variance[-1] == pytest.approx(expected, rel=1e-12)


def test_a_step_is_the_derived_one():
    from catapult_sim.symbolic import minibatch as derived

    for nesterov in (False, True):
        moments = derived.moments(derived.step(derived.beta, nesterov=nesterov)).numpy()
        state = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
        for _ in range(12):
            state = moments(state, 0.4, 0.6)
        run = propagate(np.full(12, 0.4), start=1.0, momentum=0.6, nesterov=nesterov)
        np.testing.assert_allclose([run.mean[-1], run.variance[-1]], state[[0, 2]], rtol=1e-12)


SCHEDULE = np.concatenate([np.full(30, 0.8), 0.8 / np.arange(1, 31)])
COUNT = 20_000


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"average": EMA(0.9)},
        {"average": SWA(20)},
        {"average": Window(12)},
        {"average": TwoPoint(10)},
        {"momentum": 0.6, "average": TwoPoint(10)},
        {"momentum": 0.6, "nesterov": True},
        {"batches": 5},
        {"batches": 5, "average": EMA(0.9)},
    ],
    ids=named,
)
def test_samples_agree_within_three_standard_errors(options):
    run = propagate(SCHEDULE, start=0.5, **options)
    found = sample(SCHEDULE, start=0.5, rng=3, ensemble=(COUNT,), **options).averages
    for t in (7, 30, 44, 60):
        mean, variance = run.average_mean[t], run.average_variance[t]
        squares = (found[t] - mean) ** 2
        errors = np.sqrt(variance / COUNT), squares.std() / np.sqrt(COUNT)
        assert abs(found[t].mean() - mean) < 3 * errors[0]
        assert abs(squares.mean() - variance) < 3 * errors[1]


def test_a_larger_ensemble_begins_with_the_runs_of_a_smaller_one():
    few, many = (
        sample(np.full((5, 2), 0.3), batches=2, rng=0, ensemble=(n,)).iterates for n in (3, 7)
    )
    assert many.shape == (6, 7, 2)
    np.testing.assert_array_equal(few, many[:, :3])


def test_members_do_not_depend_on_their_company():
    rates = np.linspace(0.1, 1.9, 12).reshape(4, 3)
    together = propagate(rates, start=[1.0, 2.0, 3.0], average=Window(2))
    for i in range(3):
        alone = propagate(rates[:, i], start=i + 1.0, average=Window(2))
        np.testing.assert_allclose(together.average_variance[:, i], alone.average_variance)
        np.testing.assert_allclose(together.average_mean[:, i], alone.average_mean)


def test_the_end_of_an_epoch_has_met_everything():
    run = propagate(np.full(4, 1.0), batches=4)
    np.testing.assert_allclose(run.variance[1:], 1.0)  # at a = 1 an iterate is the last minimum
    mean_of_epoch = propagate(1 / np.arange(1.0, 5.0), batches=4)
    assert mean_of_epoch.variance[-1] == pytest.approx(0, abs=1e-15)


def test_equal_variance_is_equal_rate():
    np.testing.assert_allclose(equivalent_rate(stationary_variance(RATES)), RATES, rtol=1e-14)


@pytest.mark.parametrize("call", [propagate, sample, stationary_variance])
@pytest.mark.parametrize(
    ("rates", "options", "message"),
    [
        ([2.0], {}, "rates must be at least 0 and below 2, where .* no bound; got 2"),
        ([0.5, -0.1], {}, "got -0.1"),
        ([3.2], {"momentum": 0.5}, "below 3, .* got 3.2"),
        ([1.5], {"momentum": 0.5, "nesterov": True}, "below 1.5, .* got 1.5"),
        ([np.nan], {}, "got nan"),
        ([0.5], {"batches": 1}, "batches must be an integer of at least 2; got 1"),
        ([0.5], {"average": 0.9}, "average must be EMA.* got 0.9"),
        ([0.5], {"momentum": 1.0}, "momentum must satisfy"),
    ],
)
def test_unsafe_input_is_refused_with_the_reason(call, rates, options, message):
    with pytest.raises(InputError, match=message):
        call(rates, **options)


@pytest.mark.parametrize(
    ("rates", "options", "message"),
    [
        (0.0, {}, "rates must be positive; got 0"),
        (0.5, {"average": SWA()}, "average must not be SWA"),
        (0.5, {"average": EMA(0.5), "momentum": 0.5}, "got several"),
    ],
)
def test_what_has_no_closed_form_is_refused(rates, options, message):
    with pytest.raises(InputError, match=message):
        stationary_variance(rates, **options)
