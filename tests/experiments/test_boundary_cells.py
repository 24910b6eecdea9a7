"""Cells of boundaries: theory, the networks' own first steps, and both units."""

import numpy as np
import pytest

from catapult_sim import datasets
from catapult_sim.experiments.boundary_cells import KINDS, boundary_of
from catapult_sim.experiments.first_steps import KINDS as FIRST_STEPS
from catapult_sim.experiments.networks import WHOLE_RUNS
from catapult_sim.mlp.network import MLP

DATA = {"data": "digits", "samples": 12, "scale": 1.0, "seed": 0}
LINEAR = DATA | {"model": "linear", "width": 50, "steps": 10}
TANH = DATA | {"model": "mlp", "width": 14, "depth": 1, "activation": "tanh", "steps": 10}
RELU = TANH | {"width": 9, "depth": 2, "activation": "relu"}


def test_boundaries_of_a_wide_linear_network_are_two_and_four():
    cell = DATA | {"model": "linear", "width": 10**9, "steps": 600, "tolerance": 0.01}
    X, _ = datasets.subset(*datasets.digits(), 12, rng=np.random.default_rng([0, *b"samples"]))
    top = np.linalg.norm(X / 8, 2) ** 2 / 12 * 2  # of both layers; 8 is the root of 64 inputs
    for kind, expected in (("rise", 2), ("end", 4)):
        found = boundary_of(cell | {"kind": kind})
        assert found["lambda_0"] == pytest.approx(top, rel=1e-3)
        assert found["lower"] == pytest.approx(expected, rel=0.03)
        assert found["lower"] < found["upper"] < 1.03 * expected


def test_a_boundary_that_is_not_met_has_no_upper_end():
    cell = LINEAR | {"steps": 1, "kind": "end", "tolerance": 0.1}
    assert boundary_of(cell)["upper"] is None


def test_a_boundary_in_either_unit_is_the_same_learning_rate():
    cell = TANH | {"kind": "loss", "tolerance": 0.05}
    one, other = (boundary_of(cell | {"curvature": name}) for name in ("ntk", "hessian"))
    assert one["lambda_0"] != pytest.approx(other["lambda_0"], rel=1e-3)
    rates = [found["lower"] / found["lambda_0"] for found in (one, other)]
    assert rates[0] == pytest.approx(rates[1], rel=1e-9)


class Explicit:
    """The network of a cell, with dense matrices and ten explicit steps."""

    def __init__(self, cell):
        X, y = datasets.digits()
        rng = np.random.default_rng([cell["seed"], *b"samples"])
        self.X, self.y = datasets.subset(X, y.reshape(-1, 1), cell["samples"], rng=rng)
        hidden = [cell["width"]] * cell["depth"]
        self.net = MLP([64, *hidden, 1], activation=cell["activation"])
        self.theta = self.net.init(rng=np.random.default_rng([cell["seed"], *b"network"]))

    def sharpness(self, theta, curvature):
        everywhere = np.eye(self.net.size)
        if curvature == "hessian":
            product = self.net.hessian_product(theta, self.X, self.y, everywhere)
            return np.linalg.eigvalsh(product)[-1]
        jacobian = self.net.jacobian_product(theta, self.X, everywhere)
        flat = jacobian.reshape(self.net.size, -1)
        return np.linalg.eigvalsh(flat.T @ flat / len(self.X))[-1]

    def crossed(self, kind, curvature, c):
        eta, path = c / self.sharpness(self.theta, curvature), [self.theta]
        with np.errstate(all="ignore"):
            for _ in range(10):
                gradient = self.net.gradient(path[-1], self.X, self.y)
                path.append(path[-1] - eta * gradient)
            losses = self.net.loss(np.array(path), self.X, self.y)
            if not losses.max() <= 1e5 * losses[0]:
                return True
            if kind == "sharp":
                values = [self.sharpness(theta, curvature) for theta in path]
                return max(values[1:]) > values[0]
            if kind == "barrier":
                ways = np.linspace(0, 1, 21)[1:, None]
                segment = path[0] + ways * (path[-1] - path[0])
                return self.net.loss(segment, self.X, self.y).max() > losses[0]
        return kind == "loss" and losses.max() > losses[0]


@pytest.mark.parametrize("curvature", ["ntk", "hessian"])
@pytest.mark.parametrize("kind", FIRST_STEPS)
@pytest.mark.parametrize("shape", [TANH, RELU], ids=["tanh", "relu"])
def test_nothing_happens_at_the_lower_end_and_it_does_at_the_upper(shape, kind, curvature):
    found = boundary_of(shape | {"kind": kind, "curvature": curvature, "tolerance": 0.02})
    explicit = Explicit(shape)
    assert found["lower"] > 0 or found["upper"] is not None
    if found["lower"] > 0:
        assert not explicit.crossed(kind, curvature, found["lower"])
    if found["upper"] is not None:
        assert explicit.crossed(kind, curvature, found["upper"])


@pytest.mark.parametrize("kind", sorted({"loss", "max", *WHOLE_RUNS}))
def test_in_units_of_the_hessian_a_boundary_is_the_same_rate(kind):
    cell = TANH | {"kind": kind, "tolerance": 0.02, "steps": 40}
    kernel, hessian = (boundary_of(cell | {"curvature": one}) for one in ("ntk", "hessian"))
    explicit = Explicit(cell)
    unit = np.divide(*(explicit.sharpness(explicit.theta, one) for one in ("hessian", "ntk")))
    assert abs(unit - 1) > 0.01
    assert hessian["lower"] == pytest.approx(kernel["lower"] * unit)
    assert hessian["upper"] == pytest.approx(kernel["upper"] * unit)


def test_a_sharpness_that_rises_at_every_rate_has_a_bracket_open_below():
    """The first rate looked at is c = 1 in units of the kernel; half of it sharpens as well."""
    cell = TANH | {"kind": "sharp", "curvature": "hessian", "tolerance": 0.02}
    found, explicit = boundary_of(cell), Explicit(cell)
    unit = np.divide(*(explicit.sharpness(explicit.theta, one) for one in ("hessian", "ntk")))
    assert found["lower"] == 0
    assert found["upper"] == pytest.approx(unit)
    assert explicit.crossed("sharp", "hessian", found["upper"] / 2)


@pytest.mark.parametrize("curvature", ["ntk", "hessian"])
@pytest.mark.parametrize("kind", ["loss", "sharp", "max"])
def test_the_closure_has_the_thresholds_of_the_explicit_linear_network(kind, curvature):
    """The wide linear network is one number whatever its weights, but for 1 / sqrt(n)."""
    cell = DATA | {"samples": 4, "width": 3000, "steps": 10, "tolerance": 0.01, "kind": kind}
    cell |= {"curvature": curvature}
    closure = boundary_of(cell | {"model": "linear"})
    explicit = boundary_of(cell | {"model": "mlp", "depth": 1, "activation": "linear"})
    assert closure["upper"] == pytest.approx(explicit["upper"], rel=0.06)


def test_kinds_are_those_of_the_first_steps_and_of_whole_runs():
    assert KINDS == ("loss", "sharp", "barrier", "max", "rise", "end")
