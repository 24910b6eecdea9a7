"""The weight norm and the active units of networks through a catapult [Meltzer2023].

The outputs of a ReLU network with one hidden layer and no bias are homogeneous in its parameters
of degree 2, so that ``J theta = 2 f``. A step of gradient descent on the squared residuals ``r =
f - y`` then changes the weight norm exactly by

    ``|theta'|^2 - |theta|^2 = -(4 eta / m) r . f + (eta^2 / m) r^T Theta r``,

with ``Theta = (1/m) J J^T`` of top eigenvalue lambda; without labels, r = f, that is at most
``-(eta / m) |f|^2 (4 - eta lambda)``: while ``eta lambda < 4`` the norm falls. The paper says that
it falls while the loss is large, and that activation maps become sparser as the learning rate
grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_most, equals
from catapult_sim.claims.sources import DERIVED
from catapult_sim.claims.sources import MELTZER as PAPER
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import SETTLED, Networks, draw_networks
from catapult_sim.mlp import kernel
from catapult_sim.mlp.observers import Observers
from catapult_sim.numeric.curvature.eigenpairs import largest_eigenvalue
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, mean
from catapult_sim.numeric.runs.phases import Phase, classify
from catapult_sim.types import Array

SMALLER = "32 of the 8x8 digits, narrow networks"
RATES = np.array([[1.0], [2.5], [3.5], [6.0], [10.0]])  # for the norm
SPARSE_RATES = np.array([[0.5], [1.0], [2.0], [2.5], [3.0], [3.5], [4.0], [6.0], [8.0], [12.0]])
STEPS = 30
ARCHITECTURES = (Architecture("relu", 1), Architecture("relu", 1, "raw"), Architecture("relu", 2))
FOLLOWED = ARCHITECTURES[1]  # it survives the largest learning rates


def narrow(bench: Bench, architecture: Architecture) -> Networks:
    """Draw the narrowest networks on data."""
    return draw_networks(bench, architecture, bench.effort.hidden[architecture.depth][0])


@once
def norms(bench: Bench, labels: bool) -> dict[str, Array]:
    """Return squared weight norms along runs, their predicted changes, and ``eta lambda``.

    For half of the seeds; without labels all y are 0.
    """
    drawn = narrow(bench, FOLLOWED)[: bench.effort.members // 2]
    networks = drawn if labels else replace(drawn, y=np.zeros_like(drawn.y))
    net, X, y = networks.net, networks.X, networks.y
    observe = {
        "norm": Observers(net, X, y).weight_norm,
        "kernel": partial(kernel.ntk, net, X=X),
        "output": lambda theta: net.predict(theta, X)[..., 0],
    }
    seen = networks.run_at(RATES, steps=STEPS, observe=observe, escape=1e8).values
    eta, f = (RATES * networks.unit)[None], seen["output"]
    r = f - y[:, 0]
    turned = np.einsum("tksab,tksb->tksa", seen["kernel"], r)
    drift = -4 * np.sum(r * f, axis=-1) + eta * np.sum(r * turned, axis=-1)
    top = largest_eigenvalue(seen["kernel"])
    return {"norm": seen["norm"], "change": eta * drift / len(X), "scaled": eta * top}


def identity_error(bench: Bench) -> Measured:
    """Compare the change of the norm at every step with its formula, relative to the norm."""
    seen = norms(bench, labels=True)
    errors = np.abs(np.diff(seen["norm"], axis=0) - seen["change"][:-1]) / seen["norm"][:-1]
    return Measured(float(np.nanmax(errors)), 0.0, int(np.isfinite(errors).sum()))


def largest_gain(bench: Bench) -> Measured:
    """Return the largest relative gain of the norm in a step with ``eta lambda < 4``."""
    seen = norms(bench, labels=False)
    gains = np.diff(seen["norm"], axis=0) / seen["norm"][:-1]
    covered = (seen["scaled"][:-1] < 4) & np.isfinite(gains)
    return Measured(float(gains[covered].max()), 0.0, int(covered.sum()))


@once
def active_share(bench: Bench, architecture: Architecture) -> Array:
    """Return the share of active pairs of a unit and a sample after training, ``(K, S)``.

    NaN where the loss has not come down.
    """
    networks = narrow(bench, architecture)
    run = networks.run_at(SPARSE_RATES, steps=bench.effort.steps, tolerance=1e-3)
    share = Observers(networks.net, networks.X, networks.y).active_fraction(run.state)
    down = np.isin(classify(run, settled=SETTLED), (Phase.LAZY, Phase.CATAPULT))
    return np.where(down, share, np.nan)


def sparsening(bench: Bench, architecture: Architecture) -> Measured:
    """Fit how the share of active pairs changes as c doubles above 2."""
    share, c = active_share(bench, architecture), np.log2(SPARSE_RATES[:, 0])
    slopes = []
    for column in share.T:
        usable = np.isfinite(column) & (c >= 1)
        if usable.sum() > 2:
            slopes.append(np.polyfit(c[usable], column[usable], 1)[0])
    if not slopes:
        raise NothingToMeasure
    return mean(slopes)


def norm_claims() -> Iterator[Claim]:
    """Yield the claims on how weight norms change."""
    setting = f"{FOLLOWED.name}, c up to {RATES[-1, 0]:g}"
    theorem = Claims(PAPER, "quadratic_models.norm", kind="theorem")
    yield theorem(
        "identity",
        f"{setting}: |theta'|^2 = |theta|^2 - (4 eta/m) r.f + (eta^2/m) r.Theta r (relative error)",
        equals(identity_error, 0.0, within=1e-10),
        says=DERIVED,
    )
    yield theorem(
        "falls",
        f"{setting}, labels 0: the weight norm falls while eta lambda < 4 (largest gain)",
        at_most(largest_gain, 0.0, within=1e-12),
    )


def sparsity_claims() -> Iterator[Claim]:
    """Yield the claims on how activations become sparse."""
    claim = Claims(PAPER, "quadratic_models.sparsity", reduced=SMALLER)
    for one in ARCHITECTURES:
        yield claim(
            f"{one.activation}-{one.depth}{one.suffix}",
            f"{one.name}: activations become sparser as the learning rate grows above c = 2 "
            "(change of the active share as c doubles)",
            at_most(partial(sparsening, architecture=one), 0.0),
            cost=3 * one.depth,
        )


CLAIMS = (*norm_claims(), *sparsity_claims())
