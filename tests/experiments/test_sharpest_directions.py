"""Runs beside their sharpest directions, against loops written out and dense Hessians."""

from unittest.mock import patch

import numpy as np
import pytest

from catapult_sim.experiments.sharpest_directions import track
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.passes import Passes
from catapult_sim.mlp.training import train
from catapult_sim.numeric.curvature.directions import ESCAPES
from catapult_sim.validation import InputError
from tests.numeric.curvature.dense import angle

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2))
NET = MLP([4, 6, 2], activation="tanh")
THETA = NET.init(rng=1)


def dense(theta, rows=slice(None)):
    nudged = theta + 1e-30j * np.eye(NET.size)
    return np.linalg.eigh(NET.gradient(nudged, X[rows], Y[rows]).imag / 1e-30)


def run(theta=THETA, **options):
    defaults = {"learning_rate": 0.1, "batch_size": 3, "steps": 10, "k": 2, "rng": 0}
    return track(NET, theta, X, Y, **defaults | options)


def seen_batches(member_seed=0, size=3, steps=10):
    """The rows of a run, from what its gradients were asked for."""
    rows, real = [], Passes.move

    def spied(passes, theta, inputs):
        if inputs.shape[-2] == size:
            rows.append([int(np.flatnonzero((x == X).all(axis=1))[0]) for x in inputs[0]])
        return real(passes, theta, inputs)

    options = {"learning_rate": 0.1, "batch_size": size, "steps": steps, "k": 1}
    with patch.object(Passes, "move", spied):
        track(NET, THETA, X, Y, rng=member_seed, **options)
    return rows


def test_batches_are_the_samples_dealt_anew_every_epoch():
    rows = seen_batches()
    for epoch in (rows[:4], rows[4:8]):
        assert sorted(row for batch in epoch for row in batch) == list(range(12))
    assert rows[:4] != rows[4:8]
    assert rows == seen_batches() != seen_batches(member_seed=1)


def test_members_that_begin_alike_see_batches_of_their_own():
    ends = run(np.stack([THETA, THETA])).state
    assert (ends[0] != ends[1]).any()


def test_gamma_one_is_sgd_bit_for_bit_however_often_it_is_measured():
    theta = THETA.copy()
    for rows in seen_batches():
        theta = theta - 0.1 * NET.gradient(theta, X[rows], Y[rows])
    for every in (1, 5):
        assert run(every=every).state.tobytes() == theta.tobytes()


def test_whole_batches_are_gradient_descent():
    expected = train(NET, THETA, X, Y, learning_rate=0.1, steps=10)
    found = run(batch_size=12)
    np.testing.assert_allclose(found.state, expected.state, rtol=1e-13)
    np.testing.assert_allclose(found.values["loss"], expected.values["loss"], rtol=1e-13)


def test_eigenpairs_along_a_run_are_those_of_the_dense_hessian():
    found = run(steps=4, every=2, tolerance=1e-10, k=3)
    assert found.step.tolist() == [0, 2, 4]
    for step, eigenvalues in zip(found.step, found.eigenvalues, strict=True):
        at = run(steps=int(step)).state if step else THETA
        values, vectors = dense(at)
        np.testing.assert_allclose(eigenvalues, values[:-4:-1], atol=1e-9)
    assert angle(found.vectors, vectors[:, :-4:-1]) < 1e-7
    assert found.converged.all()
    assert (found.residuals < 1e-9 * values[-1] + 1e-9).all()


def test_the_curvature_of_a_subset_is_that_of_its_samples():
    found = run(steps=0, curvature_samples=5, tolerance=1e-10)
    values, _ = dense(THETA, slice(5))
    np.testing.assert_allclose(found.eigenvalues[0], values[:-3:-1], atol=1e-9)


def written_out(gamma, rest=1.0, momentum=0.0, nudged="velocity", frozen=False, k=2):
    """Nudged-SGD with projectors of dense Hessians."""
    theta, velocity, first = THETA.copy(), np.zeros(NET.size), None
    for step, rows in enumerate(seen_batches(steps=6)):
        vectors = dense(theta)[1][:, -k:]
        first = vectors if first is None else first
        top = first @ first.T if frozen else vectors @ vectors.T
        factor = gamma(step) if callable(gamma) else gamma
        scale = factor * top + rest * (np.eye(NET.size) - top)
        gradient = NET.gradient(theta, X[rows], Y[rows])
        if nudged == "gradient":
            gradient = scale @ gradient
        velocity = momentum * velocity - 0.1 * gradient
        theta = theta + (velocity if nudged == "gradient" else scale @ velocity)
    return theta


def growing(step):
    return 0.1 if step < 3 else 2.0


@pytest.mark.parametrize(
    "options",
    [
        {"gamma": 0.1},
        {"gamma": 5.0},
        {"gamma": 0.1, "momentum": 0.9},
        {"gamma": 0.1, "momentum": 0.9, "nudged": "gradient"},
        {"gamma": growing},
        {"gamma": 1.0, "rest": 0.0},
        {"gamma": 0.1, "frozen": True},
    ],
    ids=lambda options: ", ".join(f"{k} {getattr(v, '__name__', v)}" for k, v in options.items()),
)
def test_nudged_sgd_is_its_definition_with_dense_projectors(options):
    found = run(steps=6, tolerance=1e-12, **options)
    np.testing.assert_allclose(found.state, written_out(**options), atol=1e-8)


@pytest.mark.parametrize("name", ESCAPES)
def test_each_row_of_the_escape_ablation_is_what_its_name_says(name):
    found = run(steps=6, k=1, tolerance=1e-12, **ESCAPES[name]._asdict())
    expected = {
        "normal": {"gamma": 1},
        "only e1": {"gamma": 1, "rest": 0},
        "only the initial e1": {"gamma": 1, "rest": 0, "frozen": True},
        "all but e1": {"gamma": 0},
        "e1 times 4": {"gamma": 4},
        "e1 times 2": {"gamma": 2},
        "e1 times 1/2": {"gamma": 0.5},
        "e1 times 1/4": {"gamma": 0.25},
    }[name]
    np.testing.assert_allclose(found.state, written_out(k=1, **expected), atol=1e-8)


def test_between_measurements_the_vectors_stay():
    every = run(steps=6, every=6, gamma=0.1, tolerance=1e-12).state
    np.testing.assert_allclose(every, written_out(0.1, frozen=True), atol=1e-8)
    assert np.abs(every - run(steps=6, gamma=0.1, tolerance=1e-12).state).max() > 1e-5


def test_members_of_an_ensemble_are_the_runs_of_their_own():
    thetas = NET.init(rng=2, ensemble=(3,))
    grid = run(thetas, learning_rate=np.array([0.05, 0.2])[:, None], steps=4, gamma=0.5)
    assert grid.eigenvalues.shape == (5, 2, 3, 2)
    assert grid.vectors.shape == (2, 3, NET.size, 2)
    fewer = run(thetas[:2], learning_rate=0.2, steps=4, gamma=0.5)
    np.testing.assert_array_equal(fewer.state, grid.state[1, :2])
    np.testing.assert_array_equal(fewer.eigenvalues, grid.eigenvalues[:, 1, :2])
    sizes = run(thetas, batch_size=np.array([[3], [12]]), steps=4)
    np.testing.assert_array_equal(sizes.state[0], run(thetas, batch_size=3, steps=4).state)


def test_observing_measures_and_changes_nothing():
    seen = run(observe={"norm": lambda theta: np.linalg.norm(theta, axis=-1)})
    assert seen.values["norm"][-1] == pytest.approx(np.linalg.norm(seen.state))
    assert seen.state.tobytes() == run().state.tobytes()


def test_products_are_counted_and_few_after_the_first_time():
    found = run(steps=20, k=3)
    assert found.products.shape == (21,)
    assert found.products[1:].mean() < 10 * 3
    assert found.products_per_pair == pytest.approx(found.products.sum() / 21 / 3)


def test_where_nothing_moves_a_measurement_is_one_product_a_pair_and_a_search_beyond_them():
    one, three = (run(learning_rate=1e-12, steps=3, k=k, tolerance=1e-3) for k in (1, 3))
    assert (one.products[1:] < 1 + 12).all()
    assert (three.products[1:] < 3 + 12).all()


def test_a_divergence_is_nan_and_no_exception():
    found = run(learning_rate=1e60, steps=12)
    assert np.isfinite(found.eigenvalues[0]).all()
    assert np.isnan(found.eigenvalues[-1]).all()
    assert not found.converged[-1].any()


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="batch_size must divide the 12 samples; got 5"):
        run(batch_size=[4, 5])
    with pytest.raises(InputError, match="learning_rate must be positive"):
        run(learning_rate=-1.0)
    with pytest.raises(InputError, match="every must be an integer of at least 1"):
        run(every=0)
    with pytest.raises(InputError, match="k must be at most"):
        run(k=1000)
