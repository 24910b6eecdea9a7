r"""A large learning rate leaves noise of SGD: lowered in the end, it costs no accuracy.

Networks with two hidden layers of 128 units learn 256 handwritten digits by SGD with batches of 32,
at learning rates c = eta lambda_0 of the tangent kernel: (a) for 200 steps; (b) for 2000 / c steps,
to the same time (hollow, dotted), and then for 400 steps more at c = 0.5 (full). Accuracy is that
on the 1541 other digits; in (b) in points above what c = 1 gives without lowering it, seed by seed.
(c) The latter, against the curvature that is left. Points are means with standard errors over four
seeds, each with its own samples and weights; where a seed diverged there is none. Dashed is
2 / lambda_0, where the catapult begins.
"""

import numpy as np

from catapult_sim.claims.lewkowycz2020.accuracy import ACTIVATIONS
from catapult_sim.claims.lewkowycz2020.decay import RATES, legs
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_seeds, style

TITLES = ("equal steps", "equal time, and the rate lowered", "against curvature")
FROM = int(np.flatnonzero(RATES == 1)[0])


def main(bench):
    """Return the figure."""
    figure, axes = canvas.panels(1, 3, size=(11, 3.5))
    steps, time, curvature = axes
    for activation in ACTIVATIONS:
        found, colour = legs(bench, activation), style.ACTIVATION_COLOURS[activation]
        look = {"color": colour, "label": style.NAMES[activation]}
        plot_seeds(RATES, accuracy(found["steps"]), ax=steps, **look)
        start = accuracy(found["time"])[FROM]
        before, after = (100 * (accuracy(found[leg]) - start) for leg in ("time", "lowered"))
        hollow = {"color": colour, "fmt": "o:", "mfc": "white"}
        plot_seeds(RATES, before, ax=time, **hollow)
        plot_seeds(RATES, after, ax=time, **look)
        plot_seeds(found["lowered"].curvature.mean(axis=1), after, ax=curvature, **look)
    for ax in (steps, time):
        ax.axvline(2, color="black", lw=1, ls="--", zorder=0)
        ax.set(xscale="log", xlim=(0.45, 9), xlabel=style.AXES["c"])
        style.set_ticks(ax.xaxis, [0.5, 1, 2, 4, 8])
    steps.set_ylabel("test accuracy")
    steps.legend(frameon=False, loc="lower right")
    for ax in (time, curvature):
        ax.axhline(0, color="black", lw=0.8, zorder=0)
        ax.set_ylabel("points of test accuracy")
    curvature.set(xlim=(0, 1.05), xlabel=r"curvature left  $\lambda/\lambda_0$")
    style.letter_panels(axes, TITLES)
    return figure


def accuracy(leg):
    """Return the accuracy on all samples left over ``(K, S)``, NaN where a run diverged."""
    return np.where(leg.diverged, np.nan, (leg.choosing + leg.judging) / 2)


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
