"""The samples of a large network shared out among threads: the same derivatives."""

import os
import signal
import threading
import warnings

import numpy as np
import pytest
import threadpoolctl

from catapult_sim.mlp import passes as split_passes
from catapult_sim.mlp.convolution import Convolution
from catapult_sim.mlp.dense import Dense
from catapult_sim.mlp.network import MLP, Network
from catapult_sim.mlp.passes import Passes
from catapult_sim.mlp.point import Point
from catapult_sim.mlp.residual import Residual
from catapult_sim.numeric.runs import blas_threads

NETWORKS = {
    "mlp": MLP([6, 5, 5, 3], activation="tanh", biases=True, weight_decay=0.1),
    "layers": Network(
        (4, 4, 1),
        [
            Convolution(3, 3, padding=1),
            "softplus",
            Residual([Convolution(3, 3, padding=1), "tanh"]),
            Dense(3),
        ],
        loss="cross_entropy",
    ),
}


def problem(network, samples=11, leading=()):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(samples, network.inputs))
    y = np.eye(network.outputs)[rng.integers(network.outputs, size=samples)]
    theta = 0.5 * rng.normal(size=(*leading, network.size))
    return theta, X, y, rng.normal(size=theta.shape), rng.normal(size=(*leading, *y.shape))


def split_point(network, theta, X, y, parts):
    passes = split_passes.SplitPasses([network.passes(3) for _ in range(parts)])
    return Point(passes, network.objective, theta, X, y)


def results(point, v, s):
    """Return all that a point computes, in an order in which each needs what was before."""
    return {
        "outputs": point.outputs,
        "loss": point.loss,
        "gradient": point.gradient(),
        "hessian": point.hessian_product(v),
        "sharpness": point.sharpness_gradient(v),
        "gauss_newton": point.gauss_newton_product(v),
        "jacobian": point.jacobian_product(v),
        "transposed": point.transposed_jacobian_product(s),
        "kernel": point.kernel_product(s),
        "gradient again": point.gradient(),
    }


@pytest.mark.parametrize("leading", [(), (2,)])
@pytest.mark.parametrize("parts", [1, 2, 3, 20])
@pytest.mark.parametrize("name", NETWORKS)
def test_parts_compute_what_the_whole_does(name, parts, leading):
    network = NETWORKS[name]
    theta, X, y, v, s = problem(network, leading=leading)
    whole = results(network.point(theta, X, y), v, s)
    for what, found in results(split_point(network, theta, X, y, parts), v, s).items():
        np.testing.assert_allclose(found, whole[what], rtol=1e-12, atol=1e-13, err_msg=what)


def test_it_moves_to_fewer_samples_and_back():
    network = NETWORKS["mlp"]
    theta, X, y, _, _ = problem(network)
    point = split_point(network, theta, X, y, 3)
    for rows in (slice(2), slice(1), slice(None)):
        moved = point.move(2 * theta, X[rows], y[rows])
        expected = network.gradient(2 * theta, X[rows], y[rows])
        np.testing.assert_allclose(moved.gradient(), expected, rtol=1e-12, atol=1e-13)


@pytest.fixture
def two_threads(monkeypatch):
    """Share out everything between two threads, on whatever machine."""
    monkeypatch.setattr(split_passes, "LEAST_WORK", 0)
    monkeypatch.setattr(split_passes, "LEAST_SAMPLES", 1)
    with threadpoolctl.threadpool_limits(2, "blas"):
        yield


def kinds(point):
    return type(point._passes)


def test_only_what_is_large_is_shared_out(two_threads, monkeypatch):
    network = NETWORKS["mlp"]
    theta, X, y, _, _ = problem(network)
    assert kinds(network.at(theta, X, y)) is split_passes.SplitPasses
    with blas_threads.one_thread():
        assert kinds(network.at(theta, X, y)) is Passes
    monkeypatch.setattr(split_passes, "LEAST_WORK", 2**20)
    assert kinds(network.at(theta, X, y)) is Passes
    wide = MLP([6, 1000, 1000, 3])
    X, y = np.resize(X, (130, 6)), np.resize(y, (130, 3))
    assert kinds(wide.at(wide.init(rng=0), X, y)) is split_passes.SplitPasses
    monkeypatch.setattr(split_passes, "LEAST_SAMPLES", 66)
    assert kinds(wide.at(wide.init(rng=0), X, y)) is Passes


def test_threads_change_no_bit_of_the_parts(two_threads):
    network = NETWORKS["layers"]
    theta, X, y, v, s = problem(network)
    side_by_side = results(split_point(network, theta, X, y, 2), v, s)
    with blas_threads.one_thread():
        in_turn = results(split_point(network, theta, X, y, 2), v, s)
    for what, found in side_by_side.items():
        assert np.array_equal(found, in_turn[what]), what


def test_overflow_warns_as_the_caller_asks(two_threads):
    network = NETWORKS["mlp"]
    theta, X, y, _, _ = problem(network)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        point = network.at(1e200 * theta, 1e200 * X, y)
        assert not np.isfinite(point.gradient()).all()


def test_linear_algebra_gets_its_threads_back(two_threads):
    before = blas_threads.threads()
    seen = blas_threads.side_by_side([blas_threads.threads] * 2)
    assert (before, seen, blas_threads.threads()) == (2, [1, 1], 2)


def test_all_tasks_run_at_the_same_time(two_threads):
    meeting = threading.Barrier(3, timeout=20)
    assert sorted(blas_threads.side_by_side([meeting.wait] * 3)) == [0, 1, 2]


def test_the_first_failure_is_raised_when_all_have_ended(two_threads):
    ended = []

    def fails():
        raise ValueError("one")

    for tasks in ([fails, lambda: ended.append(1)], [lambda: ended.append(1), fails]):
        with pytest.raises(ValueError, match="one"):
            blas_threads.side_by_side(tasks)
    assert ended == [1, 1]
    assert blas_threads.threads() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(two_threads):
    network = NETWORKS["mlp"]
    theta, X, y, _, _ = problem(network)
    expected = network.gradient(theta, X, y)
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # ends it where it waits for threads that it does not have
        same = np.array_equal(network.gradient(theta, X, y), expected)
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
