"""Architectures: their networks, written out once more, and images of half the size."""

import numpy as np
import pytest

from catapult_sim.experiments.architectures import KINDS, Architecture, halved
from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.runs.measured import NothingToMeasure


def parts(network, theta):
    return [weights for weights, _ in network.split(theta)]


def relu(z):
    return np.maximum(z, 0)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_dense_architecture_is_a_perceptron(depth):
    network = Architecture("tanh", depth).network(5, 2, 7)
    peer = MLP([5, *[7] * depth, 2], activation="tanh")
    X, theta = np.random.default_rng(0).normal(size=(4, 5)), peer.init(rng=1)
    np.testing.assert_array_equal(network.init(rng=1), theta)
    np.testing.assert_array_equal(network.predict(theta, X), peer.predict(theta, X))


@pytest.mark.parametrize(("kind", "scale"), [("residual", 1.0), ("scaled-residual", 3**-0.5)])
def test_residual_blocks_add_to_what_they_take(kind, scale):
    network = Architecture("relu", 3, kind=kind).network(5, 2, 8)
    X, theta = np.random.default_rng(0).normal(size=(4, 5)), network.init(rng=1)
    stem, *blocks, last = parts(network, theta)
    z = X @ stem / np.sqrt(5)
    for first, second in zip(blocks[::2], blocks[1::2], strict=True):
        inner = np.sqrt(2 / 8) * relu(z) @ first
        z = z + scale * relu(inner) @ second / np.sqrt(8)
    np.testing.assert_allclose(network.predict(theta, X), relu(z) @ last / np.sqrt(8), atol=1e-12)


def test_convolutions_halve_the_image_from_the_second_on():
    network = Architecture("relu", 3, kind="convolutional").network(64, 10, 4)
    shapes = [weights.shape for weights in parts(network, network.init(rng=0))]
    assert shapes == [(3, 3, 1, 4), (3, 3, 4, 4), (3, 3, 4, 4), (2 * 2 * 4, 10)]


def test_inputs_that_are_no_square_image_leave_nothing_to_measure():
    with pytest.raises(NothingToMeasure):
        Architecture("relu", 2, kind="convolutional").network(65, 10, 4)


def test_names_and_ids_tell_architectures_apart():
    every = [
        Architecture(activation, depth, inputs, kind)
        for activation in ("relu", "tanh")
        for depth in (1, 2)
        for inputs in ("global", "raw", "pixel")
        for kind in KINDS
    ]
    assert len({one.name for one in every}) == len({one.id for one in every}) == len(every)


def test_large_images_are_halved_by_means_of_four_pixels():
    X = np.random.default_rng(0).uniform(size=(3, 18 * 18))
    images = X.reshape(3, 18, 18)
    corners = [images[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    np.testing.assert_allclose(halved(X), sum(corners).reshape(3, 81) / 4)


@pytest.mark.parametrize("inputs", [64, 256, 17 * 17, 300, 1])
def test_other_inputs_stay_as_they_are(inputs):
    X = np.ones((2, inputs))
    assert halved(X) is X
