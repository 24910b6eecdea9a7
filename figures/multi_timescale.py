r"""What averaging does along each eigenvector of a network's Hessian.

A tanh network of 8 hidden units near its minimum on 256 handwritten digits, displaced at the start
and followed in 128 runs with batches of 16 at one learning rate eta. Every point is one
eigenvector, of curvature h, after 300 steps. Shown is what the mean of two points 100 steps apart,
an exponential average (gamma = 0.98) and halving eta for the last 100 steps do to (a) the variance
and (b) the squared distance of the mean from the minimum, relative to the last iterate. Lines:
exact propagation of the quadratic model; nothing is fitted. Averaging removes noise where 100 eta
h is above one, and two points do there what halving does; below it averages lag behind, as does a
lower learning rate. (b) shows the eigenvectors along which the mean can be told from the noise.
"""

import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from catapult_sim.claims.sandler2023.timescales import AVERAGES, GAP, MEMBERS, STEPS, timescales
from catapult_sim.commands.gallery import run_script
from catapult_sim.numeric.minibatch.moments import propagate
from catapult_sim.plots import canvas, style

STYLES = {
    "half": ("s", style.FERN, r"$\eta$ halved"),
    "two-point": ("o", style.ORANGE, "two points"),
    "ema": ("D", style.BLUE, r"EMA, $\gamma=0.98$"),
}


def main(bench):
    """Return the figure."""
    found = timescales(bench)
    figure, axes = canvas.panels(1, 2, size=(10.5, 4.0))
    draw(found, 1, axes[0])
    draw(found, 0, axes[1])
    words = ("variance", "squared mean")
    style.letter_panels(axes, (f"{quantity}, relative to the last iterate's" for quantity in words))
    axes[0].legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def draw(found, part, ax):
    """Draw the squared means (0) or the variances (1)."""
    rates = np.geomspace(found.rates[0], found.rates[-1], 300)
    mean, variance = found.predicted["last"]
    seen = (mean > 100 * variance / MEMBERS) | (part == 1)
    for name, (marker, colour, label) in STYLES.items():
        ratio = found.measured[name][part] / found.measured["last"][part]
        look = {"ms": 3.2, "mfc": "none", "mew": 0.7, "alpha": 0.75}
        ax.plot(found.rates[seen] * GAP, ratio[seen], marker, color=colour, **look)
        expected = moments(rates, name)[part] / moments(rates, "last")[part]
        shown = rates <= found.rates[seen].max()
        ax.plot(rates[shown] * GAP, expected[shown], color=colour, lw=1.6, label=label)
    ax.axhline(1, color="0.6", lw=0.8, ls=":")
    ax.set(xscale="log", xlabel=r"relaxation between the two points,  $100\,\eta h$")
    if part:
        ax.set_yscale("log")
    for axis in (ax.xaxis, ax.yaxis)[: 1 + part]:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())


def moments(rates, name):
    """Return the squared mean and the variance predicted by the model."""
    half = 0.5 if name == "half" else 1.0
    schedule = np.where(np.arange(STEPS) < STEPS - GAP, 1.0, half)[:, None] * rates
    run = propagate(schedule, start=1.0, average=AVERAGES.get(name))
    return run.average_mean[-1] ** 2, run.average_variance[-1]


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
