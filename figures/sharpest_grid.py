r"""Curvature grows, peaks and falls; lower for larger learning rates and for smaller batches.

Largest eigenvalue of the Hessian of the loss on 512 handwritten digits, along SGD of ReLU networks
with six hidden layers of 32 units, over its value h_0 at the start of each network, against time,
learning rate eta times steps. Thin: each of 16 networks; thick: their geometric mean. (a, b)
Softmax cross-entropy, batches of 32 at three learning rates, c / h_0, and three batch sizes at the
middle one. (c, d) Squared error. Dotted, in the colour of its learning rate: 2 / eta, where the
curvature of full-batch gradient descent would stop growing. Single runs have spikes far above the
mean, the more so the larger the learning rate. Drawing takes three minutes.
"""

import numpy as np

from catapult_sim.claims.jastrzebski2019.runs import BATCHES, RECIPES, grid
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, style

COLOURS = (style.BLUE, style.ORANGE, style.ROSE)
LIMITS = {"cross_entropy": (0.7, 300), "squared_error": (0.5, 12)}
TICKS = {"cross_entropy": (1, 3, 10, 30, 100), "squared_error": (0.5, 1, 2, 5, 10)}


def main(bench):
    """Return the figure."""
    figure, rows = canvas.panels(2, 2, size=(9, 6.2))
    titles = []
    for loss, (left, right) in zip(LIMITS, rows, strict=True):
        rates = RECIPES[loss].rates
        for i, rate in enumerate(rates):
            draw(left, grid(bench, loss, i), rate, COLOURS[i], rf"c = {rate:g}")
            left.axhline(2 / rate, color=COLOURS[i], lw=1, ls=":")
        for size, colour in zip(BATCHES, reversed(COLOURS), strict=True):
            draw(right, grid(bench, loss, 1, size), rates[1], colour, f"B = {size}")
        look = {"fontsize": 8, "color": COLOURS[0], "va": "bottom", "ha": "right"}
        left.text(RECIPES[loss].time, 2 / rates[0], r"$2/\eta$ ", **look)
        right.axhline(2 / rates[1], color="black", lw=1, ls=":")
        left.set_ylabel(r"curvature  $\lambda_1/h_0$")
        shared = ("B = 32", f"c = {rates[1]:g}")
        titles += [f"{style.NAMES[loss]}, {what}" for what in shared]
        for ax in (left, right):
            ax.set(yscale="log", ylim=LIMITS[loss], xlim=(0, RECIPES[loss].time))
            style.set_ticks(ax.yaxis, TICKS[loss])
            ax.set_xlabel(r"time  $\eta h_0 t$")
            ax.legend(frameon=False, fontsize=8, loc="lower right", ncols=3)
    style.letter_panels(rows.flat, titles)
    return figure


def draw(ax, run, rate, colour, label):
    """Draw every network, and their geometric mean."""
    curvature, time = run.eigenvalues[..., 0] / run.eigenvalues[0, ..., 0], rate * run.step
    ax.plot(time, curvature, color=colour, lw=0.5, alpha=0.25)
    ax.plot(time, np.exp(np.log(curvature).mean(axis=1)), color=colour, lw=2, label=label)


if __name__ == "__main__":
    run_script(main, __file__, effort="full")
