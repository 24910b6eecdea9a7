"""Implicit regularisation ends where the catapult begins.

Largest distance in weights, over 20 steps, between gradient descent on the two-layer linear
network and its modified flow of order 0 (gradient flow), 1 (with the implicit regulariser) and
beyond, relative to the initial weights. The learning rate is in units of one over the initial
curvature; f_0 = 0.1 sqrt(n) lambda_0. Below 1 each order brings the flow closer. Above 2, where the
loss first grows, no order helps.
"""

import numpy as np
from matplotlib import colormaps

from catapult_sim.commands.gallery import run_script
from catapult_sim.numeric.flows.breakdown import linear_net_breakdown
from catapult_sim.plots import canvas, style

ORDERS = ("gradient flow", "order 1", "order 2", "order 3", "order 4")


def main():
    """Return the figure."""
    found = linear_net_breakdown(np.geomspace(0.05, 3.98, 60))
    figure, ax = canvas.panels(size=(6, 4))
    draw(found, ax)
    return figure


def draw(found, ax):
    """Draw one curve for each order, its name at its left end."""
    style.shade_phases(ax, (0.01, 2, 4))
    for phase, centre in (("lazy", 0.25), ("catapult", 2.83)):
        ax.text(centre, 10, phase, ha="center", fontweight="bold", fontsize=8)
    shades = colormaps["viridis"](np.linspace(0, 0.75, len(ORDERS)))
    for name, errors, shade in zip(ORDERS, found.error, shades, strict=True):
        ax.loglog(found.eta_lam, errors, color=shade, lw=1.6)
        beside = {"xytext": (-4, 0), "textcoords": "offset points", "fontsize": 8}
        start = found.eta_lam[0], errors[0]
        ax.annotate(name, start, color=shade, ha="right", va="center", **beside)
    ax.set(xlabel=r"learning rate  $\eta\lambda_0$", ylabel="largest error of the flow, relative")
    ax.set(xlim=(0.013, 4), ylim=(1e-10, 100))
    style.set_ticks(ax.xaxis, [0.05, 0.1, 0.2, 0.5, 1, 2, 4])


if __name__ == "__main__":
    run_script(main, __file__)
