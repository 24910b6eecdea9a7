r"""The learning rate at which networks generalise best lies in the catapult phase.

Networks with layers of 128 units learn 256 handwritten digits by full-batch gradient descent on
squared error: (a) two hidden layers for 100 steps, (b) one to the time 3000 / lambda_0, whatever
the learning rate. Points are mean accuracies on the 1541 other digits, with standard errors over
eight seeds, each with its own samples and weights; a network that diverged counts as a guess.
Dashed is 2 / lambda_0, where the catapult begins; the ticks at the bottom mark where half of the
networks diverge, and beyond that accuracy leaves the frame.
"""

import numpy as np

from catapult_sim.claims.lewkowycz2020.accuracy import ACTIVATIONS, scan
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, style

FLOOR = 0.64
TITLES = {"steps": "fixed number of steps", "time": "fixed time"}


def main(bench):
    """Return the figure."""
    figure, axes = canvas.panels(1, 2, size=(9, 3.5), sharey=True)
    for kind, ax in zip(TITLES, axes, strict=True):
        draw(bench, kind, ax)
    style.letter_panels(axes, TITLES.values())
    return figure


def draw(bench, kind, ax):
    """Draw the accuracy of every activation against the learning rate."""
    style.shade_phases(ax, (0.4, 2))
    ax.axvline(2, color="black", lw=1, ls="--")
    for activation in ACTIVATIONS:
        found = scan(bench, activation, kind)
        accuracy, error = style.mean_and_error((found.choosing + found.judging) / 2, axis=1)
        error[accuracy < FLOOR] = np.nan
        colour, label = style.ACTIVATION_COLOURS[activation], style.NAMES[activation]
        look = {"fmt": "o-", "ms": 4, "lw": 1.2, "color": colour, "label": label}
        ax.errorbar(found.c, accuracy, error, **look)
        ax.plot([found.end] * 2, [FLOOR, FLOOR + 0.015], color=colour, lw=2)
    ax.set(xscale="log", xlim=(0.45, 24), ylim=(FLOOR, 0.97), xlabel=style.AXES["c"])
    style.set_ticks(ax.xaxis, [0.5, 1, 2, 4, 8, 16])
    if kind == "steps":
        ax.set_ylabel("test accuracy")
        ax.legend(frameon=False, loc="upper left")


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
