"""Every public function that takes inputs X and labels y refuses what these cannot be, likewise."""

import warnings

import numpy as np
import pytest

from catapult_sim import MLP, LinearNet, Observers, TaylorModel, datasets, ntk, train
from catapult_sim.experiments import batch_losses, networks, sharpest_directions
from catapult_sim.mlp import kernel
from catapult_sim.validation import InputError

X, Y = np.array([[1.0, 2.0], [0.0, 1.0], [2.0, -1.0]]), np.array([1.0, -1.0, 1.0])
NET = MLP([2, 3, 1], activation="tanh")
THETA = NET.init(rng=0)
MODEL = TaylorModel(NET, THETA)
SMALL = {"learning_rate": 0.1, "steps": 1}

OF_BOTH = {
    "LinearNet": lambda X, y: LinearNet(X, y, width=5),
    "loss": lambda X, y: NET.loss(THETA, X, y),
    "accuracy": lambda X, y: NET.accuracy(THETA, X, y),
    "gradient": lambda X, y: NET.gradient(THETA, X, y),
    "at": lambda X, y: NET.at(THETA, X, y),
    "hessian_product": lambda X, y: NET.hessian_product(THETA, X, y, THETA),
    "gauss_newton_product": lambda X, y: NET.gauss_newton_product(THETA, X, y, THETA),
    "sharpness_gradient": lambda X, y: NET.sharpness_gradient(THETA, X, y, THETA),
    "loss of a Taylor model": lambda X, y: MODEL.loss(THETA, X, y),
    "kernel_terms": lambda X, y: MODEL.kernel_terms(THETA, X, y),
    "Observers": lambda X, y: Observers(NET, X, y),
    "train": lambda X, y: train(NET, THETA, X, y, **SMALL),
    "track": lambda X, y: sharpest_directions.track(
        NET, THETA, X, y, batch_size=1, k=1, rng=0, **SMALL
    ),
    "loss_along": lambda X, y: batch_losses.loss_along(NET, THETA, THETA, [0.0], X, y),
    "one_step": lambda X, y: batch_losses.one_step(NET, THETA, (X, y), (X, y), [0.1]),
    "alignment": lambda X, y: batch_losses.alignment(NET, THETA, (X, y), (X, y)),
    "draw": lambda X, y: networks.draw((X, y), [3], rng=0),
    "draw_linear": lambda X, y: networks.draw_linear((X, y), 9, rng=0),
}
OF_INPUTS = {
    "predict": lambda X: NET.predict(THETA, X),
    "ntk": lambda X: ntk(NET, THETA, X),
    "top_eigenpairs": lambda X: kernel.top_eigenpairs(NET, THETA, X, rng=0),
    "top_eigenvalue": lambda X: kernel.top_eigenvalue(NET, THETA, X),
    "jacobian_product": lambda X: NET.jacobian_product(THETA, X, THETA),
    "transposed_jacobian_product": lambda X: NET.transposed_jacobian_product(THETA, X, Y[:, None]),
    "kernel of a Taylor model": lambda X: MODEL.kernel(THETA, X),
    "standardise": datasets.standardise,
    "scale_inputs": datasets.scale_inputs,
}
OF_INPUTS |= {name: lambda X, call=call: call(X, Y) for name, call in OF_BOTH.items()}


class Tensor:
    """What NumPy cannot read."""

    def __array__(self, *_, **__):
        raise RuntimeError("call detach first")


NO_NUMBERS = {
    "complex": X + 1j,
    "text": X.astype(str),
    "names": [["a", "b"]] * 3,
    "dates": X.astype(int).astype("M8[D]"),
    "masked": np.ma.array(X, mask=[[0, 1], [0, 0], [0, 0]]),
    "rows of several lengths": [[1.0], [1.0, 2.0], [3.0]],
    "NaN": np.where(X == 2, np.nan, X),
    "infinite": np.where(X == 2, np.inf, X),
    "None": None,
    "a tensor with gradients": Tensor(),
    "too large": [[10**400, 1], [2, 3], [4, 5]],
}
NO_INPUTS = NO_NUMBERS | {"empty": np.empty((0, 2)), "flat": X[0], "no inputs": np.empty((3, 0))}
NO_LABELS = {
    "complex": Y + 1j,
    "text": Y.astype(str),
    "names": ["cat", "dog", "cat"],
    "dates": Y.astype(int).astype("M8[D]"),
    "masked": np.ma.array(Y, mask=[1, 0, 0]),
    "rows of several lengths": [[1.0], [1.0, 2.0], [3.0]],
    "NaN": [1.0, np.nan, 2.0],
    "infinite": [1.0, -np.inf, 2.0],
    "empty": [],
    "too few": Y[:2],
    "too many": [*Y, 1.0],
    "a number": 1.0,
    "a tensor with gradients": Tensor(),
}


def refused(call, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=rf"\b{name} ") as refusal:
            call()
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("given", NO_INPUTS)
@pytest.mark.parametrize("function", OF_INPUTS)
def test_inputs_that_are_none_are_refused(function, given):
    refused(lambda: OF_INPUTS[function](NO_INPUTS[given]), "X")


@pytest.mark.parametrize("given", NO_LABELS)
@pytest.mark.parametrize("function", OF_BOTH)
def test_labels_that_are_none_are_refused(function, given):
    refused(lambda: OF_BOTH[function](X, NO_LABELS[given]), "y")


@pytest.mark.parametrize("function", [name for name in OF_BOTH if name != "at"])
def test_labels_without_a_column_are_the_same_as_with_one(function):
    flat, column = (OF_BOTH[function](X.tolist(), y.tolist()) for y in (Y, Y[:, None]))
    for one, other in zip(numbers_of(flat), numbers_of(column), strict=True):
        np.testing.assert_array_equal(one, other)


def numbers_of(found):
    """Return the arrays that a result consists of."""
    if isinstance(found, tuple | list):
        return [array for part in found for array in numbers_of(part)]
    if isinstance(found, dict):
        return numbers_of(list(found.values()))
    if hasattr(found, "__dict__"):
        return numbers_of([one for one in vars(found).values() if one is not found])
    return [np.asarray(found)] if isinstance(found, np.ndarray | float | int) else []


def test_losses_along_a_line_begin_with_the_loss():
    residual = NET.predict(THETA, X)[:, 0] - Y
    for y in (Y, Y[:, None]):
        np.testing.assert_allclose(NET.at(THETA, X, y).loss, np.sum(residual**2) / 6, rtol=1e-13)
        found = batch_losses.loss_along(NET, THETA, THETA, [0.0], X, y)
        np.testing.assert_allclose(found, [np.sum(residual**2) / 6], rtol=1e-13)


def test_each_network_may_have_a_batch_of_its_own():
    thetas, batches = NET.init(rng=1, ensemble=(2,)), np.stack([X, 2 * X])
    found = batch_losses.loss_along(NET, thetas, thetas, [[0.0]], batches, np.stack([Y, -Y]))
    alone = [NET.loss(theta, x, y) for theta, x, y in zip(thetas, batches, (Y, -Y), strict=True)]
    np.testing.assert_allclose(found[0], alone, rtol=1e-13)
