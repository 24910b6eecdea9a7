"""The implicit regulariser's coefficients, found in runs without knowing the theory."""

import numpy as np
import pytest
from scipy.linalg import expm

from catapult_sim.numeric.flows.epochs import draws, mean_epoch
from catapult_sim.numeric.flows.recovery import recover_regularizer
from catapult_sim.validation import InputError
from tests.numeric.flows.problems import PROBLEMS

STEP_SIZES = np.array([0.02, 0.01, 0.005, 0.0025])


def starts(problem, count=10):
    return problem.start + 0.3 * np.random.default_rng(0).normal(size=(count, len(problem.state)))


def recover(problem, epoch, steps, count=10):
    return recover_regularizer(
        epoch,
        problem.gradients(),
        problem.hessian_products(),
        starts(problem, count),
        STEP_SIZES / steps,
        epoch_steps=steps,
    )


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_descent_is_penalised_by_a_quarter_of_its_own_gradient_alone(problem):
    gradients = problem.gradients()
    found = recover(problem, lambda w, eps: w - eps * gradients(w).mean(axis=-2), 1)
    assert abs(found.descent.value - 0.25) < 1e-5
    assert abs(found.variance.value) < 1e-5


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
@pytest.mark.parametrize(
    ("sampling", "variance"), [("shuffled", 0.25), ("reversed_pair", 0.25), ("replacement", 0)]
)
def test_only_visiting_every_batch_once_penalises_the_variance(problem, sampling, variance):
    m = len(problem.losses)
    found = recover(problem, mean_epoch(problem.gradients(), draws(sampling, m)), m)
    assert abs(found.descent.value - 0.25) < 1e-5
    assert abs(found.variance.value - variance) < 1e-5


def test_the_extrapolation_to_step_size_zero_is_a_parabola():
    """Coefficients that are given, cubic in the step size, are fitted as NumPy fits parabolas."""
    pulls = np.random.default_rng(3).normal(size=(2, 3, 3))
    hessians = pulls @ pulls.transpose(0, 2, 1)
    mean, squares = hessians.mean(axis=0), (hessians @ hessians).mean(axis=0)
    rates = np.array([0.05, 0.1, 0.15, 0.2, 0.25])
    given = {"descent": [4, 3, -2, 0.25], "variance": [-5, 1, 2, 0.125]}  # highest power first

    def epoch(w, eps):
        descent, variance = (np.polyval(powers, eps) for powers in given.values())
        pull = 2 * (descent * mean @ mean + variance * (squares - mean @ mean)) @ w
        return expm(-eps * mean) @ w - eps**2 * pull

    found = recover_regularizer(
        epoch,
        lambda w: np.einsum("mij,...j->...mi", hessians, w),
        lambda w, v: np.einsum("mij,mj->mi", hessians, v),
        np.random.default_rng(4).normal(size=(5, 3)),
        rates,
        epoch_steps=1,
    )
    for name, powers in given.items():
        parabola = np.polyfit(rates, np.polyval(powers, rates), 2)
        assert getattr(found, name).value == pytest.approx(parabola[-1], rel=1e-6)


def test_the_standard_error_is_the_scatter_of_repeated_experiments():
    problem, rng = PROBLEMS[1], np.random.default_rng(1)
    gradients = problem.gradients()

    def epoch(weights, step_size):
        orders = rng.permuted(np.tile(np.arange(4), (20, 1)), axis=1)
        return mean_epoch(gradients, orders)(weights, step_size)

    repeated = [recover(problem, epoch, 4) for _ in range(60)]
    for found in zip(*((r.descent, r.variance) for r in repeated), strict=True):
        values = np.array([measured.value for measured in found])
        errors = np.array([measured.error for measured in found])
        scatter = values.std(ddof=1)
        assert abs(values.mean() - 0.25) < 4 * scatter / np.sqrt(len(values))
        assert 0.6 < np.sqrt(np.mean(errors**2)) / scatter < 1.7


@pytest.mark.parametrize(
    ("points", "rates", "required"),
    [
        (np.ones((2, 3)), [0.1, 0.2], r"shape \(S, P\) with S >= 3; got \(2, 3\)"),
        (np.ones((3, 3)), [0.1], "at least 2 positive step sizes"),
        (np.ones((3, 3)), [0.1, -0.1], "at least 2 positive step sizes"),
    ],
)
def test_too_little_to_fit_is_refused(points, rates, required):
    with pytest.raises(InputError, match=required):
        recover_regularizer(None, None, None, points, rates, epoch_steps=1)
