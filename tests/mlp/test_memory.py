"""How much memory runs take, beside what they say that they take."""

import gc
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.passes import Passes
from catapult_sim.mlp.training import train
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.blas_threads import one_thread
from catapult_sim.numeric.runs.optimizers import HeavyBall, Regularized
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(5, 64)), RNG.normal(size=5)
NET = MLP([64, 400, 400, 1])
THETA = NET.init(rng=0)
DEEP, MANY = MLP([9, 60, 60, 60, 1], activation="gelu"), RNG.normal(size=(2000, 9))
DEEP_THETA = DEEP.init(rng=0)
LINEAR = LinearNet(RNG.normal(size=(30, 20)), RNG.normal(size=(30, 2)), width=1e6)
STATES = LINEAR.init(rng=0, ensemble=(16,))


IMAGES, CLASSES = RNG.normal(size=(60, 12, 12, 1)), RNG.normal(size=(60, 3))


def convolutional(channels, dtype="float64"):
    layers = [cs.Convolution(channels, 3, padding=1), "tanh"] * 2
    layers[2:2] = [cs.Residual([cs.Convolution(channels, 3, padding=1), "relu"])]
    return cs.Network((12, 12, 1), [*layers, cs.MeanPooling(2), cs.Dense(3)], dtype=dtype)


FILTERS = convolutional(12)
FILTERS_THETA = FILTERS.init(rng=0)


def images(memory_limit, learning_rate, **options):
    options |= {"learning_rate": learning_rate, "steps": 5, "memory_limit": memory_limit}
    train(FILTERS, FILTERS_THETA, IMAGES, CLASSES, **options)


def many(memory_limit, learning_rate, **options):
    options |= {"learning_rate": learning_rate, "steps": 5, "memory_limit": memory_limit}
    train(DEEP, DEEP_THETA, MANY, MANY[:, 0], **options)


def mlp(memory_limit, learning_rate, **options):
    options |= {"learning_rate": learning_rate, "steps": 5, "memory_limit": memory_limit}
    train(NET, THETA, X, Y, **options)


def linear(memory_limit, learning_rate, **options):
    options |= {"learning_rate": learning_rate, "steps": 20, "memory_limit": memory_limit}
    LINEAR.train(state=STATES, **options)


RUNS = {
    "a convolutional network": (images, 1e-3, {}),
    "an ensemble of convolutional networks": (images, np.full(4, 1e-3), {}),
    "one on many samples": (many, 1e-3, {}),
    "an ensemble on many samples": (many, np.full(3, 1e-3), {"optimizer": HeavyBall(0.9)}),
    "one network": (mlp, 1e-3, {}),
    "one with momentum": (mlp, 1e-3, {"optimizer": HeavyBall(0.9)}),
    "an ensemble": (mlp, np.full(20, 1e-3), {}),
    "an ensemble of which some diverge": (mlp, np.geomspace(1e-3, 1e3, 20), {}),
    "an ensemble with momentum": (mlp, np.full(20, 1e-3), {"optimizer": HeavyBall(0.9)}),
    "linear networks": (linear, np.linspace(0.01, 0.1, 60)[:, None], {}),
    "with momentum": (
        linear,
        np.linspace(0.01, 0.1, 20)[:, None],
        {"optimizer": HeavyBall(0.5)},
    ),
}


@pytest.mark.parametrize("threads", [nullcontext, one_thread], ids=["threads", "one thread"])
@pytest.mark.parametrize("name", RUNS)
def test_a_run_takes_no_more_than_it_says_and_not_much_less(name, threads):
    run, rates, options = RUNS[name]
    with threads():
        run(np.inf, rates, **options)  # what is loaded once is no part of it
        tracemalloc.start()
        run(np.inf, rates, **options)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        with pytest.raises(InputError, match=r"requires .* of memory"):
            run(most, rates, **options)
        run(3 * most, rates, **options)


KERNELS = {
    "dense": ([20, 64, 1], 100, 5, "float64"),
    "dense, several outputs": ([20, 64, 64, 3], 100, 8, "float64"),
    "passes": ([20, 512, 1], 600, 1, "float64"),
    "passes, many outputs": ([50, 128, 128, 10], 300, 3, "float64"),
    "passes of a wide layer": ([5, 2000, 2], 400, 2, "float64"),
    "unit signals": ([30, 256, 256, 256, 1], 700, 3, "float64"),
    "unit signals in single precision": ([30, 256, 256, 256, 1], 700, 1, "float32"),
}


@pytest.mark.parametrize("case", KERNELS.values(), ids=KERNELS)
def test_a_top_eigenvalue_takes_no_more_than_it_says_and_not_much_less(case):
    widths, samples, members, dtype = case
    takes_what_it_says(MLP(widths, dtype=dtype), samples, members)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("channels", "samples", "members"), [(12, 50, 2), (24, 200, 1)])
def test_that_of_a_convolutional_network_neither(channels, samples, members, dtype):
    takes_what_it_says(convolutional(channels, dtype), samples, members)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_that_of_many_filters_on_few_pixels_neither(dtype):
    layers = [cs.Convolution(48, 3, padding=1), "tanh"] * 2
    takes_what_it_says(cs.Network((3, 3, 1), [*layers, cs.Dense(8)], dtype=dtype), 30, 1)


def takes_what_it_says(net, samples, members):
    theta = net.init(rng=0, ensemble=(members,))
    inputs = np.random.default_rng(0).normal(size=(samples, net.inputs)).astype(net.dtype)
    kernel.top_eigenvalue(net, theta, inputs)
    tracemalloc.start()
    kernel.top_eigenvalue(net, theta, inputs)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    said = kernel.top_eigenvalue_bytes(net, members, samples, theta.itemsize)
    assert most <= said <= 3 * most


def test_the_arrays_of_a_forgotten_point_are_free_at_once():
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        for _ in range(3):
            point = NET.at(THETA, X, Y)
            point.hessian_product(THETA)
            point.kernel_product(np.ones((5, 1)))
            taken, _ = tracemalloc.get_traced_memory()
            del point
            left, _ = tracemalloc.get_traced_memory()
            assert left < taken / 10
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize(
    ("optimizer", "orders"),
    [(HeavyBall(0.5), {1}), (Regularized(HeavyBall(0.5), 0.1), {1, 2})],
)
def test_training_has_room_for_the_orders_that_it_takes(optimizer, orders, monkeypatch):
    made, real = set(), Passes.__init__

    def spied(self, network, inputs, orders):
        made.add(orders)
        real(self, network, inputs, orders)

    monkeypatch.setattr(Passes, "__init__", spied)
    mlp(np.inf, 1e-3, optimizer=optimizer)
    assert max(made) == max(orders)


def test_the_kernel_that_is_never_formed_is_not_counted():
    # 20 000 rows of as many numbers are 3.2 GB.
    net = MLP([784, 512, 512, 10])
    assert kernel.top_eigenvalue_bytes(net, 1, 2000, 8) < 3.2e9 / 5
