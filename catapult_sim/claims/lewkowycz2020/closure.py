"""The closure of the linear network against networks trained explicitly [Lewkowycz2020]."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, equals
from catapult_sim.claims.lewkowycz2020.paper import PAPER
from catapult_sim.claims.sources import INSTRUMENTS
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import linear_net
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.runs.averages import EMA, SWA
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.numeric.runs.optimizers import GradientDescent, HeavyBall, Nesterov, Optimizer
from catapult_sim.types import Array


def relative_error(found: Array, explicit: Array) -> Measured:
    """Return the largest difference over steps ``(T, ...)``, relative to the largest value so far.

    A small value is the difference of large ones, and has their rounding error; so do the steps
    that start from it. Infinite where a difference is NaN.
    """
    error = np.nan_to_num(np.abs(found - explicit), nan=np.inf).reshape(len(found), -1).max(axis=1)
    scale = np.maximum.accumulate(np.abs(explicit).reshape(len(found), -1).max(axis=1))
    return Measured(float(np.max(error / scale)), 0.0, found.size)


def explicit_run(
    net: MLP,
    theta: Array,
    X: Array,
    y: Array,
    rate: float,
    steps: int,
    *,
    optimizer: Optimizer = GradientDescent(),
    weight_decay: float = 0.0,
    batches: Array | None = None,
) -> Array:
    """Return the parameters of a network at every step, ``(steps + 1, P)``."""
    momentum, nesterov = getattr(optimizer, "momentum", 0.0), isinstance(optimizer, Nesterov)
    rows = np.arange(len(X))[None] if batches is None else batches
    thetas = [theta, theta]  # at rest
    for t in range(steps):
        now, velocity = thetas[-1], momentum * (thetas[-1] - thetas[-2])
        seen, at = rows[t % len(rows)], now + nesterov * velocity
        gradient = net.gradient(at, X[seen], y[seen]) + weight_decay * at
        thetas.append(now + velocity - rate * gradient)
    return np.stack(thetas[1:])


@np.errstate(over="ignore", invalid="ignore")
def map_error(bench: Bench) -> Measured:
    """Compare the derived map with a network of width 500 through its catapult, in f and lam."""
    from catapult_sim.symbolic.linear_net import sample_map

    width, steps, X, y = 500, 60, np.ones((1, 1)), np.zeros((1, 1))
    net = MLP([1, width, 1], activation="linear")
    theta = net.init(rng=bench.rng("explicit map"))
    rate = 3.0 / float(kernel.top_eigenvalue(net, theta, X))
    thetas = explicit_run(net, theta, X, y, rate, steps)
    f, lam = net.predict(thetas, X)[:, 0, 0], kernel.top_eigenvalue(net, thetas, X)
    step, states = sample_map().numpy(), [np.array([f[0], lam[0]])]
    for _ in range(steps):
        states.append(step(states[-1], rate, width))
    derived = np.array(states)
    errors = relative_error(derived[:, 0], f), relative_error(derived[:, 1], lam)
    return max(errors, key=lambda error: error.value)


def explicit_average(thetas: Array, average: EMA | SWA) -> Array:
    """Return the average of the parameters ``(T, P)`` up to every step, by its definition."""
    if isinstance(average, SWA):
        starts = np.minimum(np.arange(len(thetas)), average.start)
        return np.stack([thetas[start : t + 1].mean(axis=0) for t, start in enumerate(starts)])
    found = [thetas[0]]
    for theta in thetas[1:]:
        found.append(average.decay * found[-1] + (1 - average.decay) * theta)
    return np.stack(found)


def closure_error(
    bench: Bench,
    c: float = 3.0,
    *,
    width: int = 500,
    outputs: int = 1,
    sampling: str | None = None,
    average: EMA | SWA | None = None,
    optimizer: Optimizer = GradientDescent(),
    weight_decay: float = 0.0,
) -> Measured:
    """Compare the outputs of the closure with those of a network on data, through a catapult.

    Labels of several outputs are drawn at random. With a ``sampling`` batches are a quarter.
    """
    steps, (X, y) = 60, bench.samples()
    if outputs > 1:
        y = bench.rng("labels").normal(size=(len(X), outputs))
    batches = None
    if sampling is not None:
        rng = bench.rng("batches")
        batches = minibatches(len(X), len(X) // 4, steps=steps, sampling=sampling, rng=rng)
    explicit = MLP([X.shape[1], width, outputs], activation="linear")
    theta = explicit.init(rng=bench.rng("network"))
    rate = c / float(kernel.top_eigenvalue(explicit, theta, X))
    method: dict[str, Any] = {"optimizer": optimizer, "batches": batches}
    thetas = explicit_run(explicit, theta, X, y, rate, steps, weight_decay=weight_decay, **method)
    (weights, _), (readout, _) = explicit.split(theta)
    net = linear_net((X, y), width, weight_decay=weight_decay)
    run = net.train(
        learning_rate=rate,
        steps=steps,
        weights=(weights.T, readout),
        average=average,
        observe={"f": net.predict},
        **method,
    )
    errors = [relative_error(run.values["f"], explicit.predict(thetas, X))]
    if average is not None:
        averaged = explicit.predict(explicit_average(thetas, average), X)
        errors.append(relative_error(run.values["average_f"], averaged))
    return max(errors, key=lambda error: error.value)


METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "heavy-ball": ("heavy ball, beta = 0.5", {"c": 3.5, "optimizer": HeavyBall(0.5)}),
    "nesterov": ("Nesterov, beta = 0.5", {"c": 2.2, "optimizer": Nesterov(0.5)}),
    "weight-decay": ("weight decay", {"weight_decay": 0.01}),
    "minibatches": ("reshuffled minibatches", {"c": 0.5, "sampling": "repartitioned"}),
    "fixed-batches": ("minibatches of a fixed partition", {"c": 0.5, "sampling": "shuffled"}),
    "ema": ("its exponential average too", {"average": EMA(0.9)}),
    "swa": ("its average from step 10 on too", {"average": SWA(10)}),
    "outputs": ("three outputs", {"outputs": 3}),
    "thin": ("of three units", {"c": 1.5, "width": 3}),
    "everything": (
        "minibatches with heavy ball, weight decay and an average, three outputs",
        {
            "c": 0.4,
            "outputs": 3,
            "sampling": "repartitioned",
            "optimizer": HeavyBall(0.3),
            "weight_decay": 0.01,
            "average": EMA(0.9),
        },
    ),
}


def closure_claims() -> Iterator[Claim]:
    """Yield the claims that the theory follows explicit networks, under every method."""
    theorem = Claims(INSTRUMENTS, "catapult", kind="theorem", cost=0.1)
    yield theorem(
        "map",
        "the derived (f, lambda) map follows an explicit network through a catapult "
        "(relative error)",
        equals(map_error, 0.0, within=1e-10),
        says=PAPER.at("eq. 2"),
        cost=1,
    )
    yield theorem(
        "closure",
        "the width-independent closure follows an explicit network on data through a "
        "catapult (relative error)",
        equals(closure_error, 0.0, within=1e-10),
    )
    for name, (words, method) in METHODS.items():
        yield theorem(
            f"closure.{name}",
            f"the closure follows an explicit network on data, {words} (relative error)",
            equals(partial(closure_error, **method), 0.0, within=1e-10),
        )


CLAIMS = tuple(closure_claims())
