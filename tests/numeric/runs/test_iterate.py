"""Iterating a step: endings, labels, observers."""

import warnings

import numpy as np
import pytest
import sympy as sp

from catapult_sim.numeric.runs import strides
from catapult_sim.numeric.runs.iterate import iterate
from catapult_sim.numeric.runs.phases import Phase, classify
from catapult_sim.numeric.runs.trajectory import Outcome, final, peak
from catapult_sim.symbolic import linear_net
from catapult_sim.validation import InputError


def scripted(losses):
    """A run whose losses, one row per member, are given: the state is (member, step)."""
    losses = np.asarray(losses, dtype=float)

    def loss(state):
        member, step = state.astype(int).T
        return losses[member, np.minimum(step, losses.shape[1] - 1)]

    start = np.stack([np.arange(len(losses)), np.zeros(len(losses))], axis=-1)
    return start, {"loss": loss}


def count(state):
    return state + np.array([0.0, 1.0])


def decay(state, rate):
    return state * (1 - rate[:, None])


def square(state, *_):
    return state[:, 0] ** 2


def test_every_member_ends_as_its_losses_say():
    rows = [
        [1, np.nan, np.nan, np.nan],  # straight to NaN
        [1, np.inf, np.inf, np.inf],  # straight to infinity
        [1, 1e4, 1e-3, 0],  # a catapult
        [1, 0.9, 0.8, 0.7],  # slow
        [0, 0, 0, 0],  # solved from the start: a true value of 0 is not "not measured"
        [np.nan, 1, 1, 1],  # not a number from the start
        [np.inf, np.inf, np.inf, np.inf],  # infinite from the start
        [1e300, np.inf, np.inf, np.inf],  # beyond a bound that is infinite itself
    ]
    start, loss = scripted(rows)
    run = iterate(count, start, steps=3, **loss)
    assert [Outcome(o).name for o in run.outcome] == [
        "DIVERGED",
        "DIVERGED",
        "CONVERGED",
        "RUNNING",
        "CONVERGED",
        "DIVERGED",
        "DIVERGED",
        "DIVERGED",
    ]
    np.testing.assert_array_equal(run.stopped, [1, 1, 3, 3, 0, 0, 0, 1])
    np.testing.assert_array_equal(peak(run)[:5], [1, np.inf, 1e4, 1, 0])
    np.testing.assert_array_equal(final(run)[1:5], [np.inf, 0, 0.7, 0])


@pytest.mark.parametrize("tolerance", [0.0, 1e-4])
def test_a_loss_that_stays_infinite_has_diverged_whatever_the_tolerance(tolerance):
    start, loss = scripted([[np.inf, np.inf, np.inf]])
    run = iterate(count, start, steps=2, tolerance=tolerance, **loss)
    assert (run.outcome[0], run.stopped[0]) == (Outcome.DIVERGED, 0)
    assert classify(run)[0] == Phase.DIVERGENT


def test_what_comes_after_the_end_of_a_member_is_not_measured():
    run = iterate(decay, [1.0], [0.9, 0.1], loss=square, steps=4, tolerance=0.5)
    np.testing.assert_array_equal(
        np.isnan(run.values["loss"][:, 0]), [False, False, True, True, True]
    )
    np.testing.assert_allclose(run.values["loss"][:, 1], 0.81 ** np.arange(5))


def test_each_member_keeps_the_state_of_its_last_loss():
    run = iterate(decay, [1.0], [0.9, 0.1, 30.0], loss=square, steps=400, tolerance=0.5)
    np.testing.assert_allclose(run.state[:, 0] ** 2, final(run))


def test_ensemble_axes_broadcast_like_arrays():
    run = iterate(decay, np.ones((5, 1)), np.full((3, 1), 0.1), loss=square, steps=2)
    assert run.values["loss"].shape == (3, 3, 5)
    assert run.state.shape == (3, 5, 1)
    assert run.outcome.shape == run.stopped.shape == (3, 5)


def test_a_run_is_cut_after_its_last_member():
    assert iterate(decay, [1.0], [0.9, 0.99], loss=square, steps=100, tolerance=1e-3).step[-1] == 2


def test_zero_steps_record_the_start():
    run = iterate(decay, [2.0], 0.5, loss=square, steps=0)
    np.testing.assert_array_equal(run.values["loss"], [4.0])


def test_measuring_does_not_change_the_run():
    plain = iterate(decay, [1.0], [0.3, 2.5], loss=square, steps=50)
    seen = []
    observed = iterate(
        decay,
        [1.0],
        [0.3, 2.5],
        loss=square,
        steps=50,
        observe={"x": lambda s: seen.append(1) or s[:, 0]},
        every=7,
    )
    np.testing.assert_array_equal(plain.values["loss"], observed.values["loss"])
    np.testing.assert_array_equal(plain.state, observed.state)
    np.testing.assert_array_equal(np.isfinite(observed.values["x"][:, 0]), observed.step % 7 == 0)
    assert len(seen) == 8 + 1  # the first tells how much memory is required


def test_the_caller_s_arrays_are_left_alone():
    state, rate = np.ones((2, 1)), np.array([0.1, 0.2])
    iterate(decay, state, rate, loss=square, steps=5)
    np.testing.assert_array_equal(state, np.ones((2, 1)))
    np.testing.assert_array_equal(rate, [0.1, 0.2])


def test_blocks_do_not_change_a_bit(monkeypatch):
    rates = np.linspace(0.1, 2.3, 37)
    whole = iterate(decay, [1.0], rates, loss=square, steps=60, tolerance=1e-6)
    monkeypatch.setattr(strides, "BLOCK_BYTES", 40)
    parts = iterate(decay, [1.0], rates, loss=square, steps=60, tolerance=1e-6)
    np.testing.assert_array_equal(whole.values["loss"], parts.values["loss"])
    np.testing.assert_array_equal(whole.outcome, parts.outcome)


@pytest.mark.parametrize("wrong", [{"steps": -1}, {"steps": 2.5}, {"steps": 3, "every": 0}])
def test_wrong_counts_are_refused(wrong):
    with pytest.raises(InputError, match="must be an integer of at least"):
        iterate(decay, [1.0], 0.1, loss=square, **wrong)


def test_single_precision_stays_single_and_its_overflow_is_a_divergence():
    def squared(x):
        assert x.dtype == np.float32
        return x * x

    start = np.array([[1.0], [2.0]], dtype=np.float32)
    run = iterate(squared, start, loss=lambda x: x[:, 0], steps=20)
    assert run.state.dtype == np.float32
    assert run.values["loss"].dtype == float
    assert run.outcome.tolist() == [Outcome.RUNNING, Outcome.DIVERGED]
    assert run.stopped[1] == 7  # 2^(2^7) is beyond 3.4e38, far below the escape of doubles


f, lam, eta, n = (linear_net.f, linear_net.lam, linear_net.eta, linear_net.n)


def by_hand(f, lam, eta, n, steps):
    """The paper's equations 2, one number at a time."""
    losses = [f**2 / 2]
    for _ in range(steps):
        f, lam = f * (1 - eta * lam + eta**2 * f**2 / n), lam + eta * f**2 / n * (eta * lam - 4)
        losses.append(f**2 / 2)
    return losses


def test_a_derived_rule_runs_and_has_phases():
    rates = np.array([0.5, 1.5, 2.1])
    run = iterate(linear_net.sample_map(), [1.0, 2.0], eta=rates, n=1e4, steps=40)
    expected = np.transpose([by_hand(1.0, 2.0, rate, 1e4, 10) for rate in rates])
    np.testing.assert_allclose(run.values["loss"][:11], expected, rtol=1e-11)
    assert classify(run).tolist() == [Phase.LAZY, Phase.CATAPULT, Phase.DIVERGENT]


def test_parameters_go_by_name_by_word_or_in_order():
    rule, start, options = linear_net.sample_map(), [[1.0, 2.0]], {"steps": 5}
    ways = [
        iterate(rule, start, 0.3, 50, **options),
        iterate(rule, start, 0.3, n=50, **options),
        iterate(rule, start, n=50, eta=0.3, **options),
        iterate(rule, start, n=50, learning_rate=0.3, **options),
        iterate(rule.numpy(), start, 0.3, 50, loss=lambda s, *_: s[:, 0] ** 2 / 2, **options),
    ]
    for run in ways[1:]:
        np.testing.assert_array_equal(run.values["loss"], ways[0].values["loss"])


@pytest.mark.parametrize(
    ("parameters", "named", "got"),
    [
        ([], {}, "none"),
        ([0.1], {}, "a value"),
        ([0.1], {"eta": 0.1}, "a value, eta"),
        ([], {"eta": 0.1, "learning_rate": 0.1, "n": 3}, "eta, learning_rate, n"),
        ([], {"eta": 0.1, "width": 3}, "eta, width"),
    ],
)
def test_parameters_that_are_not_the_rule_s_are_refused(parameters, named, got):
    sentence = f"sample-map requires the 2 parameters eta, n, in this order or by name; got {got}"
    with pytest.raises(InputError, match=sentence):
        iterate(linear_net.sample_map(), [1.0, 2.0], *parameters, steps=1, **named)


def test_a_loss_may_be_an_expression_or_a_function_of_state_and_parameters():
    rule, options = linear_net.sample_map(), {"eta": [0.1, 0.2], "n": 9.0, "steps": 3}
    typed = iterate(rule, [1.0, 2.0], loss=eta * lam + f / n, **options)
    given = iterate(rule, [1.0, 2.0], loss=lambda s, e, w: e * s[:, 1] + s[:, 0] / w, **options)
    np.testing.assert_allclose(typed.values["loss"], given.values["loss"], rtol=1e-14)
    np.testing.assert_allclose(typed.values["loss"][0], [0.2 + 1 / 9, 0.4 + 1 / 9])
    constant = iterate(rule, [1.0, 2.0], loss=sp.Integer(1), **options)
    np.testing.assert_array_equal(constant.values["loss"], np.ones((4, 2)))


def test_a_step_returns_the_next_state_alone():
    with pytest.raises(
        InputError, match=r"a step must return the next state alone, .* got a tuple"
    ):
        iterate(lambda x: (x, x[:, 0]), [1.0], steps=1)
    with pytest.raises(InputError, match="a step takes its parameters in its order; got rate"):
        iterate(decay, [1.0], rate=0.1, steps=1)
    with pytest.raises(InputError, match=r"got n, eta \(a derivation is a function .* sample_map"):
        iterate(linear_net.sample_map, [1.0, 2.0], n=100, eta=1.0, steps=1)
    with pytest.raises(InputError, match="must be a function of its state; got 'x'"):
        iterate(decay, [1.0], 0.1, loss="x", steps=1)


def test_without_a_loss_the_state_is_observed_until_it_is_no_longer_finite():
    run = iterate(lambda x: x**2, [[0.5], [1e100]], steps=3)
    assert list(run.values) == ["state"]
    np.testing.assert_array_equal(run.values["state"][:, 0, 0], [0.5, 0.25, 0.0625, 0.00390625])
    assert run.outcome.tolist() == [Outcome.RUNNING, Outcome.DIVERGED]
    assert run.stopped.tolist() == [3, 2]


@pytest.mark.parametrize("start", [np.array([0.5j]), [1 + 0j], np.ones(1, np.complex64)])
@pytest.mark.parametrize("rule", [lambda state: state / 2, linear_net.sample_map()])
def test_complex_states_are_refused_without_a_warning(rule, start):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match="state must be an array of numbers; got"):
            iterate(rule, start, steps=2)
