"""Invalid input is refused in one sentence: what is required, what was given."""

import numpy as np
import pytest

from catapult_sim import MLP, LinearNet, Observers, read_record, top_eigenpairs, train
from catapult_sim.datasets import subset
from catapult_sim.numeric.curvature.spectrum import spectral_density
from catapult_sim.numeric.maps.phase_map import phase_map
from catapult_sim.numeric.runs.averages import EMA
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.symbolic.linear_net import residual_map
from catapult_sim.validation import InputError

X, Y = [[1.0, 2.0], [0.0, 1.0]], [1.0, -1.0]


@pytest.mark.parametrize(
    ("inputs", "labels", "width", "sentence"),
    [
        ([[1.0, np.nan]], [1.0], 5, r"X must be finite; got nan at index \(0, 1\)"),
        ([[1.0, 2.0]], [np.inf], 5, r"y must be finite; got inf at index \(0,\)"),
        ([], [], 5, r"X must have shape \(m, d\).*got shape \(0,\)"),
        (np.empty((0, 3)), [], 5, r"X must have shape \(m, d\).*got shape \(0, 3\)"),
        ([1.0, 2.0], [1.0, 2.0], 5, r"X must have shape \(m, d\).*got shape \(2,\)"),
        (X, [1.0], 5, r"y must have shape \(2,\) or \(2, k\).*got shape \(1,\)"),
        (X, 3.0, 5, r"y must have shape.*got shape \(\)"),
        ([["a", "b"]], [1.0], 5, r"X must be an array of numbers; got \[\['a', 'b'\]\]"),
        ([[1j]], [1.0], 5, r"X must be an array of numbers; got \[\[1j\]\]"),
        (np.array([[1j]]), [1.0], 5, r"X must be an array of numbers; got array"),
        (None, None, 5, "X must be an array of numbers; got None$"),
        (X, Y, 10**400, "width must be below 1e308, or infinity; got a larger integer"),
        (X, Y, 0, "width must be a positive integer or infinity; got 0"),
        (X, Y, -3, "width must be a positive integer or infinity; got -3"),
        (X, Y, 2.5, "width must be a positive integer or infinity; got 2.5"),
        (X, Y, float("nan"), "width must be a positive integer or infinity; got nan"),
        (X, Y, "wide", "width must be a positive integer or infinity; got 'wide'"),
    ],
)
def test_wrong_data_and_widths_are_refused(inputs, labels, width, sentence):
    with pytest.raises(InputError, match=sentence):
        LinearNet(inputs, labels, width=width)


@pytest.mark.parametrize("rate", [0.0, -0.1, [0.1, 0.0], np.nan, np.inf])
def test_learning_rates_are_positive_and_finite(rate):
    with pytest.raises(InputError, match=r"learning_rate must be (positive|finite); got"):
        LinearNet(X, Y, width=5).train(learning_rate=rate, steps=3)
    net = MLP([2, 3, 1])
    with pytest.raises(InputError, match=r"learning_rate must be (positive|finite); got"):
        train(net, net.init(rng=0), X, Y, learning_rate=rate, steps=3)


class Tensor:
    """What requires a gradient, as PyTorch answers."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


def test_tensors_that_require_gradients_are_refused():
    with pytest.raises(InputError, match="X must be an array of numbers; got <"):
        LinearNet(Tensor(), Y, width=5)


@pytest.mark.parametrize("rate", [np.nan, np.float64("nan")])
def test_a_single_number_has_no_index(rate):
    with pytest.raises(InputError, match=r"learning_rate must be finite; got nan$"):
        LinearNet(X, Y, width=5).train(learning_rate=rate, steps=3)


def test_long_values_are_shortened():
    with pytest.raises(InputError, match=r"got '[x]{36}\.\.\.$"):
        LinearNet(X, Y, width="x" * 1000)


NET, CLOSURE = MLP([2, 3, 1]), LinearNet(X, Y, width=5)
THETA = NET.init(rng=0)


def trained(**options):
    return train(NET, THETA, X, Y, learning_rate=0.1, steps=2, **options)


SEED = "rng must be a numpy.random.Generator, a seed of at least 0, or None; got "
OPERATOR = "operator must be a square array, .* as network.at.theta, X, y..hessian is; got "
WRONG_TYPES = {
    "names to observe": (lambda: trained(observe=["lost"]), "observe must name some of .*'lost'"),
    "no function": (lambda: trained(observe={"a": 3}), "observe must map names to functions"),
    "of the closure": (
        lambda: CLOSURE.train(learning_rate=0.1, steps=2, observe="lost"),
        "observe must name some of .*'lost'",
    ),
    "a path": (lambda: trained(checkpoint="a.npz"), "must be a Checkpoint of a file; got 'a.npz'"),
    "seed of weights": (lambda: NET.init(rng=-1), SEED + "-1"),
    "word for a seed": (lambda: CLOSURE.init(rng="a"), SEED + "'a'"),
    "nested seeds": (lambda: NET.init(rng=[[1]]), SEED + r"\[\[1\]\]"),
    "endless seeds": (lambda: NET.init(rng=range(10**12)), SEED + "range"),
    "seed of samples": (lambda: subset(X, Y, 1, rng=1.5), SEED + "1.5"),
    "seed of batches": (lambda: minibatches(2, 1, 2, rng=-1), SEED + "-1"),
    "seed of vectors": (lambda: top_eigenpairs(np.eye(3), rng=-1), SEED + "-1"),
    "seed of a density": (lambda: spectral_density(np.eye(3), rng=-1), SEED + "-1"),
    "decay": (lambda: EMA("a"), "decay must satisfy 0 <= decay < 1; got 'a'"),
    "cells": (
        lambda: phase_map(residual_map(), D="a", Lam=1, Y=0),
        "D must be an array of numbers; got 'a'",
    ),
    "one width": (lambda: MLP(64), "widths must name inputs, hidden layers and outputs.*got 64"),
    "a network": (lambda: top_eigenpairs(NET), OPERATOR + "MLP"),
    "observers": (lambda: top_eigenpairs(Observers(NET, X, Y)), OPERATOR + "Observers"),
    "complex": (lambda: top_eigenpairs([[2, 1j], [-1j, 3]]), "real; got a product of type complex"),
}


@pytest.mark.parametrize(("call", "sentence"), WRONG_TYPES.values(), ids=WRONG_TYPES)
def test_what_is_of_a_wrong_type_gets_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_complex_products_of_a_function_are_refused():
    with pytest.raises(InputError, match="operator must be real; got a product of type complex128"):
        top_eigenpairs(lambda v: (1 + 1j) * v, size=3)


def test_a_file_that_is_no_record_is_refused(tmp_path):
    (tmp_path / "text").write_text("hello\nworld\n")
    with pytest.raises(InputError, match=r"record must be a record of a sweep; got .*text, and no"):
        list(read_record(tmp_path / "text"))
