"""Surfaces: derivatives against complex steps of the network, and what they refuse."""

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim.numeric.flows.surface import Surface
from catapult_sim.validation import InputError

X, Y = np.array([[1.0, 2.0], [0.0, 1.0], [0.5, -1.0]]), np.array([1.0, -1.0, 0.5])
NET = cs.MLP([2, 3, 1], activation="tanh")
START = NET.init(rng=0)


@pytest.mark.parametrize("exact", [True, False])
def test_the_third_derivative_is_that_of_the_network(exact):
    surface = Surface.of(NET.at(START, X, Y).move)
    if not exact:
        surface = Surface(surface.loss, surface.gradient, surface.hessian_product)
    rng = np.random.default_rng(0)
    u, v = (one / np.linalg.norm(one) for one in rng.normal(size=(2, NET.size)))
    for left, right in ((u, v), (v, v)):
        expected = [
            left @ NET.at(START + 1e-20j * axis, X, Y).hessian_product(right).imag / 1e-20
            for axis in np.eye(NET.size)
        ]
        found = surface.third(START, left, right)
        assert found == pytest.approx(np.array(expected), abs=1e-11 if exact else 1e-7)


def test_a_model_is_computed_once_at_each_place():
    visited = []

    def at(weights):
        visited.append(weights.copy())
        return NET.at(weights, X, Y)

    surface, moving = Surface.of(at), START.copy()
    surface.gradient(moving)
    surface.hessian_product(moving, moving)
    assert surface.loss(moving) == NET.loss(START, X, Y)
    assert len(visited) == 1
    moving += 1
    assert surface.loss(moving) == NET.loss(START + 1, X, Y)
    assert len(visited) == 2


def test_functions_cannot_write_to_the_weights():
    def spoil(weights):
        weights[:] = 0
        return weights

    surface = Surface(spoil, spoil, lambda w, v: v)
    with pytest.raises(ValueError, match="read-only"):
        surface.gradient(np.ones(2))


@pytest.mark.parametrize("name", ["loss", "gradient", "hessian_product", "sharpness_gradient"])
def test_what_is_no_function_is_refused_by_name(name):
    valid = {"loss": abs, "gradient": abs, "hessian_product": abs}
    with pytest.raises(InputError, match=f"{name} must be a function of weights"):
        Surface(**valid | {name: 3})


def test_what_a_function_returns_is_checked():
    surface = Surface(lambda w: w, lambda w: w[:1], lambda w, v: None, lambda w, v: "x")
    with pytest.raises(InputError, match=r"loss must return numbers of shape \(\)"):
        surface.loss(np.ones(2))
    with pytest.raises(InputError, match="loss must return real numbers; got"):
        Surface(lambda w: 1j, abs, abs).loss(np.ones(2))
    with pytest.raises(InputError, match="gradient must return real numbers; got"):
        Surface(abs, lambda w: 1j * w, abs).gradient(np.ones(2))
    with pytest.raises(InputError, match=r"gradient must return numbers of shape \(2,\)"):
        surface.gradient(np.ones(2))
    with pytest.raises(InputError, match=r"hessian_product must return numbers of shape \(2,\)"):
        surface.hessian_product(np.ones(2), np.ones(2))
    with pytest.raises(InputError, match=r"sharpness_gradient must return numbers of shape \(2,\)"):
        surface.third(np.ones(2), np.ones(2), np.ones(2))
