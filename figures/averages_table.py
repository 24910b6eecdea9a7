r"""Averages against the learning rate: two points far apart do as well as half the rate or better.

Tanh networks with two hidden layers of 128 units learn 4096 pictures of Fashion-MNIST, 14 x 14
pixels, by softmax cross-entropy and batches of 16, for 4000 steps at each learning rate, in units
of four over (curvature lambda_0). Black: the last point. Open symbols: averages of the last 400
steps: of two points 50 or 400 steps apart, exponential (gamma = 0.99), of all. Left: SGD. Right:
heavy ball, beta = 0.9, at a tenth of these rates. Top: loss, bottom: error on 4000 other pictures;
means over eight networks, errors of averages are of the difference from the last point. Drawing
takes four minutes; with little effort it is of 800 handwritten digits.
"""

from dataclasses import replace

from catapult_sim.claims.sandler2023.table import MOMENTA, QUANTITIES, RATES, entry
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_measured, style

LOOKS = {
    "last": ("o", "black", "last point"),
    "two-point-50": ("o", style.ORANGE, "two points, 50 apart"),
    "two-point-400": ("^", style.TEAL, "two points, 400 apart"),
    "ema": ("D", style.BLUE, "EMA"),
    "swa": ("s", style.ROSE, "mean of 400"),
}


def main(bench):
    """Return the figure."""
    figure, rows = canvas.panels(2, 2, size=(9, 6.2), sharex=True)
    for (quantity, label), row in zip(QUANTITIES.items(), rows, strict=True):
        for momentum, ax in zip(MOMENTA, row, strict=True):
            draw(bench, momentum, quantity, ax)
            ax.set_xscale("log")
            style.set_ticks(ax.xaxis, RATES, ["1", "1/2", "1/4", "1/8"])
            if not momentum:
                ax.set_ylabel(label if quantity == "loss" else f"{label}, %")
    rows[0][0].legend(frameon=False, fontsize=8)
    for momentum, ax in zip(MOMENTA, rows[1], strict=True):
        ax.set_xlabel("learning rate" + (r" / $(1 - \beta)$" if momentum else ""))
    titles = [f"momentum {momentum:g}" for _ in QUANTITIES for momentum in MOMENTA]
    style.letter_panels(rows.flat, titles)
    return figure


def draw(bench, momentum, quantity, ax):
    """Draw a quantity of every way against the learning rate."""
    scale = 100 if quantity == "error" else 1
    for i, (way, (mark, colour, label)) in enumerate(LOOKS.items()):
        found = [value(bench, momentum, rate, way, quantity) for rate in range(len(RATES))]
        places = [rate * 1.02 ** (i - 2) for rate in RATES]
        look = {"fmt": f"{mark}-", "color": colour, "label": label, "lw": 1.1, "capsize": 2}
        look["mfc"] = colour if way == "last" else "white"
        plot_measured(places, found, scale=scale, ax=ax, **look)


def value(bench, momentum, rate, way, quantity):
    """Return a quantity, of an average with the error of its difference from the last point."""
    last, found = (entry(bench, momentum, rate, one, quantity) for one in ("last", way))
    return last if way == "last" else replace(found, value=last.value - found.value)


if __name__ == "__main__":
    run_script(main, __file__, effort="full")
