r"""The quadratic model catapults mode by mode, as theory says, and the network with it.

A ReLU network of width 5000 learns 128 samples of one input, half of them around -2 with label -1,
half around 2 with label 1. Its kernel has rank two, with one eigenvector for the samples of either
sign. Drawn is the peak of the loss along each, relative to its start, against the learning rate:
lines for the quadratic model, circles for the network itself. The loss along p_1 rises from 2 /
lambda_1 on, in the model that along p_2 from 2 / lambda_2 on (dotted); in the network units change
sides, and p_2 is drawn along a little earlier. Where lines and circles end training diverges, in
the model at 4 / lambda_1. The setting is that of Zhu et al. (2022), whose rates, without 1/2 in the
loss, are half of these.
"""

import numpy as np

from catapult_sim.claims.zhu2022.line import mode_losses, on_two_points, sampled_line
from catapult_sim.commands.gallery import run_script
from catapult_sim.mlp import kernel
from catapult_sim.plots import canvas, style

SEED, STEPS, LOST = 11, 200, 1e6
RATES = {"fine": np.linspace(1.9, 2.6, 57), "coarse": np.linspace(1.5, 4.5, 61)}
MODES = (("along  $p_1$", style.WINE), ("along  $p_2$", style.BLUE))


def main():
    """Return the figure."""
    network = on_two_points(sampled_line(np.random.default_rng(SEED)))
    own = np.diag(kernel.ntk(network.net, network.start, network.X))
    figure, axes = canvas.panels(1, 2, size=(9, 3.6), width_ratios=(2, 3))
    for ax, rates in zip(axes, RATES.values(), strict=True):
        low, high = rates[[0, -1]]
        regions(ax, low, high, own)
        peaks(ax, network.expanded(), rates, own, {"lw": 1.4})
        peaks(ax, network, rates[::2], own, {"ls": "", "marker": "o", "ms": 3.5, "mfc": "white"})
        ax.set(xlim=(low, high), xlabel=r"learning rate  $\eta\lambda_1$", yscale="log")
    axes[0].set(ylim=(0.5, 1e3), ylabel="peak of the loss over its start")
    axes[1].set(ylim=(0.5, 1e4))
    style.letter_panels(axes, ("where each mode begins", "up to where training diverges"))
    handles, labels = axes[0].get_legend_handles_labels()
    axes[0].legend(handles[:2], labels[:2], frameon=False, loc="upper left")
    return figure


def regions(ax, low, high, own):
    """Shade where no mode, one, or both catapult, and where the model diverges."""
    style.shade_phases(ax, (low, 2.0, min(high, 4.0), high), alpha=0.35)
    for edge, look in ((2.0, "--"), (2 * own[0] / own[1], ":"), (4.0, "--")):
        ax.axvline(edge, color="black", lw=1.2, ls=look)


def peaks(ax, problem, rates, own, look):
    """Draw the peak of each mode's loss."""
    shares = mode_losses(problem, rates, STEPS)
    highest = np.nanmax(shares, axis=0) / shares[0]
    highest[highest.max(axis=1) > LOST] = np.nan
    for mode, (label, colour) in enumerate(MODES):
        ax.plot(rates, highest[:, mode], color=colour, label=label, **look)


if __name__ == "__main__":
    run_script(main, __file__)
