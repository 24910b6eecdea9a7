r"""Along the sharpest directions a step of SGD gains nothing; half of it does.

ReLU networks with six hidden layers of 32 units, learning 512 handwritten digits by batches of 32,
at five times about the peak of their curvature; means over 16 networks with standard errors. (a, c)
Change of the loss when a step is reduced to its component along one of the sharpest directions,
along a random direction, or left whole, and multiplied by alpha. Points: measured. Lines: the
quadratic of the Hessian. The axis is linear near 0. (b, d) The loss along these directions, in
units of the mean length of the component (dashed), downhill to the right. Top: softmax
cross-entropy. Bottom: squared error. Drawing takes a minute.
"""

import numpy as np

from catapult_sim.claims.jastrzebski2019.runs import DIRECTIONS, looks
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_seeds, style

COLOURS = (style.ROSE, style.ORANGE, style.TEAL, "0.6", "black")
LABELS = [f"$e_{i + 1}$" for i in range(DIRECTIONS)] + ["random direction", "whole step"]
LOSSES = ("cross_entropy", "squared_error")
SHIFTS = np.linspace(-0.02, 0.02, len(LABELS))


def main(bench):
    """Return the figure."""
    figure, rows = canvas.panels(2, 2, size=(9, 6.4))
    for loss, (left, right) in zip(LOSSES, rows, strict=True):
        found = looks(bench, loss)
        draw_changes(left, found)
        draw_sections(right, found)
        left.legend(frameon=False, fontsize=8, loc="upper left")
    what = ("one step", "cross-sections")
    style.letter_panels(rows.flat, (f"{style.NAMES[x]}: {y}" for x in LOSSES for y in what))
    return figure


def draw_changes(ax, found):
    """Draw measured changes as points and the quadratic's as lines."""
    scales = found[0][0].response.scales
    change, predicted = (
        100 * np.array([[getattr(look.response, name) for look in row] for row in found])
        for name in ("change", "predicted")
    )
    powers, fine = scales[:, None] ** (1, 2), np.geomspace(0.23, 4.3, 200)
    for i, (colour, label) in enumerate(zip(COLOURS, LABELS, strict=True)):
        parabola = np.linalg.lstsq(powers, predicted[:, :, i].mean(axis=(0, 1)), rcond=None)[0]
        ax.plot(fine, fine[:, None] ** (1, 2) @ parabola, color=colour, lw=1)
        look = {"fmt": "o", "color": colour, "label": label}
        plot_seeds(scales * np.exp(SHIFTS[i]), change[:, :, i].mean(axis=1).T, ax=ax, **look)
    ax.axhline(0, color="0.7", lw=0.8)
    ax.set_xscale("log")
    ax.set_yscale("asinh", linear_width=1)
    style.set_ticks(ax.xaxis, [0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
    ax.set_yticks([-10, -1, 0, 1, 10, 100], ["-10", "-1", "0", "1", "10", "100"])
    ax.set(xlabel=r"multiple $\alpha$ of the step", ylabel="change of the loss, %")


def draw_sections(ax, found):
    """Draw the loss along each direction over the loss where the network is."""
    k = found[0][0].sections.multiples
    loss = np.array([[look.sections.loss for look in row] for row in found])
    # Eigenvectors have no sign of their own.
    uphill = (loss[..., k == 0.25] > loss[..., k == -0.25]) & np.ones(len(k), bool)
    loss = np.where(uphill, loss[..., ::-1], loss)
    relative = (loss / loss[..., k == 0]).mean(axis=1)  # (S, directions, M)
    for i in range(DIRECTIONS):
        plot_seeds(k, relative[:, i].T, ax=ax, color=COLOURS[i], label=LABELS[i])
    ax.axhline(1, color="0.7", lw=0.8)
    ax.axvline(1, color="black", lw=0.8, ls="--")
    ax.set(xlim=(-2.2, 4.2), ylim=(0.85, 4.5))
    ax.set(xlabel="position $k$, in steps along the direction", ylabel="loss over where it is")


if __name__ == "__main__":
    run_script(main, __file__, effort="full")
