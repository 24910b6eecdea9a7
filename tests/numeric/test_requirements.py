"""One sentence at the door: what is required, what was given."""

import numpy as np
import pytest

from catapult_sim import MLP, LinearNet, train
from catapult_sim.numeric.requirements import InputError

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
        (None, None, 5, "X must be finite; got None$"),
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
        LinearNet(X, Y, width=5).train(rate, 3)
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


@pytest.mark.parametrize("rate", [None, np.nan, np.float64("nan")])
def test_a_single_number_has_no_index(rate):
    with pytest.raises(InputError, match=r"learning_rate must be finite; got (None|nan)$"):
        LinearNet(X, Y, width=5).train(rate, 3)


def test_long_values_are_shortened():
    with pytest.raises(InputError, match=r"got '[x]{36}\.\.\.$"):
        LinearNet(X, Y, width="x" * 1000)
