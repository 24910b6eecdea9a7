r"""Zhu et al. 2022: the quadratic model of a network catapults as the network does.

On one input without bias a ReLU network is a straight line on either side of zero, and its
kernel has rank two: p_1 and p_2 are the samples of one sign each. So the mean loss of all
samples is, but for a constant, that of two points, on which the boundaries are found.

References
----------
.. [1] L. Zhu, C. Liu, A. Radhakrishnan and M. Belkin, arXiv:2205.11787. Its loss is a sum over
   samples; the rates in its figure on one input are those of a mean of squares without 1/2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.claims import on_data
from catapult_sim.claims.bench import Bench
from catapult_sim.claims.on_data import SETTLED, Architecture
from catapult_sim.claims.verdict import Claim, constant
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.taylor import Model, TaylorModel
from catapult_sim.mlp.training import train
from catapult_sim.numeric.measured import Measured, mean
from catapult_sim.numeric.phases import Boundary, Phase, boundary, classify, divergence
from catapult_sim.numeric.trajectory import Trajectory

__all__ = ["CLAIMS", "Problem", "mode_losses", "on_two_points", "sampled_line"]

Array = npt.NDArray[Any]

PAPER = "Zhu et al. 2022"
WIDTH, SAMPLES, PRINTED = 5000, 128, 0.37  # of the setting on one input, and its 2 / lambda_1
SEEDS = {"quick": 16, "full": 64}  # on one input and on one sample
MODELS = {"quick": 8, "full": 16}  # of networks on data
ON_DIGITS = (
    *(Architecture(activation, 1) for activation in ("relu", "tanh")),
    Architecture("relu", 1, centred=False),
)
CATAPULTS = np.array([2.6, 3.0, 3.4, 3.8])


@dataclass(frozen=True)
class Problem:
    """What one seed trains: a network or its quadratic model, from the same start."""

    net: MLP
    theta: Array  # (P,)
    X: Array
    y: Array
    unit: Any  # the learning rate at c = 1
    quadratic: bool = False

    @property
    def model(self) -> Model:
        """The network, or its quadratic model around the start."""
        return TaylorModel(self.net, self.theta) if self.quadratic else self.net

    def run_at(self, c: npt.ArrayLike, **options: Any) -> Trajectory:
        """Train at learning rates ``c (K,)``."""
        rates = np.asarray(c) * self.unit
        return train(self.model, self.theta, self.X, self.y, learning_rate=rates, **options)


def bracket(
    problems: Sequence[Problem], side: Callable[[Problem, Array], Array], low: float, high: float
) -> Boundary:
    """Bracket a boundary of every problem, with ``side(problem, c (K,)) -> (K,)``."""
    return boundary(
        lambda c: np.stack([side(*pair) for pair in zip(problems, c.T, strict=True)], axis=1),
        low,
        high,
        members=len(problems),
        grid=8,
        tolerance=5e-3,
    )


def end(problem: Problem, c: Array, steps: int) -> Array:
    """Tell on which side of the end of convergence learning rates are."""
    return divergence(problem.run_at(c, steps=steps, tolerance=1e-4), settled=SETTLED)


# On one input ---------------------------------------------------------------------------------


def sampled_line(rng: np.random.Generator) -> Problem:
    """Draw the samples and the network of the paper; c is in units of ``1 / lambda_1``."""
    y = np.repeat([-1.0, 1.0], SAMPLES // 2)
    X = rng.normal(2 * y)[:, None]
    net = MLP([1, WIDTH, 1], gain="lecun")
    theta = np.concatenate([rng.normal(size=WIDTH), rng.choice([-1.0, 1.0], WIDTH)])
    line = Problem(net, theta, X, y, unit=1.0)
    return replace(line, unit=1 / kernel.top_eigenvalue(net, theta, on_two_points(line).X))


def on_two_points(problem: Problem) -> Problem:
    """Return the two points on which the same network learns the same, that of p_1 first.

    The mean of ``(a x_i - y_i)^2`` over a side's share of all samples is ``(a x - y)^2 / 2`` and
    a constant, with ``x^2 / 2 = mean x_i^2`` and ``x y / 2 = mean x_i y_i``.
    """
    x, y = problem.X[:, 0], problem.y
    sides = np.stack([np.where(x < 0, x, 0), np.where(x > 0, x, 0)])
    length = np.sqrt(2 * np.mean(sides**2, axis=1)) * [-1, 1]
    targets = 2 * np.mean(sides * y, axis=1) / length
    own = np.diag(kernel.ntk(problem.net, problem.theta, length[:, None]))
    first = np.argsort(-own)
    return replace(problem, X=length[first, None], y=targets[first])


def lines(bench: Bench) -> list[Problem]:
    """Draw the setting on one input for every seed."""
    seeds = range(SEEDS[bench.effort.name])
    return bench.once(
        "lines", lambda: [sampled_line(bench.rng(f"one input {seed}")) for seed in seeds]
    )


def points(bench: Bench, quadratic: bool) -> list[Problem]:
    """Return the two points of every seed."""
    return [replace(on_two_points(line), quadratic=quadratic) for line in lines(bench)]


def mode_losses(problem: Problem, c: npt.ArrayLike, steps: int) -> Array:
    """Return the squared residual of each of two points at every step, ``(T, K, 2)``."""
    model, X, y = problem.model, problem.X, problem.y
    observe = {"residual": lambda theta: model.predict(theta, X)[..., 0] - y}
    return problem.run_at(c, steps=steps, observe=observe).values["residual"] ** 2


def rises(problem: Problem, c: Array, mode: int) -> Array:
    """Tell whether a mode's share of the loss exceeds its start, at ``c = eta lambda_mode``."""
    own = np.diag(kernel.ntk(problem.net, problem.theta, problem.X))
    share = mode_losses(problem, c * own[0] / own[mode], steps=20)[..., mode]
    return np.where((share > share[0]).any(axis=0), 1, -1)


def mode_rise(bench: Bench, mode: int, quadratic: bool) -> Measured:
    """Find the ``eta lambda_mode`` at which a mode first catapults."""
    return bracket(points(bench, quadratic), partial(rises, mode=mode), 1.5, 3.0).measured


def line_end(bench: Bench) -> Measured:
    """Find the ``eta lambda_1`` at which the quadratic model stops converging."""
    return bracket(points(bench, True), partial(end, steps=200), 2.5, 8.0).measured


def rest_of_kernel(bench: Bench) -> Measured:
    """Return the largest share of the kernel that is not in its two top eigenvalues."""

    def share(line: Problem) -> float:
        values = np.linalg.eigvalsh(kernel.ntk(line.net, line.theta, line.X))
        return float(np.abs(values[:-2]).sum() / values.sum())

    return Measured(max(map(share, lines(bench))), 0.0, len(lines(bench)))


def scale_of_rates(bench: Bench) -> Measured:
    """Compare our ``2 / lambda_1`` with the printed one, in many draws: it varies by a tenth."""
    rng = bench.rng("rates on one input")
    return mean([2 * sampled_line(rng).unit / PRINTED for _ in range(16 * SEEDS["quick"])])


# On one sample --------------------------------------------------------------------------------


def one_sample(bench: Bench) -> list[Problem]:
    """Draw ReLU networks on one sample of two inputs with label 1."""
    net, X = MLP([2, 2000, 1]), np.array([[0.6, 0.8]])
    thetas = net.init(rng=bench.rng("one sample"), ensemble=(SEEDS[bench.effort.name],))
    units = 1 / kernel.top_eigenvalue(net, thetas, X)
    return [
        Problem(net, theta, X, np.ones(1), float(unit), quadratic=True)
        for theta, unit in zip(thetas, units, strict=True)
    ]


def map_error(bench: Bench) -> Measured:
    """Follow outputs and kernels of quadratic models through a catapult by the map."""
    errors = [departure_from_map(problem) for problem in one_sample(bench)]
    return Measured(max(errors), 0.0, len(errors))


def departure_from_map(problem: Problem, c: float = 3.0, steps: int = 30) -> float:
    """Return the largest error of the map along a run, relative to the largest value."""
    model, net, X = TaylorModel(problem.net, problem.theta), problem.net, problem.X
    observe = {
        "output": lambda theta: model.predict(theta, X)[..., 0, 0],
        "kernel": lambda theta: model.top_eigenvalue(theta, X),
    }
    run = problem.run_at([c], steps=steps, observe=observe).values
    seen = np.stack([run["output"][:, 0], run["kernel"][:, 0]])
    bend = (net.layers[0].scale * net.layers[1].scale) ** 2 * np.sum(X**2)
    orbit = map_orbit(seen[0, 0], seen[1, 0], rate=c * problem.unit, bend=bend, steps=steps)
    return float(np.max(np.abs(seen - orbit) / np.abs(orbit).max(axis=1, keepdims=True)))


def map_orbit(g: float, top: float, rate: float, bend: float, steps: int) -> Array:
    """Iterate output and kernel of one sample with label 1, ``(2, steps + 1)``.

    ``bend`` is the square of the model's curvature, ``|x|^2 / (d n)`` in the paper.
    """
    orbit = [(g, top)]
    for _ in range(steps):
        D = g - 1
        g, top = (
            1 + D * (1 - rate * top + bend * rate**2 * D * g),
            top - bend * rate * D * (4 * g - rate * top * D),
        )
        orbit.append((g, top))
    return np.array(orbit).T


def sample_boundary(bench: Bench, kind: str) -> Measured:
    """Find where the loss of one sample first rises, or stops converging."""
    if kind == "end":
        return bracket(one_sample(bench), partial(end, steps=200), 2.5, 8.0).measured
    return bracket(one_sample(bench), first_step, 1.5, 3.0).measured


def first_step(problem: Problem, c: Array) -> Array:
    """Tell whether the loss exceeds its start after one step."""
    loss = problem.run_at(c, steps=1).values["loss"]
    return np.where(loss[1] > loss[0], 1, -1)


# On digits ------------------------------------------------------------------------------------


def expanded(bench: Bench, architecture: Architecture) -> list[Problem]:
    """Return the quadratic models of the widest networks on data, of some of the seeds."""
    drawn = on_data.draw_networks(bench, architecture, bench.effort.hidden[1][-1])
    return [
        Problem(drawn.net, drawn.theta[seed], drawn.X, drawn.y, drawn.unit[seed], quadratic=True)
        for seed in range(MODELS[bench.effort.name])
    ]


def digits_end(bench: Bench, architecture: Architecture) -> Measured:
    """Find where quadratic models on data stop converging."""

    def measure() -> Measured:
        problems = expanded(bench, architecture)
        return bracket(problems, partial(end, steps=bench.effort.steps), 2.5, 8.0).measured

    return bench.once(("quadratic end", architecture), measure)


def beyond_the_model(bench: Bench, architecture: Architecture) -> Measured:
    """Compare where the network itself stops converging."""
    width = bench.effort.hidden[1][-1]
    network = on_data.network_boundary(bench, "end", architecture, width).measured
    model = digits_end(bench, architecture)
    return replace(
        network,
        value=network.value - model.value,
        error=float(np.hypot(network.error, model.error)),
    )


def final_curvature(bench: Bench, architecture: Architecture) -> Measured:
    """Measure the mean final ``eta lambda`` of catapults, at the c where it is largest."""
    rows = []
    for problem in expanded(bench, architecture):
        run = problem.run_at(CATAPULTS, steps=bench.effort.steps, tolerance=1e-4)
        model = TaylorModel(problem.net, problem.theta)
        scaled = CATAPULTS * problem.unit * model.top_eigenvalue(run.state, problem.X)
        caught = classify(run, settled=SETTLED) == Phase.CATAPULT
        rows.append(np.where(caught, scaled, np.nan))
    columns = [column[np.isfinite(column)] for column in np.array(rows).T]
    usable = [mean(column) for column in columns if len(column) > 2]
    return max(usable, key=lambda found: found.value, default=Measured(np.nan, np.nan, 0))


def update_error(bench: Bench, printed: bool) -> Measured:
    """Compare a kernel after a step with its update, in units of the change."""
    problem = expanded(bench, ON_DIGITS[0])[0]
    model, rate = TaylorModel(problem.net, problem.theta), 3 * problem.unit
    run = problem.run_at(3.0, steps=3)
    before, gradient = run.state, model.gradient(run.state, problem.X, problem.y)
    A, B = model.kernel_terms(before, problem.X, problem.y)
    change = model.kernel(before - rate * gradient, problem.X) - model.kernel(before, problem.X)
    update = -rate * A + rate**2 / 4 * B if printed else -rate * (A + A.T) + rate**2 * B
    return Measured(float(np.linalg.norm(update - change) / np.linalg.norm(change)), 0.0, 1)


# What is claimed ------------------------------------------------------------------------------


def line_claims() -> Iterator[Claim]:
    """State what happens on one input."""
    setting = f"ReLU, width {WIDTH}, {SAMPLES} samples of one input"
    claim = partial(Claim, source=f"{PAPER}, section 3.2", cost=3)
    yield claim(
        "quadratic_models.line.rank",
        f"{setting}: the kernel has rank 2 (share of all but two eigenvalues)",
        predict=constant(0.0),
        measure=rest_of_kernel,
        tolerance=1e-10,
    )
    yield claim(
        "quadratic_models.line.rates",
        f"{setting}: 2 / lambda_1 is twice the printed {PRINTED}, whose loss has no 1/2 (ratio)",
        predict=constant(2.0),
        measure=scale_of_rates,
        tolerance=0.2,
    )
    for quadratic, name in ((True, "model"), (False, "network")):
        for mode, which in enumerate(("first", "second")):
            number = mode + 1
            yield claim(
                f"quadratic_models.line.{name}.{which}",
                f"{setting}, {'quadratic model' if quadratic else 'the network itself'}: the loss "
                f"along p_{number} catapults from eta lambda_{number} = 2",
                predict=constant(2.0),
                measure=partial(mode_rise, mode=mode, quadratic=quadratic),
                tolerance=0.02 if quadratic else 0.05,
            )
    yield claim(
        "quadratic_models.line.end",
        f"{setting}: the quadratic model converges up to eta lambda_1 = 4",
        predict=constant(4.0),
        measure=line_end,
        tolerance=0.1,
    )


def sample_claims() -> Iterator[Claim]:
    """State what happens on one sample."""
    setting = "quadratic model of ReLU, one sample with a label"
    claim = partial(Claim, source=f"{PAPER}, section 3.1", cost=2)
    yield claim(
        "quadratic_models.one-sample.map",
        f"{setting}: its map through a catapult (relative error)",
        predict=constant(0.0),
        measure=map_error,
        tolerance=1e-8,
    )
    for kind, value, text in (
        ("rise", 2.0, "the loss rises from eta lambda_0 = 2"),
        ("end", 4.0, "it converges up to eta lambda_0 = 4"),
    ):
        yield claim(
            f"quadratic_models.one-sample.{kind}",
            f"{setting}, width 2000: {text}",
            predict=constant(value),
            measure=partial(sample_boundary, kind=kind),
            tolerance=0.05 * value,
        )


def digit_claims() -> Iterator[Claim]:
    """State what happens on many samples."""
    for printed, formula in (
        (False, "K' = K - eta (G J^T + J G^T) + eta^2 G G^T"),
        (True, "K' = K - (eta / 4) (4 G J^T - eta G G^T)"),
    ):
        yield Claim(
            f"quadratic_models.kernel-update{'.printed' * printed}",
            f"quadratic model on data: a step's kernel is {formula} (error over the change)",
            f"{PAPER}, section 3.2" if printed else "derived here",
            constant(0.0),
            partial(update_error, printed=printed),
            tolerance=1e-8,
        )
    for architecture in ON_DIGITS:
        group, name = f"quadratic_models.{architecture.activation}", architecture.name
        group += "" if architecture.centred else "-uncentred"
        claim = partial(Claim, source=f"{PAPER}, section 3", cost=8)
        yield claim(
            f"{group}.end",
            f"quadratic model of {name}, on data: it converges up to c = 4",
            predict=constant(4.0),
            measure=partial(digits_end, architecture=architecture),
            tolerance=0.2,
        )
        yield claim(
            f"{group}.network-end",
            f"{name}: the network stops converging where its quadratic model does (difference)",
            predict=constant(0.0),
            measure=partial(beyond_the_model, architecture=architecture),
            tolerance=0.4,
        )
        if not architecture.centred:
            continue
        yield claim(
            f"{group}.final-curvature",
            f"quadratic model of {name}: catapults end at eta lambda below 2 (worst c)",
            predict=constant(2.0),
            measure=partial(final_curvature, architecture=architecture),
            tolerance=0.05,
            relation="<=",
        )


CLAIMS = (*line_claims(), *sample_claims(), *digit_claims())
