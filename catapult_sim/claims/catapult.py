r"""Lewkowycz et al. 2020: the catapult mechanism.

References
----------
.. [1] A. Lewkowycz et al., arXiv:2003.02218.
.. [2] D. Kalra and M. Barkeshli, arXiv:2302.12250: where the loss first rises, as c_loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.claims import on_data, one_sample
from catapult_sim.claims.bench import Bench
from catapult_sim.claims.on_data import ARCHITECTURES, Architecture
from catapult_sim.claims.one_sample import WIDTHS
from catapult_sim.claims.verdict import Claim, constant
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.batches import minibatches
from catapult_sim.numeric.linear_net.stability import largest_stable_rate
from catapult_sim.numeric.measured import Measured, mean
from catapult_sim.numeric.phases import Phase

__all__ = ["CLAIMS"]

Array = npt.NDArray[Any]


# The theory against networks trained explicitly ----------------------------------------------


def relative_error(found: Array, explicit: Array) -> Measured:
    """Largest difference over steps ``(T, ...)``, in units of the explicit values of that step.

    Infinite where a theory leaves the numbers that the explicit network has.
    """
    error = np.nan_to_num(np.abs(found - explicit), nan=np.inf).reshape(len(found), -1).max(axis=1)
    scale = np.abs(explicit).reshape(len(found), -1).max(axis=1)
    return Measured(float(np.max(error / scale)), 0.0, found.size)


def explicit_run(
    net: MLP,
    theta: Array,
    X: Array,
    y: Array,
    rate: float,
    steps: int,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    batches: Array | None = None,
) -> Array:
    """Return the parameters of a network at every step, ``(steps + 1, P)``."""
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


def closure_error(bench: Bench, c: float = 3.0, batched: bool = False, **method: Any) -> Measured:
    """Compare the closure with a network on data through its catapult, in the functions."""
    width, steps = 500, 60
    if batched:
        samples = bench.samples()[0].shape[0]
        method["batches"] = minibatches(
            samples, samples // 4, steps=steps, rng=bench.rng("batches")
        )
    net = on_data.linear_net(bench, width)
    explicit = on_data.draw_networks(bench, Architecture("linear", 1), width)
    theta, rate = explicit.theta[0], c * float(explicit.unit[0])
    thetas = explicit_run(explicit.net, theta, explicit.X, explicit.y, rate, steps, **method)
    (weights, _), (readout, _) = explicit.net.split(theta)
    state = net.from_weights(weights.T, readout)
    observe = {"f": lambda s: net.predict(s)[:, 0, 0]}
    run = net.train(rate, steps, state=state, observe=observe, **method)
    return relative_error(run.values["f"], explicit.net.predict(thetas, explicit.X)[:, 0, 0])


# The linear network on data -------------------------------------------------------------------


def widest(bench: Bench, kind: str) -> Measured:
    """Find a boundary of the widest linear network on data."""
    return on_data.linear_boundary(bench, kind, WIDTHS[-1]).measured


def rise_excess(bench: Bench) -> Measured:
    """Measure the exponent in the width of how far above 2 the linear network stays lazy."""
    widths = (1000, 3000, 10000)
    found = [on_data.linear_boundary(bench, "rise", width) for width in widths]
    excess = np.array([(one.lower + one.upper) / 2 - 2 for one in found])
    return mean(np.polyfit(np.log10(widths), np.log10(excess), 1)[0])


def earliest_end(bench: Bench) -> Measured:
    """Find by how much any seed of any width is known to diverge below c = 4."""
    ends = [on_data.linear_boundary(bench, "end", width).upper for width in WIDTHS[1:]]
    return Measured(float(4 - np.min(ends)), 0.0, np.size(ends))


def network_end(bench: Bench, architecture: Architecture) -> Measured:
    """Find where the widest networks trained stop converging."""
    width = bench.effort.hidden[architecture.depth][-1]
    return on_data.network_boundary(bench, "end", architecture, width).measured


# What is claimed ------------------------------------------------------------------------------

PAPER = "Lewkowycz et al. 2020"
NEAR = 0.02  # above the threshold; corrections to the leading order are of this relative size
LITERATURE = {  # c_act, and who says so
    "linear": (4.0, f"{PAPER}, section 2"),
    "tanh": (4.0, f"supplement of {PAPER}, at second hand"),
    "relu": (12.0, f"{PAPER}, section 3"),
}


def exact_claims() -> Iterator[Claim]:
    """State that the theory follows explicit networks."""
    exact = partial(Claim, predict=constant(0.0), tolerance=1e-10)
    yield exact(
        "catapult.map",
        "the derived (f, lambda) map follows an explicit network through a catapult "
        "(relative error)",
        f"{PAPER}, eq. 2",
        measure=map_error,
    )
    yield exact(
        "catapult.closure",
        "the width-independent closure follows an explicit network on data through a "
        "catapult (relative error)",
        "derived here",
        measure=closure_error,
    )


OPTIMISERS: dict[str, tuple[str, dict[str, Any]]] = {
    "heavy-ball": ("heavy ball, beta = 0.5", {"c": 3.5, "momentum": 0.5}),
    "nesterov": ("Nesterov, beta = 0.5", {"c": 2.2, "momentum": 0.5, "nesterov": True}),
    "weight-decay": ("weight decay", {"weight_decay": 0.01}),
    "minibatches": ("reshuffled minibatches", {"c": 0.5, "batched": True}),
    "everything": (
        "minibatches with heavy ball and weight decay",
        {"c": 0.4, "batched": True, "momentum": 0.3, "weight_decay": 0.01},
    ),
}


def optimiser_claims() -> Iterator[Claim]:
    """State that the closure follows explicit networks under every optimiser."""
    for name, (words, method) in OPTIMISERS.items():
        yield Claim(
            f"catapult.closure.{name}",
            f"the closure follows an explicit network on data, {words} (relative error)",
            "derived here",
            constant(0.0),
            partial(closure_error, **method),
            tolerance=1e-10,
        )


def momentum_claims() -> Iterator[Claim]:
    """State where convergence ends with momentum."""
    for name, nesterov in (("heavy-ball", False), ("nesterov", True)):
        for momentum in (0.5, 0.9):
            linear = float(largest_stable_rate(1.0, momentum=momentum, nesterov=nesterov))
            claim = partial(Claim, cost=3)
            method: dict[str, Any] = {"momentum": momentum, "nesterov": nesterov}
            formula = "2 (1 + beta) / (1 + 2 beta)" if nesterov else "2 (1 + beta)"
            yield claim(
                f"catapult.momentum.{name}-{momentum:g}.linear",
                f"{name}, beta = {momentum:g}, infinite width: convergence ends at c = {formula}",
                source="Cohen et al. 2021, arXiv:2103.00065",
                predict=constant(linear),
                measure=partial(one_sample.momentum_boundary, kind="linear", **method),
                tolerance=0.02,
            )
            yield claim(
                f"catapult.momentum.{name}-{momentum:g}.end",
                f"{name}, beta = {momentum:g}, width 1e8: catapults reach twice as far, as without "
                "momentum",
                source="a guess, made to be judged",
                predict=constant(2 * linear),
                measure=partial(one_sample.momentum_boundary, kind="end", **method),
                tolerance=0.1,
            )


def boundary_claims() -> Iterator[Claim]:
    """State where the phases of one sample end."""
    yield Claim(
        "catapult.one-sample.rise",
        "one sample: the loss first rises at c = 2 + eta^2 f_0^2 / n",
        f"{PAPER}, eq. 2",
        one_sample.predicted_rise,
        lambda bench: one_sample.paired(one_sample.rise_boundary(bench)),
        tolerance=1e-3,
    )
    yield Claim(
        "catapult.one-sample.end",
        "one sample: convergence ends at c = 4, whatever the width",
        f"{PAPER}, theorem 1",
        constant(4.0),
        lambda bench: one_sample.end_boundary(bench).measured,
        tolerance=0.01,
        cost=3,
    )


def theorem_claims() -> Iterator[Claim]:
    """State theorem 1 part by part, as far as no other claim does."""
    theorem = partial(Claim, source=f"{PAPER}, theorem 1")
    yield theorem(
        "catapult.theorem.lazy.duration",
        "one sample, c = 1.5: the steps to a loss of 1e-6 do not grow with the width (per decade)",
        predict=constant(0.0),
        measure=one_sample.lazy_duration,
        tolerance=0.1,
    )
    for c, phase, share in (
        (1.5, Phase.LAZY, 1),
        (2.5, Phase.CATAPULT, 1),
        (3.9, Phase.DIVERGENT, 0),
        (4.05, Phase.DIVERGENT, 1),
    ):
        yield theorem(
            f"catapult.theorem.{phase.name.lower()}-{c:g}",
            f"one sample, c = {c:g}: {'every' if share else 'no'} run is {phase.name.lower()} "
            "(share)",
            predict=constant(share),
            measure=partial(one_sample.share, c=c, phase=phase),
            tolerance=0.02,
        )


def width_claims() -> Iterator[Claim]:
    """State how the catapult of one sample scales with the width."""
    yield Claim(
        "catapult.peak.width",
        "one sample: the peak loss grows as n^1 (exponent at c = 3)",
        f"{PAPER}, theorem 1",
        constant(1.0),
        one_sample.peak_growth,
        tolerance=0.05,
    )
    for c in (2.5, 3.0):
        yield Claim(
            f"catapult.peak.time-{c:g}",
            f"one sample, c = {c:g}: the peak comes ln 10 / (2 ln(c - 1)) steps later per "
            "decade of width",
            f"{PAPER}, section 2",
            constant(math.log(10) / (2 * math.log(c - 1))),
            partial(one_sample.time_to_peak, c=c),
            tolerance=0.1,
        )
    yield Claim(
        "catapult.lazy.width",
        "one sample, lazy phase: lambda moves by O(1/n) (exponent at c = 1)",
        f"{PAPER}, theorem 1",
        constant(-1.0),
        one_sample.lazy_movement,
        tolerance=0.05,
    )


def curvature_claims() -> Iterator[Claim]:
    """State where the catapult of one sample ends."""
    yield Claim(
        "catapult.one-sample.final-curvature",
        "one sample: every catapult ends at eta lambda below 2 (largest)",
        f"{PAPER}, theorem 1",
        constant(2.0),
        one_sample.largest_final_curvature,
        tolerance=0.0,
        relation="<=",
    )
    yield Claim(
        "catapult.invariant",
        "one sample: (eta lambda)^2 - 4 s shrinks by (1 - s)^2 in every step (relative error)",
        "derived here",
        constant(0.0),
        one_sample.invariant_error,
        tolerance=1e-10,
    )
    yield Claim(
        "catapult.final-curvature.wide",
        "one sample, c = 2.5, n to infinity: eta lambda ends at 1.28",
        "derived here",
        constant(1.28),
        partial(one_sample.final_curvature, c=2.5),
        tolerance=0.01,
    )
    yield Claim(
        "catapult.threshold.peak",
        f"one sample, c = 2 + {NEAR:g}: peak loss over n (c - 2)^2 / (4 eta^2)",
        "derived here",
        constant(1.0),
        lambda bench: one_sample.near_threshold(bench, NEAR)[0],
        tolerance=0.05,
    )
    yield Claim(
        "catapult.threshold.final-curvature",
        f"one sample, c = 2 + {NEAR:g}: eta lambda ends at 4 - c",
        "derived here",
        constant(2 - NEAR),
        lambda bench: one_sample.near_threshold(bench, NEAR)[1],
        tolerance=0.001,
    )


def data_claims() -> Iterator[Claim]:
    """State what the linear network on many samples does."""
    at_widest = f"linear network on data, width 1e{round(math.log10(WIDTHS[-1]))}"
    yield Claim(
        "catapult.data.rise",
        f"{at_widest}: it stops being lazy at c = 2",
        f"{PAPER}, section 2",
        constant(2.0),
        partial(widest, kind="rise"),
        tolerance=0.05,
        cost=8,
    )
    yield Claim(
        "catapult.data.rise.width",
        "linear network on data: it stays lazy above 2 by O(n^-1/2) (exponent)",
        "derived here",
        constant(-0.5),
        rise_excess,
        tolerance=0.1,
        cost=20,
    )
    yield Claim(
        "catapult.data.end",
        f"{at_widest}: it stops converging at c = 4",
        f"{PAPER}, section 2",
        constant(4.0),
        partial(widest, kind="end"),
        tolerance=0.1,
        cost=8,
    )
    yield Claim(
        "catapult.data.end.width",
        "linear network on data, widths 1e4 to 1e12: no seed diverges below c = 4 (by how much)",
        "conjectured here",
        constant(0.0),
        earliest_end,
        tolerance=0.1,
        relation="<=",
        cost=20,
    )


def network_claims(architecture: Architecture) -> Iterator[Claim]:
    """State what trained networks do."""
    (end, end_source), effort = LITERATURE[architecture.activation], architecture.depth**2
    group = f"catapult.{architecture.activation}-{architecture.depth}"
    group += "" if architecture.centred else "-uncentred"
    claim = partial(Claim, source=f"{PAPER}, section 3")
    yield claim(
        f"{group}.rise",
        f"{architecture.name}: the loss first rises at c = 2 (extrapolated to infinite width)",
        predict=constant(2.0),
        measure=partial(on_data.wide_limit, architecture=architecture),
        tolerance=0.1,
        cost=10 * effort,
    )
    yield claim(
        f"{group}.end",
        f"{architecture.name}, widest trained: convergence ends at c_act = {end:g}",
        source=end_source,
        predict=constant(end),
        measure=partial(network_end, architecture=architecture),
        tolerance=0.1 * end,
        cost=10 * effort,
    )
    yield claim(
        f"{group}.final-curvature",
        f"{architecture.name}: catapults end at eta lambda below 2 (mean at the worst c)",
        predict=constant(2.0),
        measure=partial(on_data.final_curvature, architecture=architecture),
        tolerance=0.05,
        relation="<=",
        cost=4 * effort,
    )


CLAIMS = (
    *exact_claims(),
    *optimiser_claims(),
    *boundary_claims(),
    *theorem_claims(),
    *width_claims(),
    *curvature_claims(),
    *momentum_claims(),
    *data_claims(),
    *(claim for architecture in ARCHITECTURES for claim in network_claims(architecture)),
)
