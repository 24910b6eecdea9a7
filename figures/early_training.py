r"""The learning rates at which the first ten steps change, against the width.

Networks with three hidden layers in the standard parametrisation, 32 handwritten digits,
full-batch gradient descent on squared error. Learning rates are in units of 1 / lambda_0, with
lambda_0 the top eigenvalue of the Hessian (top) or of the neural tangent kernel (bottom); points
are means over eight seeds with standard errors. Within ten steps the loss exceeds its start from
c_loss on, the sharpness of that kind from c_sharp on, the loss on the straight line to the last
point from c_barrier on, and above c_max training diverges. c_loss falls towards 2 (dashed), and
c_max from far above 12 in narrow ReLU networks to 13. The order from c_loss up to c_max is that
of the paper for ReLU and the Hessian; with the kernel c_sharp comes later, up to c_barrier, and
for tanh and the Hessian it is close to c_loss.
"""

import numpy as np

from catapult_sim.claims.kalra2023_early import ACTIVATIONS, VERSIONS, by_width, threshold
from catapult_sim.commands.gallery import run_script
from catapult_sim.experiments.first_steps import KINDS
from catapult_sim.plots import BOUNDARIES, canvas, style


def main(bench):
    """Return the figure."""
    figure, grid = canvas.panels(2, 2, size=(8.4, 6.2), sharex=True, sharey=True)
    for row, (version, word) in zip(grid, VERSIONS.items(), strict=True):
        for ax, activation in zip(row, ACTIVATIONS, strict=True):
            draw(bench, ax, activation, version)
        row[0].set_ylabel(rf"$c=\eta\lambda_0$, $\lambda_0$ of the {word}")
    style.letter_panels(grid.flat, [style.NAMES[activation] for activation in ACTIVATIONS] * 2)
    for ax in grid[1]:
        ax.set_xlabel(style.AXES["width"])
    return figure


def draw(bench, ax, activation, version):
    """Draw the four thresholds against the width."""
    shapes = by_width(bench, activation)
    widths = np.array([shape.width for shape in shapes])
    means = {}
    for shift, name in zip((-0.015, -0.005, 0.005, 0.015), KINDS, strict=True):
        found = [threshold(bench, shape, name, version) for shape in shapes]
        means[name], error = style.mean_and_error([one.centres for one in found], axis=1)
        colour, marker, _ = BOUNDARIES[name]
        label = rf"$c_\mathrm{{{name}}}$"
        look = style.HOLLOW | {"color": colour, "marker": marker, "label": label}
        bounds = np.array([one.measured.at_least for one in found])
        where = widths * np.exp(shift * 2)
        ax.errorbar(where, means[name], error, **look)
        ax.plot(where[bounds], means[name][bounds] * 1.15, "^", ms=4, color=colour, mec="none")
    lazy, _, divergent = style.PHASE_COLOURS.values()
    ax.fill_between(widths, 1, means["loss"], color=lazy, lw=0, alpha=0.6)
    ax.fill_between(widths, means["max"], 64, color=divergent, lw=0, alpha=0.25)
    ax.axhline(2, color="black", lw=1, ls="--")
    ax.set(xscale="log", yscale="log", xlim=(widths[0] * 0.9, widths[-1] * 1.1), ylim=(1.5, 64))
    style.set_ticks(ax.xaxis, widths)
    style.set_ticks(ax.yaxis, [2, 4, 8, 16, 32])
    if activation == "tanh" and version == "hessian":
        ax.legend(frameon=False, ncols=2, fontsize=9)


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
