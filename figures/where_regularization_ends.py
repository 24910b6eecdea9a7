"""Implicit regularisation ends where the catapult begins.

Largest relative distance, over 20 steps, between gradient descent on the two-layer linear
network and its modified flows of order 0 (gradient flow), 1 (the implicit regulariser) and
beyond, against the learning rate in units of one over the initial curvature. Below 1 each order
brings the flow closer; above 2, where the loss first grows, no order helps at all.
"""

from __future__ import annotations

import sys

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from catapult_sim.numeric.breakdown import Breakdown, linear_net_breakdown


def plot_breakdown(found: Breakdown, *, ax: Axes) -> Axes:
    """Draw one curve for each order of the modified flow."""
    shades = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(found.error)))
    for order, (errors, shade) in enumerate(zip(found.error, shades, strict=True)):
        ax.semilogy(found.eta_lam, errors, ".-", color=shade, label=f"order {order}")
    for boundary in (2, 4):
        ax.axvline(boundary, color="0.6", linestyle=":")
    for name, middle in (("lazy", 1), ("catapult", 3)):
        ax.text(middle, found.error[-1].min(), name, ha="center")
    ax.set_xlabel(r"learning rate $\eta\lambda_0$")
    ax.set_ylabel("largest error of the flow, relative")
    ax.legend(loc="upper left")
    return ax


def main(path: str) -> None:
    """Measure, draw and save."""
    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    plot_breakdown(linear_net_breakdown(np.linspace(0.05, 3.95, 40)), ax=figure.subplots())
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main(sys.argv[1])
