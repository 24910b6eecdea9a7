r"""Gradient descent beyond stability, and four flows that describe it up to a point.

From the same weights, at equal times. (a) A network of tanh with two hidden layers of 24 units
learns 64 handwritten digits; its sharpness, the top eigenvalue of the Hessian, rises to 2/eta. (b)
A linear network of width 64 learns odd against even digits, from c = 2.5: a catapult. Top: the
loss, of gradient descent at every step; of the central flow and Edge Flow the mean that they
predict. Middle: eta times the sharpness, dashed where descent on a quadratic stops being stable; of
gradient descent at the centre of three iterates. Bottom: the distance of each flow from that
centre. Gradient flow and the modified flow of first order go on as if nothing had happened. The
central flow stays at 2/eta, at the right mean loss; it knows neither the sharpness that exceeds
2/eta before the oscillation has grown, nor a catapult, where it is put back to 2/eta at the start
and soon stays there. Edge Flow, a centre with an oscillation around it, shows both; through the
catapult its sharpness falls, but not as far.
"""

import numpy as np

from catapult_sim.commands.gallery import run_script
from catapult_sim.experiments import beyond_stability as beyond
from catapult_sim.plots import canvas, style

STYLES = {
    "gradient flow": {"color": style.BLUE, "ls": "--"},
    "modified flow": {"color": style.TEAL, "ls": ":"},
    "central flow": {"color": style.ORANGE},
    "Edge Flow": {"color": style.WINE},
}
MEMBER = 2


def main(bench):
    """Return the figure."""
    panels = {
        "at the edge of stability": beyond.compare_one(
            beyond.edge_networks(bench), MEMBER, beyond.EDGE_C, beyond.EDGE_STEPS, 2
        ),
        "through a catapult": beyond.compare_one(
            beyond.catapult_networks(bench), MEMBER, beyond.CATAPULT_C, 40, 1
        ),
    }
    shared = {"height_ratios": (1, 1.15, 1), "sharex": "col"}
    figure, grid = canvas.panels(3, 2, size=(9.5, 7.6), **shared)
    style.letter_panels(grid[0], panels)
    for column, found in zip(grid.T, panels.values(), strict=True):
        draw(column, found)
    for ax, label in zip(
        grid[:, 0], ("loss", r"$\eta\,\times$ sharpness", "distance"), strict=True
    ):
        ax.set_ylabel(label)
    grid[1, 0].legend(frameon=False, fontsize=8.5, loc="upper left")
    return figure


def draw(column, found):
    """Draw loss, sharpness and distances of one comparison."""
    loss, sharpness, distance = column
    descent = {"color": "black", "lw": 1, "label": "gradient descent"}
    loss.plot(np.arange(len(found.loss)), found.loss, **descent | {"lw": 0.6})
    sharpness.plot(found.step, found.sharpness, **descent)
    for name, path in found.flows.items():
        options = {"lw": 1.6, "label": name} | STYLES[name]
        loss.plot(found.step, path.mean_loss, **options)
        sharpness.plot(found.step, path.sharpness, **options)
        distance.plot(found.step, path.distance, **options)
    sharpness.axhline(2, color="black", lw=0.8, ls=(0, (4, 3)))
    loss.set_yscale("log")
    distance.set(xlabel="step  $t$", ylim=0)


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
