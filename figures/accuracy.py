r"""The learning rate at which networks generalise best lies in the catapult phase.

Networks with one hidden layer of 128 units learn 256 handwritten digits by full-batch gradient
descent on squared error: (a) for 100 steps, (b) to the time 300 / lambda_0, whatever the learning
rate. Points are mean accuracies on the 1541 other digits, with standard errors over eight seeds,
each with its own samples and weights; a network that diverged counts as a guess. Dashed is 2 /
lambda_0, where the catapult begins; the ticks at the bottom mark where half of the networks
diverge, and beyond that accuracy leaves the frame. With ReLU the catapult wins at equal steps and
at equal time. With tanh it wins at equal steps only: the larger learning rate has merely gone
further.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from catapult_sim.claims.lewkowycz2020.accuracy import ACTIVATIONS, scan
from catapult_sim.commands import files
from catapult_sim.experiments.bench import Bench
from catapult_sim.plots import AXES, PHASE_COLOURS

INK = {"relu": "#8a3f54", "tanh": "#35618f"}
LABELS = {"relu": "ReLU", "tanh": "tanh"}
FLOOR = 0.64
TITLES = {"steps": "(a) fixed number of steps", "time": "(b) fixed time"}


def main() -> None:
    """Draw the figure next to this file."""
    bench = Bench()
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for (kind, title), ax in zip(TITLES.items(), figure.subplots(1, 2, sharey=True), strict=True):
        draw(bench, kind, ax)
        ax.set_title(title, loc="left", fontsize=10)
    files.draw(figure, Path(__file__), dpi=160)


def draw(bench, kind, ax):
    """Draw the accuracy of every activation against the learning rate."""
    ax.axvspan(0.4, 2, color=PHASE_COLOURS["lazy"], lw=0, alpha=0.5)
    ax.axvline(2, color="black", lw=1, ls="--")
    for activation in ACTIVATIONS:
        found = scan(bench, activation, kind)
        accuracy = (found.choosing + found.judging) / 2
        error = accuracy.std(axis=1, ddof=1) / np.sqrt(accuracy.shape[1])
        error[accuracy.mean(axis=1) < FLOOR] = np.nan
        style = {"color": INK[activation], "label": LABELS[activation]}
        ax.errorbar(found.c, accuracy.mean(axis=1), error, fmt="o-", ms=4, lw=1.2, **style)
        ax.plot([found.end] * 2, [FLOOR, FLOOR + 0.015], color=INK[activation], lw=2)
    ax.set(xscale="log", xlim=(0.45, 6), ylim=(FLOOR, 0.93), xlabel=AXES["c"])
    ax.set_xticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    ax.minorticks_off()
    if kind == "steps":
        ax.set_ylabel("test accuracy")
        ax.legend(frameon=False, loc="upper left")


if __name__ == "__main__":
    main()
