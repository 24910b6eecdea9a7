r"""The loss of fixed minibatches along lines through the training of networks on digits.

Tanh networks of 32 hidden units after 1200 steps of SGD with batches of 4. Thin: the losses of
fixed batches of 32, one for each of eight networks, blue if training sees their samples, red if
not, in units of the loss where the line starts; some leave the frame. Thick: medians over 64
networks; dashed: the parabolas that fit these best. (a, d) Along the batch's own gradient step, in
units of its best learning rate; grey is the loss of all unseen data on the same steps. (b, e) From
an iterate to that 400 steps later. (c, f) From one iterate to the next. With squared error (top)
every line is a parabola; with cross-entropy (bottom) one large step takes most of a batch's
loss, which flattens out there and is no parabola.
"""

import numpy as np

from catapult_sim.claims.sandler2023 import batches, digits
from catapult_sim.commands.gallery import run_script
from catapult_sim.experiments.batch_losses import loss_along
from catapult_sim.plots import canvas, style

SHOWN = 8
COLOURS = {True: style.BLUE, False: style.ROSE}
TITLES = {
    "step": "along the batch's gradient step",
    "later": "to the iterate 400 steps later",
    "between": "to the next iterate",
}


def main(bench):
    """Return the figure."""
    figure, axes = canvas.panels(2, 3, size=(10.5, 6.0))
    for row, loss in zip(axes, digits.RATES, strict=True):
        for ax, line in zip(row, TITLES, strict=True):
            draw(bench, loss, line, ax)
        row[0].set_ylabel(f"{loss.replace('_', ' ')}, relative")
    style.letter_panels(axes.flat, [*TITLES.values()] * 2)
    return figure


def draw(bench, loss, line, ax):
    """Draw the losses of seen and unseen batches, and the fit to their mean."""
    for seen, colour in COLOURS.items():
        positions, losses = batches.lines(bench, loss, line, seen)
        relative = losses / losses[0]
        ax.plot(positions[:, :SHOWN], relative[:, :SHOWN], color=colour, lw=0.6, alpha=0.6)
        median = np.median(relative, axis=1)
        label = "batches of the training data" if seen else "unseen batches"
        ax.plot(positions[:, 0], median, color=colour, lw=2.2, label=label)
        fit = np.polynomial.Polynomial.fit(positions[:, 0], median, 2)
        ax.plot(positions[:, 0], fit(positions[:, 0]), "--", color="black", lw=1.2)
    if line == "step":
        positions, others = others_along(bench, loss)
        median = np.median(others / others[0], axis=1)
        ax.plot(positions, median, color="0.55", lw=2.2, label="all unseen data")
    ax.set(xlabel="learning rate / best learning rate" if line == "step" else "position")
    if loss == "cross_entropy":
        ax.set_ylim(-0.1, 2.5)
    if line == "step" and loss == "squared_error":
        ax.legend(frameon=False, fontsize=7.5)


def others_along(bench, loss):
    """Return the loss of all unseen data along the steps of batches that training sees."""
    found, step = digits.experiment(bench, loss), batches.one_large_step(bench, loss, True)
    batch = batches.fixed_batches(bench, found, True)
    gradient = found.net.loss_and_gradient(found.start, *batch)[1]
    positions = np.linspace(0, 2, 9)
    direction = -step.rate[:, None] * gradient
    return positions, loss_along(found.net, found.start, direction, positions[:, None], *found.test)


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
