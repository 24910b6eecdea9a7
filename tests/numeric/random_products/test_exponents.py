"""Growth rates of random products, against closed forms, Kronecker powers and one another."""

import math

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq

from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.random_products.exponents import (
    RandomMatrices,
    lyapunov,
    population,
    second_moment,
    tail,
    transfer,
)
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd, threshold
from catapult_sim.symbolic import minibatch as symbolic
from catapult_sim.validation import InputError


def some_matrices(seed, count=4, size=2, scale=0.8):
    rng = np.random.default_rng(seed)
    chances = rng.random(count)
    return RandomMatrices(scale * rng.normal(size=(count, size, size)), chances / chances.sum())


def by_kronecker_powers(random, power):
    """Return log of the spectral radius of E[M x M x ...]: the growth of an even moment."""
    total = 0.0
    for M, p in zip(random.matrices, random.probabilities, strict=True):
        product = np.ones((1, 1))
        for _ in range(power):
            product = np.kron(product, M)
        total = total + p * product
    return np.log(np.abs(np.linalg.eigvals(total)).max())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("power", [2, 4, 6])
def test_even_moments_grow_like_kronecker_powers(seed, power):
    random = some_matrices(seed)
    truth = by_kronecker_powers(random, power)
    assert transfer(random, power) == pytest.approx(truth, abs=1e-10)
    if power == 2:
        assert second_moment(random) == pytest.approx(truth, abs=1e-12)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_the_second_moment_is_exact_at_any_size(size):
    random = some_matrices(7, size=size)
    assert second_moment(random) == pytest.approx(by_kronecker_powers(random, 2), abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("q", [0.3, 1.0, 2.7])
def test_commuting_matrices_grow_like_their_fastest_coordinate(q, size):
    rng = np.random.default_rng(3)
    entries, chances = rng.normal(size=(5, size)), np.full(5, 0.2)
    turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
    random = RandomMatrices(turn @ (entries[:, :, None] * np.eye(size)) @ turn.T, chances)
    truth = np.log((chances @ np.abs(entries) ** q).max())
    assert transfer(random, q) == pytest.approx(truth, abs=1e-12)
    typical = (chances @ np.log(np.abs(entries))).max()
    assert lyapunov(random).value == pytest.approx(typical, abs=1e-12)
    found = population(random, q, draws=300, walkers=300, repeats=4)
    assert abs(found.value - truth) < 4 * found.error + 5e-3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("q", [0.0, 0.5, 1.5])
def test_populations_agree_with_the_operator(seed, q):
    random = some_matrices(seed)
    found = population(random, q, rng=seed)
    exact = transfer(random, q) if q else lyapunov(random).value
    assert abs(found.value - exact) < 4 * found.error + 1e-3


def test_the_lyapunov_exponent_is_the_slope_of_the_moments_at_zero():
    random = some_matrices(1)
    slope = (transfer(random, 1e-4) - 0.0) / 1e-4
    assert lyapunov(random).value == pytest.approx(slope, abs=1e-3)


PROBLEMS = {
    "two orthogonal samples": (np.diag([1.0, 3.0]), 0.55, 1, "replacement"),
    "correlated": (np.array([[2.0, 1.2], [1.2, 3.0]]), 0.55, 1, "replacement"),
    "three samples": (np.array([[2.0, 1, 0], [1, 2, 1], [0, 1, 2.0]]), 0.8, 1, "replacement"),
    "four in pairs": (None, 1.4, 2, "replacement"),
    "reshuffled": (None, 0.9, 1, "repartitioned"),
    "fixed batches": (None, 0.9, 1, "shuffled"),
}


FEW = {"draws": 200, "walkers": 300, "repeats": 4}


def problem(name):
    kernel, rate, size, sampling = PROBLEMS[name]
    if kernel is None:
        angles = np.array([0.0, 0.5, 1.1, 2.0])
        inputs = np.array([0.8, 1.0, 1.3, 1.6])[:, None] * np.stack(
            [np.cos(angles), np.sin(angles)], axis=1
        )
        kernel = inputs @ inputs.T
    return linear_sgd(kernel, rate, size, sampling=sampling)


@pytest.mark.parametrize("name", PROBLEMS)
def test_batches_that_are_drawn_move_like_those_that_are_listed(name):
    sgd = problem(name)
    listed, C = sgd.matrices(), np.eye(sgd.size) + 0.1
    assert listed.probabilities.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(sgd.covariance(C), listed.covariance(C), atol=1e-12)
    rng, z = np.random.default_rng(0), np.ones((40_000, sgd.size))
    moved = sgd.advance(z, rng)
    mean = np.tensordot(listed.probabilities, listed.matrices, axes=1) @ z[0]
    error = moved.std(axis=0) / 200
    assert np.all(np.abs(moved.mean(axis=0) - mean) < 5 * error + 1e-12)


def test_a_step_is_that_of_sgd_on_outputs():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(4, 3))
    K, f = X @ X.T, X @ rng.normal(size=3)
    sgd, rows = linear_sgd(K, 0.3, 2), [1, 3]
    after = f - 0.3 / 2 * K[:, rows] @ f[rows]
    z = sgd.vectors.T @ f
    np.testing.assert_allclose(sgd.vectors @ (sgd.matrix(rows) @ z), after, atol=1e-13)


def test_an_infinitely_wide_network_follows_these_steps():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(5, 2)), np.zeros(5)
    net = LinearNet(X, y, width=math.inf)
    state, batches = net.init(rng=0), [[0], [3], [2], [2]]
    K = 5 * net.kernel(state)
    sgd, f = linear_sgd(K, 0.4), net.predict(state)[:, 0]
    z = sgd.vectors.T @ f
    for rows in batches:
        z = sgd.matrix(rows) @ z
    run = net.train(learning_rate=0.4, steps=4, state=state, batches=batches)
    np.testing.assert_allclose(net.predict(run.state)[:, 0], sgd.vectors @ z, atol=1e-13)


@pytest.mark.parametrize("name", PROBLEMS)
def test_tails_by_both_methods_agree(name):
    sgd = problem(name)
    exact = tail(sgd.matrices() if sgd.size <= 2 else sgd, **FEW)
    sampled = tail(sgd, rng=1, **FEW)
    if exact.value in (0.0, math.inf):
        assert sampled.value == exact.value
        return
    assert abs(sampled.value - exact.value) < 4 * math.hypot(sampled.error, exact.error) + 0.01


def test_the_tail_of_a_walk_is_seen_in_its_maxima():
    """P(max > R) falls as R^-theta for the walk of log |z| with steps log 2 and -log 4."""
    coin = RandomMatrices(np.array([[[2.0]], [[0.25]]]), np.array([0.5, 0.5]))
    theta = np.log2((1 + np.sqrt(5)) / 2)
    assert tail(coin).value == pytest.approx(theta, abs=1e-10)
    rng = np.random.default_rng(0)
    walk = np.cumsum(np.where(rng.random((200_000, 120)) < 0.5, 1.0, -2.0), axis=1)
    highest = walk.max(axis=1)
    share = [np.mean(highest >= level) for level in (3, 7)]
    assert np.log2(share[0] / share[1]) / 4 == pytest.approx(theta, abs=0.03)


def test_nothing_grows_has_no_tail_and_what_grows_has_a_full_one():
    shrinking = RandomMatrices(0.5 * np.eye(2)[None], np.ones(1))
    growing = RandomMatrices(1.5 * np.eye(2)[None], np.ones(1))
    assert tail(shrinking).value == math.inf
    assert tail(growing).value == 0.0


@pytest.mark.parametrize("samples", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_orthogonal_samples_grow_as_sympy_derives(samples, size):
    """The second and the fourth moment, and the threshold, to 1e-10."""
    known = {symbolic.m: samples, symbolic.b: size}
    factors = [symbolic.moment_factor(power).subs(known) for power in (2, 4)]
    for a in (0.6, 1.7, 3.1):
        sgd = linear_sgd(a * np.eye(samples), 1.0, size)
        square, fourth = (float(sp.log(factor.subs(symbolic.a, a))) for factor in factors)
        assert second_moment(sgd) == pytest.approx(square, abs=1e-10)
        assert transfer(sgd.matrices(), 2) == pytest.approx(square, abs=1e-10)
        assert transfer(sgd.matrices(), 4) == pytest.approx(fourth, abs=1e-10)
    end = float(symbolic.mean_square_threshold().subs(known))
    assert threshold(np.eye(samples), size) == pytest.approx(end, abs=1e-9)


@pytest.mark.parametrize("a", [0.4, 1.6, 2.7])
def test_batches_of_one_orthogonal_sample_grow_as_sympy_derives(a):
    known = {symbolic.m: 3, symbolic.a: a}
    matrices = linear_sgd(a * np.eye(3), 1.0).matrices()
    for q in (0.5, 1.3, 3.0):
        moment = float(symbolic.moment_growth().subs(known | {symbolic.q: q}))
        assert transfer(matrices, q) == pytest.approx(moment, abs=1e-10)
    typical = float(symbolic.typical_growth().subs(known))
    assert lyapunov(matrices).value == pytest.approx(typical, abs=1e-10)


def test_thresholds_of_orthogonal_samples_are_closed_forms():
    """One of m orthogonal samples a step: 1 - 2/m + ... of each; E (1 - eta k)^2 = 1 at 2/k."""
    assert threshold(np.diag([1.0, 2.0])) == pytest.approx(1.0, abs=1e-9)
    typical = threshold(np.diag([1.0, 2.0]), growth="typical")
    assert typical == pytest.approx(1.0, abs=1e-6)
    # In pairs with replacement: 1/4 of both, 1/2 of one with half the rate, 1/4 of none.
    square = brentq(lambda c: 0.25 * (1 - c) ** 2 + 0.5 * (1 - c / 2) ** 2 + 0.25 - 1, 1, 4)
    assert threshold(np.eye(2), 2) == pytest.approx(square, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear_sgd([[1.0, 2.0]], 0.1), "kernel must be a symmetric matrix"),
        (lambda: linear_sgd(-np.eye(2), 0.1), "kernel must be positive semidefinite"),
        (lambda: linear_sgd(np.eye(3), 0.1, 2, sampling="shuffled"), "batch_size must divide"),
        (lambda: linear_sgd(np.eye(3), 0.1, sampling="odd"), "sampling must be one of"),
        (lambda: linear_sgd(np.eye(30), 0.1, 15).matrices(), "list of all batches"),
        (lambda: transfer(some_matrices(0, size=3), 1.0), "at most 2 coordinates"),
        (lambda: transfer(some_matrices(0), -1.0), "q must be"),
        (lambda: threshold(np.eye(2), growth="odd"), "growth must be one of"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()
