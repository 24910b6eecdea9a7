"""The seam of optimisers: what is added is one class, and what is shared is the same arithmetic."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import sympy as sp

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.curvature.nudged import Nudged, SharpestDirections
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs import optimizers
from catapult_sim.numeric.runs.averages import EMA
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.checkpoint import Checkpoint
from catapult_sim.numeric.runs.optimizers import GradientDescent, HeavyBall, Nesterov, Regularized
from tests.numeric.linear_net import explicit

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2))
NET = MLP([4, 6, 2], activation="tanh")
THETA = NET.init(rng=1, ensemble=(3,))


@dataclass(frozen=True)
class Adam:
    """Kingma and Ba, arXiv:1412.6980, algorithm 1: nothing but this class is added."""

    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8
    memory: ClassVar[int] = 3

    def point(self, weights, *last):
        return weights

    def step(self, gradient, rate, mean, square, count):
        mean = self.beta1 * mean + (1 - self.beta1) * gradient
        square = self.beta2 * square + (1 - self.beta2) * gradient**2
        count = count + 1
        large = np.sqrt(square / (1 - self.beta2**count)) + self.epsilon
        return -rate * mean / (1 - self.beta1**count) / large, mean, square, count


def adam_by_hand(theta, rate, steps, beta1):
    """Adam as it is printed, with t counted by the loop."""
    m = v = np.zeros_like(theta)
    for t in range(1, steps + 1):
        g = NET.gradient(theta, X, Y)
        m, v = beta1 * m + (1 - beta1) * g, 0.99 * v + 0.01 * g * g
        theta = theta - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
    return theta


def test_another_optimiser_is_one_class_and_its_numbers_are_axes_of_the_ensemble(tmp_path):
    betas, rates = np.array([0.5, 0.9])[:, None], np.array([0.01, 0.02])[:, None, None]
    options = {"learning_rate": rates, "steps": 12, "optimizer": Adam(betas), "average": EMA(0.5)}
    run = train(NET, THETA, X, Y, **options)
    for i, j, s in np.ndindex(2, 2, 3):
        expected = adam_by_hand(THETA[s], rates.flat[i], 12, betas.flat[j])
        np.testing.assert_allclose(run.state[i, j, s], expected, rtol=1e-10)
    for steps in (5, 12):
        kept = options | {"steps": steps, "checkpoint": Checkpoint(tmp_path / "run.npz")}
        pieces = train(NET, THETA, X, Y, **kept)
    np.testing.assert_array_equal(pieces.state, run.state)
    np.testing.assert_array_equal(pieces.average, run.average)


W, D, g, eta, beta = sp.symbols("W D g eta beta")
EQUATIONS = {  # of the displacement, and of where the gradient is taken
    GradientDescent(): (-eta * g, W),
    HeavyBall(beta): (beta * D - eta * g, W),
    Nesterov(beta): (beta * D - eta * g, W + beta * D),
}


@pytest.mark.parametrize("optimizer", EQUATIONS, ids=str)
def test_steps_of_symbols_are_the_equations(optimizer):
    step, point = EQUATIONS[optimizer]
    last = [D, *sp.symbols("D1:9")][: optimizer.memory]
    assert optimizer.step(g, eta, *last)[0].equals(step)
    assert optimizer.point(W, *last).equals(point)
    assert len(optimizer.step(g, eta, *last)) == 1 + optimizer.memory


@pytest.mark.parametrize("optimizer", [HeavyBall(beta), Nesterov(beta)], ids=str)
def test_momentum_remembers_its_displacement(optimizer):
    displacement, remembered = optimizer.step(g, eta, D)
    assert displacement == remembered


def test_every_optimiser_of_the_package_has_its_equations_here():
    public = [one for one in vars(optimizers).values() if dataclasses.is_dataclass(one)]
    alone = {one for one in public if not issubclass(one, optimizers.Wrapper)}
    assert {type(optimizer) for optimizer in EQUATIONS} == alone


@pytest.mark.parametrize("inside", [False, True])
def test_wrappers_wrap_one_another_in_any_order(inside):
    def hessian(theta):
        return NET.at(theta, X, Y).hessian_product

    directions = SharpestDirections(hessian, k=2, tolerance=1e-12)
    nudge = {"gamma": np.array([[0.1], [3.0]]), "directions": directions}
    if inside:
        optimizer = Regularized(Nudged(**nudge, optimizer=HeavyBall(0.5)), 0.2)
    else:
        optimizer = Nudged(**nudge, optimizer=Regularized(HeavyBall(0.5), 0.2))
    run = train(NET, THETA, X, Y, learning_rate=0.1, steps=4, optimizer=optimizer)
    for i, s in np.ndindex(2, 3):
        theta, last = THETA[s], 0.0
        for _ in range(4):
            gradient = NET.gradient(theta, X, Y)
            dense = np.stack([hessian(theta)(unit) for unit in np.eye(NET.size)])
            top = np.linalg.eigh(dense)[1][:, -2:]
            last = 0.5 * last - 0.1 * (gradient + 0.1 * dense @ gradient)
            theta = theta + last + (nudge["gamma"].flat[i] - 1) * top @ (top.T @ last)
        np.testing.assert_allclose(run.state[i, s], theta, atol=1e-8)


@pytest.mark.parametrize("width", [3, 40])
def test_a_schedule_of_the_closure_multiplies_the_rates_of_the_weights(width):
    X, y, U, V = explicit.problem(3, width, 6, 3, 2)
    factors, net = np.linspace(1.0, 0.2, 15), LinearNet(X, y, width=width)
    run = net.train(learning_rate=0.4, steps=15, weights=(U, V), schedule=factors)
    for factor in factors:
        by_U, by_V = explicit.gradients(X, y, U, V)
        U, V = U - 0.4 * factor * by_U, V - 0.4 * factor * by_V
    np.testing.assert_allclose(run.state, net.from_weights(U, V), atol=1e-12)


@pytest.mark.parametrize("width", [3, 40])
def test_members_of_the_closure_may_see_batches_of_their_own(width):
    net = LinearNet(X, Y, width=width)
    states = net.init(rng=0, ensemble=(3,))
    batches = minibatches(12, 4, 9, rng=5, ensemble=(3,))
    rates = np.array([[0.1], [0.2]])
    together = net.train(learning_rate=rates, steps=9, state=states, batches=batches)
    for i, s in np.ndindex(2, 3):
        own = {"state": states[s], "batches": batches[s]}
        alone = net.train(learning_rate=rates[i, 0], steps=9, **own)
        np.testing.assert_allclose(together.state[i, s], alone.state, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("optimizer", [GradientDescent(), Nesterov(0.5)], ids=str)
def test_a_run_of_the_closure_in_pieces_is_the_run_at_once(optimizer, tmp_path):
    net = LinearNet(X, Y, width=100)
    rates = np.array([0.5, 1.0, 8.0]) / net.top_eigenvalue(net.init(rng=0))
    options = {"learning_rate": rates, "rng": 0, "optimizer": optimizer, "every": 3}
    options["observe"] = {"norm": net.weight_norm}
    whole = net.train(steps=40, **options)
    kept = options | {"checkpoint": Checkpoint(tmp_path / "run.npz", every=6)}
    for steps in (10, 25, 40):
        pieces = net.train(steps=steps, **kept)
    for name in ("state", "outcome", "stopped"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))
    np.testing.assert_array_equal(pieces.values["loss"], whole.values["loss"])


def test_progress_of_networks_is_told_of_every_step_of_every_member():
    told = []
    train(NET, THETA, X, Y, learning_rate=0.1, steps=7, progress=told.append)
    assert sum(told) == 3 * 8
