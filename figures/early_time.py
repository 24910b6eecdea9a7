r"""The first steps tell the phases: the loss rises, and curvature falls, from 2 / lambda_0 on.

ReLU networks learn ten classes of 512 pictures of clothing (Fashion-MNIST, 28 x 28 pixels from 0
to 1) by full-batch gradient descent; layers have 512 units in the NTK parametrisation. Every
learning rate c = eta lambda_0 trains for 80 / c steps, to the same time. (a) The loss of one
network with three hidden layers. (b) The largest loss. (c) The curvature that is left, the top
eigenvalue of the tangent kernel. (d) The same times the learning rate: above 2 (dotted) no run can
stay. Dots are eight seeds, each with samples and weights of its own; lines are medians, up to where
a seed diverges. Dashed is c = 2, from which on a wide network cannot be lazy.

Drawn in minutes, by --effort full --data fashion-mnist; without these, in seconds, with 128 units
on 256 handwritten digits, where curvature falls earlier and the loss rises later.
"""

import numpy as np

from catapult_sim.claims.lewkowycz2020.early_time import (
    CATAPULTS,
    LAZY,
    NETS,
    TIME,
    ends,
    networks,
    run,
)
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_seeds, style
from catapult_sim.printing import counted

BETWEEN = (0.5, 2.0, 5.0, 12.0)  # learning rates that no claim needs
COLOURS = {1: style.OCHRE, 3: style.BLUE}
SHOWN = {1.0: style.BLUE, 2.5: style.TEAL, 4.0: style.AMBER, 8.0: style.WINE, 13.0: "black"}
TITLES = ("loss, 3 hidden layers", "largest loss", "curvature left", "times the learning rate")


def main(bench):
    """Return the figure."""
    figure, axes = canvas.panels(2, 2, size=(9, 6.6))
    (losses, peak), (left, scaled) = axes
    draw_losses(bench, losses)
    for architecture in NETS:
        c, peaks, curvature = joined(bench, architecture)
        look = {"color": COLOURS[architecture.depth], "centre": "median", "spread": "dots"}
        label = counted(architecture.depth, "hidden layer")
        plot_seeds(c, peaks.T, ax=peak, label=label, **look)
        plot_seeds(c, curvature.T, ax=left, **look)
        plot_seeds(c, (c * curvature).T, ax=scaled, **look)
    finish(peak, left, scaled)
    style.letter_panels(axes.flat, TITLES)
    return figure


def joined(bench, architecture):
    """Return learning rates ``(K,)``, peaks and last curvatures ``(S, K)``, in their order."""
    parts = [ends(bench, architecture, rates) for rates in (LAZY, CATAPULTS, BETWEEN)]
    c = np.concatenate([part.c for part in parts])
    values = [
        np.concatenate([getattr(part, name) for part in parts], axis=1)[:, np.argsort(c)]
        for name in ("peak", "curvature")
    ]
    return np.sort(c), *values


def draw_losses(bench, ax):
    """Draw the loss of one network, step by step."""
    one = networks(bench, NETS[-1])[0]
    for c, colour in SHOWN.items():
        losses = run(one, c).values["loss"]
        ax.plot(losses / losses[0], "-", lw=1.3, color=colour, label=f"c = {c:g}")
    ax.set(yscale="log", xlim=(0, TIME / 4), xlabel="step", ylabel="$L/L_0$")
    ax.set_ylim(top=min(100, ax.get_ylim()[1]))
    ax.legend(frameon=False, fontsize=9, ncols=2, loc="upper right")


def finish(peak, left, scaled):
    """Set the scales, and mark what theory says."""
    for ax in (peak, left, scaled):
        ax.axvline(2, color="black", lw=1, ls="--", zorder=0)
        ax.set(xscale="log", xlim=(0.45, 13.5), xlabel=style.AXES["c"])
        style.set_ticks(ax.xaxis, [0.5, 1, 2, 4, 8, 12])
    peak.set_ylabel(r"$L_{\max}/L_0$")
    style.set_log_scale(peak)
    peak.legend(frameon=False, loc="upper left")
    left.set(ylim=(0, 1.1), ylabel=rf"$\lambda/\lambda_0$  after {TIME:g}/c steps")
    scaled.axhline(2, color="black", lw=1, ls=":", zorder=0)
    scaled.set(ylim=(0, 2.6), ylabel=rf"$\eta\lambda$  after {TIME:g}/c steps")


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
