r"""Averaging iterates at a constant learning rate against lowering it, on handwritten digits.

Tanh networks of 32 hidden units, 64 starts, after 1200 steps of SGD with batches of 4. Black: SGD
goes on at the same learning rate. Open symbols: averages of that run from there on: of its first
and last point, of all its iterates, exponential (gamma = 0.99). Filled symbols: runs on the same
batches whose learning rate is lowered in the proportion in which the average holds their
gradients: halved, linearly to zero, exponentially. Top: squared error; bottom: cross-entropy.
Left: loss, right: error on the 997 other digits, with standard errors over starts, paired with the
black run. Drawing takes half a minute.
"""

from functools import partial

import numpy as np

from catapult_sim import EMA, SWA, TwoPoint
from catapult_sim.claims.sandler2023 import digits
from catapult_sim.commands.gallery import run_script
from catapult_sim.experiments.networks import Networks
from catapult_sim.numeric.runs.averages import schedule
from catapult_sim.plots import canvas, style

ENDS = (25, 50, 100, 200, 400, 800)
STYLES = {
    "two points": ("o", style.ORANGE, "learning rate halved"),
    "mean of all": ("s", style.ROSE, "linearly to zero"),
    "EMA": ("D", style.BLUE, "exponentially"),
}


def main(bench):
    """Return the figure."""
    figure, rows = canvas.panels(2, 2, size=(10.5, 6.6), sharex=True)
    for row, loss in zip(rows, digits.RATES, strict=True):
        found = digits.experiment(bench, loss)
        rng = bench.rng("figure")
        size, members = digits.BATCH_SIZE, (len(found.start),)
        batches = digits.drawn_anew(found.train, size, ENDS[-1], rng, members)
        runs = {name: [] for name in ("last", *STYLES, *(look[2] for look in STYLES.values()))}
        for end in ENDS:
            networks = Networks(found.net, found.start, *found.train)
            follow = partial(digits.descend, networks, found.rate, batches[:, :end])
            last, means = follow(), {"mean of all": SWA(), "EMA": EMA(0.99)}
            runs["last"].append(last)
            runs["two points"].append(TwoPoint(end).value((found.start, last)))
            runs["learning rate halved"].append(follow(schedule=schedule(TwoPoint(end), end)))
            for name, average in means.items():
                runs[name].append(follow(average=average))
                runs[STYLES[name][2]].append(follow(schedule=schedule(average, end)))
        draw(found, runs, row, loss)
    return figure


def draw(found, runs, row, loss):
    """Draw test loss and test error against the steps."""
    quantities = {
        "test loss": lambda theta: found.net.loss(theta, *found.test),
        "test error, %": lambda theta: 100 * (1 - found.net.accuracy(theta, *found.test)),
    }
    for ax, (label, quantity) in zip(row, quantities.items(), strict=True):
        values = {name: np.array([quantity(one) for one in ends]) for name, ends in runs.items()}
        last = values["last"]
        ax.plot(ENDS, last.mean(axis=1), "o-", color="black", ms=3, lw=1.6, label="constant")
        for name, (mark, colour, lowered) in STYLES.items():
            for key, shift, ls, face in ((name, 0.97, "-", "white"), (lowered, 1.03, "--", colour)):
                error = (values[key] - last).std(axis=1) / np.sqrt(last.shape[1])
                look = {"marker": mark, "color": colour, "mfc": face, "ms": 5, "ls": ls, "lw": 1.1}
                x = shift * np.array(ENDS)
                ax.errorbar(x, values[key].mean(axis=1), error, capsize=2, label=key, **look)
        ax.set(xscale="log", ylabel=label)
        style.set_ticks(ax.xaxis, ENDS)
        ax.set_title(loss.replace("_", " "), loc="left", fontsize=10)
        if loss == "cross_entropy":
            ax.set_xlabel("steps after the first 1200")
    if loss == "cross_entropy":
        row[0].legend(frameon=False, fontsize=7.5, ncols=2)


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
