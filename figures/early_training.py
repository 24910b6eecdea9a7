r"""Where the first ten steps change their nature, against the width.

Networks with three hidden layers in the standard parametrisation, 32 handwritten digits,
full-batch gradient descent on squared error. Learning rates are in units of 1 / lambda_0, with
lambda_0 the top eigenvalue of the Hessian (top) or of the neural tangent kernel (bottom); points
are means over eight seeds with standard errors. Within ten steps the loss exceeds its start from
c_loss on, the sharpness of that kind from c_sharp on, the loss on the straight way to the last
point from c_barrier on, and above c_max training diverges. c_loss falls towards 2 (dashed), and
c_max from far above 12 in narrow ReLU networks to 13. The order from c_loss up to c_max is that
of the paper for ReLU and the Hessian; with the kernel c_sharp comes later, up to c_barrier, and
for tanh it is close to c_loss.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from catapult_sim.claims.kalra2023_early.networks import VERSIONS, threshold
from catapult_sim.claims.kalra2023_early.thresholds import ACTIVATIONS, by_width
from catapult_sim.commands import files
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.first_steps import KINDS
from catapult_sim.plots import AXES, PHASE_COLOURS

STYLES = {
    "loss": ("#35618f", "o"),
    "sharp": ("#5b8c5a", "s"),
    "barrier": ("#8a5208", "^"),
    "max": ("#8a3f54", "D"),
}
LABELS = {"relu": "ReLU", "tanh": "tanh"}


def main() -> None:
    """Draw the figure next to this file."""
    bench = Bench()
    figure = Figure(figsize=(8.4, 6.2), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    for row, (version, word) in zip(grid, VERSIONS.items(), strict=True):
        for ax, activation in zip(row, ACTIVATIONS, strict=True):
            draw(bench, ax, activation, version)
        row[0].set_ylabel(rf"$c=\eta\lambda_0$, $\lambda_0$ of the {word}")
    for ax, letter in zip(figure.axes, "abcd", strict=True):
        ax.set_title(f"({letter}) {ax.get_title()}", loc="left", fontsize=10)
        ax.set_title("")
    for ax in grid[1]:
        ax.set_xlabel(AXES["width"])
    files.draw(figure, Path(__file__), dpi=160)


def draw(bench, ax, activation, version):
    """Draw the four thresholds against the width."""
    shapes = by_width(bench, activation)
    widths = np.array([shape.width for shape in shapes])
    means = {}
    for shift, name in zip((-0.015, -0.005, 0.005, 0.015), KINDS, strict=True):
        found = [threshold(bench, shape, name, version) for shape in shapes]
        values = np.array([one.centres for one in found])
        means[name] = values.mean(axis=1)
        error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        colour, marker = STYLES[name]
        style = {"color": colour, "marker": marker, "ms": 5, "lw": 1.3, "capsize": 2.5}
        style |= {"mfc": "white", "mew": 1.3, "label": rf"$c_\mathrm{{{name}}}$"}
        bounds = np.array([one.measured.at_least for one in found])
        where = widths * np.exp(shift * 2)
        ax.errorbar(where, means[name], error, **style)
        ax.plot(where[bounds], means[name][bounds] * 1.15, "^", ms=4, color=colour, mec="none")
    ax.fill_between(widths, 1, means["loss"], color=PHASE_COLOURS["lazy"], lw=0, alpha=0.6)
    ax.fill_between(widths, means["max"], 64, color=PHASE_COLOURS["divergent"], lw=0, alpha=0.25)
    ax.axhline(2, color="black", lw=1, ls="--")
    ax.set(xscale="log", yscale="log", xlim=(widths[0] * 0.9, widths[-1] * 1.1), ylim=(1.5, 64))
    ax.set_xticks(widths, [str(width) for width in widths])
    ax.set_yticks([2, 4, 8, 16, 32], ["2", "4", "8", "16", "32"])
    ax.minorticks_off()
    ax.set_title(LABELS[activation])
    if activation == "tanh" and version == "hessian":
        ax.legend(frameon=False, ncols=2, fontsize=9)


if __name__ == "__main__":
    main()
