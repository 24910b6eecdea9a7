r"""Nudged-SGD: slower along the sharpest directions is faster at first, and ends sharper.

ReLU networks with six hidden layers of 32 units learn 512 handwritten digits by batches of 32. In
the span of the five sharpest directions, found anew every epoch, the learning rate is multiplied by
gamma; gamma = 1 is SGD. Lines are means over six networks (geometric ones of loss and curvature) on
the same starts and batches, bands their standard errors. Left to right: training loss, largest
eigenvalue of the Hessian, accuracy on the 1285 other digits. Top: softmax cross-entropy, learning
rate 0.03 over the curvature at the start. Bottom: squared error, 0.8. Drawing takes 40 seconds.
With `--effort full`, in four minutes, the top is of Fashion-MNIST in 14 x 14 pixels, 1024 pictures
that eight networks with three hidden layers of 64 units learn at a rate of 0.1, and the bottom of
16 networks.
"""

import numpy as np

from catapult_sim.claims.jastrzebski2019.runs import GAMMAS, nudged
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_seeds, style

COLOURS = (style.ROSE, style.ORANGE, "black", style.BLUE)
LOSSES = ("cross_entropy", "squared_error")
TICKS = (0.01, 0.03, 0.1, 0.3, 1), (0.3, 1, 3, 10, 30, 100)
CENTRES = ("geometric mean", "geometric mean", "mean")
LABELS = ("training loss", r"curvature  $\lambda_1$", "test accuracy")


def main(bench):
    """Return the figure."""
    figure, rows = canvas.panels(2, 3, size=(10.5, 6))
    for loss, row in zip(LOSSES, rows, strict=True):
        for colour, gamma in zip(COLOURS, GAMMAS, strict=True):
            run = nudged(bench, loss, gamma)
            epoch = np.arange(len(run.step))
            look = {"spread": "band", "color": colour, "label": rf"$\gamma$ = {gamma:g}"}
            quantities = run.values["loss"], run.eigenvalues[..., 0], run.values["accuracy"]
            for ax, values, centre in zip(row, quantities, CENTRES, strict=True):
                plot_seeds(epoch, values, centre=centre, ax=ax, **look)
        for ax, label in zip(row, LABELS, strict=True):
            ax.set(xlabel="epochs", ylabel=label, xlim=(0, epoch[-1]))
        for ax, ticks in zip(row, TICKS, strict=False):
            ax.set_yscale("log")
            limits = ax.get_ylim()
            style.set_ticks(ax.yaxis, ticks)
            ax.set_ylim(limits)
        row[2].set_ylim(0.3, 0.95)
        row[0].legend(frameon=False, fontsize=8, loc="lower left")
    style.letter_panels(rows.flat, (style.NAMES[loss] for loss in LOSSES for _ in LABELS))
    return figure


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
