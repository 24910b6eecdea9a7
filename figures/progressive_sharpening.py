r"""Sharpness rises until training is barely stable, and then stays there.

Networks of tanh with four hidden layers of 32 units learn 256 handwritten digits by full-batch
gradient descent on squared error, starting flat; eta is c over the sharpness h_0 at the start. Top:
eta times the sharpness, the top eigenvalue of the Hessian, along training; thin lines are eight
seeds, the thick one is their median. Dashed is where descent on a quadratic stops being stable: 2
for gradient descent at three learning rates (a), 2 (1 + beta) for heavy ball (b), and
2 (1 + beta) / (1 + 2 beta) for Nesterov's method (c). Bottom: the loss of the first seed. At the
edge it goes up and down, and falls in the long run. Where the loss is nearly zero, as with heavy
ball of beta = 0.9, nothing drives the sharpness any more, and it stays below. Lines end where a
seed diverges.
"""

import numpy as np

from catapult_sim.claims.cohen2021 import SETTINGS, edge
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_seeds, style

COLOURS = (style.BLUE, style.ORANGE, style.WINE)
PANELS = {
    "gradient descent": SETTINGS[:3],
    "heavy ball": SETTINGS[3:5],
    "Nesterov": SETTINGS[5:],
}


def main(bench):
    """Return the figure."""
    shared = {"height_ratios": (1.35, 1), "sharex": "col", "sharey": "row"}
    figure, grid = canvas.panels(2, 3, size=(10.5, 5.4), **shared)
    style.letter_panels(grid[0], PANELS)
    for settings, top, bottom in zip(PANELS.values(), *grid, strict=True):
        for setting, colour in zip(settings, COLOURS, strict=False):
            draw(top, bottom, edge(bench, setting), colour)
        top.legend(frameon=False, fontsize=8.5, loc="lower right")
        bottom.set(yscale="log", xlabel="step  $t$")
    grid[0, 0].set(ylabel=r"$\eta\,\times$ sharpness", ylim=(0, 4.6))
    grid[1, 0].set_ylabel("loss")
    return figure


def draw(top, bottom, found, colour):
    """Draw the runs of one setting."""
    seen = np.isfinite(found.sharpness).all(axis=1)
    step, sharpness = found.step[seen], found.sharpness[seen]
    setting = found.setting
    beta = rf", $\beta={setting.momentum:g}$" if setting.momentum else ""
    look = {"color": colour, "label": rf"$\eta={setting.c:.2g}/h_0$" + beta}
    plot_seeds(step, sharpness, centre="median", spread="lines", ax=top, **look)
    top.axhline(setting.threshold, color=colour if beta else "black", lw=1, ls="--")
    bottom.plot(found.step, found.loss[:, 0], color=colour, lw=0.9)


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
