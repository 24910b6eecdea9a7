r"""The stationary variance of SGD on quadratic minibatch losses, and what averages are worth.

(a) Stationary variance along one eigenvector of the Hessian against a, learning rate times
curvature, in units of the variance of the batches' minima. Lines: closed forms, derived. Crosses:
exact propagation of the covariance for 4000 steps. Circles: 2000 sampled runs each; their standard
errors, 3 %, are smaller. Batches visited once an epoch leave, at the ends of epochs, less by two
powers of a. (b) The learning rate whose plain iterates have that variance. Dotted is what it tends
to: half of a for two points far apart; 1 / (1 / a + 1 / (1 - gamma)) for an exponential average; 2
/ k for the mean of k iterates. Where steps are short against its window an average does nothing.
"""

import numpy as np

from catapult_sim import EMA, TwoPoint, Window
from catapult_sim.commands.gallery import run_script
from catapult_sim.numeric.minibatch.moments import propagate, sample
from catapult_sim.numeric.minibatch.stationary import equivalent_rate, stationary_variance
from catapult_sim.plots import canvas, style

CASES = {
    "iterates": ({}, "black"),
    "two points, 100 steps apart": ({"average": TwoPoint(100)}, style.ORANGE),
    r"EMA, $\gamma=0.98$": ({"average": EMA(0.98)}, style.BLUE),
    "mean of 100 iterates": ({"average": Window(100)}, style.ROSE),
    "8 batches in turn, no average": ({"batches": 8}, style.FERN),
}
LINE, POINTS = np.geomspace(2e-3, 1.9, 200), np.geomspace(4e-3, 1.6, 9)
STEPS, RUNS = 4000, 2000


def main():
    """Return the figure."""
    figure, axes = canvas.panels(1, 2, size=(10.5, 4.2))
    draw_variances(axes[0])
    draw_rates(axes[1])
    style.letter_panels(axes, ("stationary variance", "the learning rate an average is worth"))
    return figure


def draw_variances(ax):
    """Draw closed forms, propagation and samples."""
    for name, (options, colour) in CASES.items():
        ax.loglog(LINE, stationary_variance(LINE, **options), color=colour, lw=1.4, label=name)
        settled = propagate(np.tile(POINTS, (STEPS, 1)), **options).average_variance[-1]
        ax.loglog(POINTS, settled, "x", color=colour, ms=4)
        squares = np.stack([squared(a, options) for a in POINTS])
        error = squares.std(axis=1) / np.sqrt(RUNS)
        look = {"fmt": "o", "ms": 7, "mfc": "none", "capsize": 3, "lw": 1.2}
        ax.errorbar(POINTS, squares.mean(axis=1), error, color=colour, **look)
    ax.set(xlabel=r"$a=\eta h$", ylabel="variance  $V$", xlim=(2e-3, 2), ylim=(1e-6, 30))
    ax.legend(frameon=False, fontsize=8, loc="upper left")


def squared(a, options):
    """Return sampled squares of averages, after the deviations have relaxed."""
    # Steps to relax, and the window of the average, in whole epochs of eight batches.
    steps = 8 * int(np.ceil((6 / a + 100) / 8))
    rates = np.full((steps, RUNS), a)
    return sample(rates, rng=0, **options).averages[-1] ** 2


def draw_rates(ax):
    """Draw equivalent learning rates and their limits."""
    for options, colour in CASES.values():
        ax.loglog(LINE, equivalent_rate(stationary_variance(LINE, **options)), color=colour, lw=1.4)
    ax.loglog(LINE, LINE / 2, ":", color=style.ORANGE)
    ax.loglog(LINE, 1 / (1 / LINE + 1 / (1 - 0.98)), ":", color=style.BLUE)
    ax.axhline(2 / 100, ls=":", color=style.ROSE)
    ax.set(xlabel=r"$a=\eta h$", ylabel=r"equivalent rate  $a_{\rm eff}$", xlim=(2e-3, 2))
    ax.set_ylim(5e-4, 3)


if __name__ == "__main__":
    run_script(main, __file__)
