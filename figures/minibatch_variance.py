r"""Where noise keeps SGD on quadratic minibatch losses, and what averaging is worth.

(a) Stationary variance along one eigenvector of the Hessian against a, learning rate times
curvature, in units of the variance of the batches' minima. Lines: closed forms, derived. Crosses:
exact propagation of the covariance for 4000 steps. Circles: 2000 sampled runs each; their standard
errors, 3 %, are smaller. Batches visited once an epoch leave, at the ends of epochs, less by two
powers of a. (b) The learning rate whose plain iterates have that variance. Dotted is what it tends
to: half of a for two points far apart; 1 / (1 / a + 1 / (1 - gamma)) for an exponential average; 2
/ k for the mean of k iterates. Where steps are short against its window an average does nothing.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from catapult_sim import EMA, TwoPoint, Window
from catapult_sim.commands import files
from catapult_sim.numeric.minibatch.moments import propagate, sample
from catapult_sim.numeric.minibatch.stationary import equivalent_rate, stationary_variance

CASES = {
    "iterates": ({}, "black"),
    "two points, 100 steps apart": ({"average": TwoPoint(100)}, "#d98e1f"),
    r"EMA, $\gamma=0.98$": ({"average": EMA(0.98)}, "#35618f"),
    "mean of 100 iterates": ({"average": Window(100)}, "#9c4a60"),
    "8 batches in turn, no average": ({"batches": 8}, "#4f8a5b"),
}
LINE, POINTS = np.geomspace(2e-3, 1.9, 200), np.geomspace(4e-3, 1.6, 9)
STEPS, RUNS = 4000, 2000


def main() -> None:
    """Draw the figure next to this file."""
    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_variances(left)
    draw_rates(right)
    files.draw(figure, Path(__file__), dpi=160)


def draw_variances(ax):
    """Draw closed forms, propagation and samples."""
    for name, (options, colour) in CASES.items():
        ax.loglog(LINE, stationary_variance(LINE, **options), color=colour, lw=1.4, label=name)
        settled = propagate(np.tile(POINTS, (STEPS, 1)), **options).average_variance[-1]
        ax.loglog(POINTS, settled, "x", color=colour, ms=4)
        squares = np.stack([squared(a, options) for a in POINTS])
        error = squares.std(axis=1) / np.sqrt(RUNS)
        style = {"fmt": "o", "ms": 7, "mfc": "none", "capsize": 3, "lw": 1.2}
        ax.errorbar(POINTS, squares.mean(axis=1), error, color=colour, **style)
    ax.set(xlabel=r"$a=\eta h$", ylabel="variance  $V$", xlim=(2e-3, 2), ylim=(1e-6, 30))
    ax.set_title("(a) stationary variance", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="upper left")


def squared(a, options):
    """Sample the squares of averages, after long enough."""
    # As many steps as relax the deviations, and the window; whole epochs.
    steps = 8 * int(np.ceil((6 / a + 100) / 8))
    rates = np.full((steps, RUNS), a)
    return sample(rates, rng=0, **options).averages[-1] ** 2


def draw_rates(ax):
    """Draw equivalent learning rates and their limits."""
    for options, colour in CASES.values():
        ax.loglog(LINE, equivalent_rate(stationary_variance(LINE, **options)), color=colour, lw=1.4)
    ax.loglog(LINE, LINE / 2, ":", color="#d98e1f")
    ax.loglog(LINE, 1 / (1 / LINE + 1 / (1 - 0.98)), ":", color="#35618f")
    ax.axhline(2 / 100, ls=":", color="#9c4a60")
    ax.set(xlabel=r"$a=\eta h$", ylabel=r"equivalent rate  $a_{\rm eff}$", xlim=(2e-3, 2))
    ax.set_ylim(5e-4, 3)
    ax.set_title("(b) the learning rate an average is worth", loc="left", fontsize=10)


if __name__ == "__main__":
    main()
