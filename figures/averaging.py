r"""Averaging iterates at a constant learning rate against lowering it, on handwritten digits.

Tanh networks of 32 hidden units, 64 starts, after 1200 steps of SGD with batches of 4. Black: SGD
goes on at the same learning rate. Open symbols: averages of that run from there on: of its first
and last point, of all its iterates, exponential (gamma = 0.99). Filled symbols: runs on the same
batches whose learning rate is lowered in the proportion in which the average holds their
gradients: halved, linearly to zero, exponentially. Top: squared error; bottom: cross-entropy.
Left: loss, right: error on the 997 other digits, with standard errors over starts, paired with the
black run. Drawing takes 20 seconds.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from catapult_sim import EMA, SWA, TwoPoint
from catapult_sim.claims.sandler2023 import digits
from catapult_sim.commands.gallery import run_script
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
        values = ends(bench, digits.experiment(bench, loss))
        for ax, label in zip(row, values["last"], strict=True):
            draw({name: found[label] for name, found in values.items()}, ax)
            ax.set(xscale="log", ylabel=label)
            style.set_ticks(ax.xaxis, ENDS)
            ax.set_title(loss.replace("_", " "), loc="left", fontsize=10)
    for ax in rows[1]:
        ax.set_xlabel("steps after the first 1200")
    rows[1][0].legend(frameon=False, fontsize=7.5, ncols=2)
    return figure


def ends(bench, found):
    """Return test loss and error at :data:`ENDS` of every run and average, ``(ENDS, S)``."""
    networks, rate, net = found.networks, found.rate, found.networks.net
    size, members = digits.BATCH_SIZE, (len(found.start),)
    batches = digits.drawn_anew(found.train, size, ENDS[-1], bench.rng("figure"), members)
    quantities = {
        "test loss": lambda theta: net.loss(theta, *found.test),
        "test error, %": lambda theta: 100 * (1 - net.accuracy(theta, *found.test)),
    }

    def of(points):
        return {name: np.array([f(one) for one in points]) for name, f in quantities.items()}

    last = followed(networks, rate, batches)
    values = {
        "last": of(last),
        "two points": of([TwoPoint(1).value((found.start, one)) for one in last]),
        STYLES["two points"][2]: of(followed(networks, rate / 2, batches)),
    }
    for name, average in {"mean of all": SWA(), "EMA": EMA(0.99)}.items():
        options = {"steps": ENDS[-1], "batches": batches, "every": ENDS}
        run = networks.train(rate, average=average, observe=quantities, **options)
        values[name] = {one: run.values[f"average_{one}"][list(ENDS)] for one in quantities}
        lowered = [
            digits.descend(networks, rate, batches[:, :end], schedule=schedule(average, end))
            for end in ENDS
        ]
        values[STYLES[name][2]] = of(lowered)
    return values


def followed(networks, rate, batches):
    """Return the parameters at :data:`ENDS` of a run at a constant learning rate."""
    points = [networks.start]
    for begin, end in pairwise((0, *ENDS)):
        networks = replace(networks, start=points[-1])
        points.append(digits.descend(networks, rate, batches[:, begin:end]))
    return points[1:]


def draw(values, ax):
    """Draw a quantity against the steps, with errors paired with the run that goes on."""
    last = values["last"]
    ax.plot(ENDS, last.mean(axis=1), "o-", color="black", ms=3, lw=1.6, label="constant")
    for name, (mark, colour, lowered) in STYLES.items():
        for key, shift, ls, face in ((name, 0.97, "-", "white"), (lowered, 1.03, "--", colour)):
            error = (values[key] - last).std(axis=1) / np.sqrt(last.shape[1])
            look = {"marker": mark, "color": colour, "mfc": face, "ms": 5, "ls": ls, "lw": 1.1}
            x = shift * np.array(ENDS)
            ax.errorbar(x, values[key].mean(axis=1), error, capsize=2, label=key, **look)


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
