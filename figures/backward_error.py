"""Shuffled SGD follows its modified flow, to every order that was asked for.

Distance between the mean weights after one epoch (all 24 orders of 4 batches, enumerated) and
the modified flow truncated at order p, for a problem of three weights. Points are
measured, lines have the slope p + 2 of theory. Dashed: the best field without the
variance term, gradient descent's, which stays at slope 2.
"""

from __future__ import annotations

import sys

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import sympy as sp
from matplotlib.axes import Axes

from catapult_sim.numeric.epochs import draws, mean_epoch
from catapult_sim.numeric.flows import flow, numeric_field
from catapult_sim.symbolic.backward_error import ModifiedField, modified_field

a, b, c, eps = sp.symbols("a b c eps")
STATE, START = (a, b, c), np.array([0.6, -0.4, 0.7])
LOSSES = (a * b * c, (a - b**2) ** 2 / 2, (a * c - 1) ** 2 / 2 + b**3 / 3, sp.exp(a - c))
STEP_SIZES = 0.05 * 2.0 ** -np.arange(0, 4, 0.5)

_components = sp.lambdify(STATE, [[loss.diff(w) for w in STATE] for loss in LOSSES])


def gradients(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Gradients of the batches, ``(..., 3) -> (..., 4, 3)``."""
    rows = _components(*np.moveaxis(weights, -1, 0))
    zero = np.zeros(weights.shape[:-1])
    return np.stack([np.stack([zero + g for g in row], axis=-1) for row in rows], axis=-2)


def local_errors(field: ModifiedField) -> list[float]:
    """Distance of the flow from the mean epoch, for each step size."""
    epoch, m = mean_epoch(gradients, draws("shuffled", len(LOSSES))), len(LOSSES)
    ends = [flow(numeric_field(field, h), START, [0, m * h])[-1] for h in STEP_SIZES]
    return [
        float(np.linalg.norm(end - epoch(START, h)))
        for end, h in zip(ends, STEP_SIZES, strict=True)
    ]


def plot_slopes(*, ax: Axes, order: int = 3) -> Axes:
    """Draw measured errors as points and the slopes of theory as lines."""
    field = modified_field(LOSSES, STATE, eps, order=order, sampling="shuffled")
    for p in range(order + 1):
        errors = local_errors(field.truncate(p))
        theory = errors[-1] * (STEP_SIZES / STEP_SIZES[-1]) ** (p + 2)
        (line,) = ax.loglog(STEP_SIZES, theory, lw=1, label=f"order {p}: slope {p + 2}")
        ax.loglog(STEP_SIZES, errors, "o", color=line.get_color())
    without = modified_field(LOSSES, STATE, eps, order=1)
    ax.loglog(STEP_SIZES, local_errors(without), "k--", label="order 1 without variance term")
    ax.set_xlabel(r"step size $\varepsilon$")
    ax.set_ylabel("error after one epoch")
    ax.legend(fontsize="small")
    return ax


def main(path: str) -> None:
    """Measure, draw and save."""
    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    plot_slopes(ax=figure.subplots())
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main(sys.argv[1])
