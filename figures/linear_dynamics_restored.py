r"""After the catapult training is linear again.

A ReLU network with one hidden layer learns 32 handwritten digits by full-batch gradient descent on
squared error, at learning rates above 2 / lambda_0. (a) Width 1024, c = 3: the training loss of the
network (grey) and of the networks linearised at the steps marked by dots, at the same learning
rate. Linearised on the way up, it diverges; at the peak, where the curvature has just come down, it
is slow; afterwards it is as good as the network. (b) How far the outputs on 256 other digits are
apart in the mean over the 100 steps after the linearisation at step 5 log2(n), relative to their
size; means and standard errors over the runs of six seeds whose catapult is over by then. The
distance falls as 1/n (dashed).
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from catapult_sim import MLP, TaylorModel, train
from catapult_sim.claims.lewkowycz2020.linear_again import RATES, SAMPLES, SIZES, pairs, through
from catapult_sim.commands import files
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import unit_rate
from catapult_sim.mlp import kernel

STEPS, MOMENTS = 40, (0, 2, 4, 10, 20)
INK = ("#b06a7c", "#d08a3c", "#8a5208", "#5b8a72", "#35618f")


def main() -> None:
    """Draw the figure next to this file."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    curves(Bench(), left)
    distances(Bench(), right)
    files.draw(figure, Path(__file__), dpi=160)


def curves(bench, ax):
    """Draw the loss of a network, and of its linear models from several steps on."""
    (X, y), _ = bench.split(SAMPLES, draw="linear dynamics 1")
    net = MLP([X.shape[1], 1024, y.shape[1]])
    theta = net.init(rng=bench.rng("linear dynamics network 1"))
    rate = 3 * unit_rate(kernel.top_eigenvalue(net, theta, X))
    for moment, colour in zip(MOMENTS, INK, strict=True):
        origin = train(net, theta, X, y, learning_rate=rate, steps=moment).state
        linear = TaylorModel(net, origin, order=1)
        loss = train(linear, origin, X, y, learning_rate=rate, steps=STEPS - moment).values["loss"]
        ax.plot(moment + np.arange(len(loss)), loss, color=colour, lw=1.6)
        ax.plot(moment, loss[0], "o", color=colour, ms=6, zorder=5, label=f"{moment}")
    loss = train(net, theta, X, y, learning_rate=rate, steps=STEPS).values["loss"]
    ax.plot(loss, color="black", lw=3, alpha=0.35, zorder=0)
    ax.set(yscale="log", ylim=(1e-3, 3e3), xlim=(-0.7, 32), xlabel="step", ylabel="training loss")
    ax.set_title("(a) one network and its linear models", loc="left", fontsize=10)
    ax.legend(frameon=False, title="linearised at step", ncols=len(MOMENTS), fontsize=9)


def distances(bench, ax):
    """Draw how far outputs come apart against the width."""
    widths = np.array(SIZES[bench.effort.name][1])
    found = [pairs(bench, "relu", int(width), through(int(width))) for width in widths]
    for k, (c, colour) in enumerate(zip(RATES, INK[::2], strict=True)):
        runs = [one.distance[one.over[:, k], k] for one in found]
        means = [run.mean() for run in runs]
        errors = [run.std(ddof=1) / len(run) ** 0.5 for run in runs]
        style = {"fmt": "o-", "ms": 5, "lw": 1.3, "capsize": 2.5, "color": colour}
        ax.errorbar(widths * 1.02 ** (k - 1), means, errors, label=f"c = {c:g}", **style)
    ax.plot(widths, 1.3 * widths[-1] * means[-1] / widths, color="black", lw=1, ls="--")
    ax.set(xscale="log", yscale="log", xlabel="width  $n$", ylabel="relative distance of outputs")
    ax.set_xticks(widths, [str(width) for width in widths])
    ax.set_yticks([5e-4, 1e-3, 2e-3, 4e-3], ["0.05 %", "0.1 %", "0.2 %", "0.4 %"])
    ax.minorticks_off()
    ax.set_title("(b) after the catapult", loc="left", fontsize=10)
    ax.legend(frameon=False)


if __name__ == "__main__":
    main()
