r"""After the catapult training is linear again.

A ReLU network with one hidden layer learns 32 handwritten digits by full-batch gradient descent on
squared error, at learning rates above 2 / lambda_0. (a) Width 1024, c = 3: the training loss of the
network (grey) and of the networks linearised at the steps marked by dots, at the same learning
rate. Linearised on the way up, it diverges; once the curvature has come down, it is as good as the
network. (b) The distance of the outputs on 256 other
digits, averaged over the 100 steps after the linearisation at step 5 log2(n), relative to their
size; means and standard errors over the runs of six seeds whose catapult is over by then. The
distance falls as 1/n (dashed).
"""

from dataclasses import replace

import numpy as np

from catapult_sim.claims.lewkowycz2020.linear_again import RATES, SAMPLES, pairs, through
from catapult_sim.commands.gallery import run_script
from catapult_sim.experiments.networks import draw
from catapult_sim.numeric.runs.measured import mean
from catapult_sim.plots import canvas, plot_measured, plot_power_law, style

STEPS, MOMENTS = 40, (0, 2, 4, 10, 20)
COLOURS = (style.PINK, style.TAN, style.BROWN, style.SAGE, style.BLUE)


def main(bench):
    """Return the figure."""
    figure, axes = canvas.panels(1, 2, size=(9, 3.6), width_ratios=(3, 2))
    curves(bench, axes[0])
    distances(bench, axes[1])
    style.letter_panels(axes, ("one network and its linear models", "after the catapult"))
    return figure


def curves(bench, ax):
    """Draw the loss of a network, and of its linear models from several steps on."""
    data, _ = bench.split(SAMPLES, draw="linear dynamics 1")
    network = draw(data, [1024], rng=bench.rng("linear dynamics network 1")).at_lambda_0()
    for moment, colour in zip(MOMENTS, COLOURS, strict=True):
        origin = replace(network, start=network.run_at(3, steps=moment).state)
        loss = origin.expanded(order=1).run_at(3, steps=STEPS - moment).values["loss"]
        ax.plot(moment + np.arange(len(loss)), loss, color=colour, lw=1.6)
        ax.plot(moment, loss[0], "o", color=colour, ms=6, zorder=5, label=f"{moment}")
    loss = network.run_at(3, steps=STEPS).values["loss"]
    ax.plot(loss, color="black", lw=3, alpha=0.35, zorder=0)
    ax.set(yscale="log", ylim=(1e-3, 3e3), xlim=(-0.7, 32), xlabel="step", ylabel="training loss")
    ax.legend(frameon=False, title="linearised at step", ncols=len(MOMENTS), fontsize=9)


def distances(bench, ax):
    """Draw the distance of outputs against the width."""
    widths = np.array(bench.effort.hidden[1])
    found = [pairs(bench, "relu", int(width), through(int(width))) for width in widths]
    for k, (c, colour) in enumerate(zip(RATES, COLOURS[::2], strict=True)):
        means = [mean(one.distance[one.over[:, k], k]) for one in found]
        look = {"fmt": "o-", "lw": 1.3, "capsize": 2.5, "color": colour, "label": f"c = {c:g}"}
        plot_measured(widths * 1.02 ** (k - 1), means, ax=ax, **look)
    above = [1.3 * one.value for one in means]
    plot_power_law(widths, above, -1, weights=widths == widths[-1], ax=ax, ls="--")
    ax.set(xlabel="width  $n$", ylabel="relative distance of outputs")
    style.set_ticks(ax.xaxis, widths)
    style.set_ticks(ax.yaxis, [0.005, 0.01, 0.02, 0.04], ["0.5 %", "1 %", "2 %", "4 %"])
    ax.legend(frameon=False)


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
