r"""The mean squared batch gradient is that of the learning rate over the batch size.

ReLU networks of 64 hidden units learn 256 handwritten digits by softmax cross-entropy, from six
starts and always to the same time, learning rate eps times steps, when the training loss is about
0.01. Circles: plain SGD. Diamonds: SGD at one small eps, with the regulariser
(lambda / 4m) sum_k |grad C_k|^2 of Smith et al. (2021) made explicit. (a) Error on the 1541 other
digits, by batch size B. (b) The same against eps / B. (c) The mean squared gradient of batches of
16 training samples falls together in (eps + lambda) / B. Beyond the frame networks do not learn.
Rates are in units of 1 / (curvature lambda_0). Errors are of the mean over starts. With full effort
it is of Fashion-MNIST, 14 x 14 pixels, and takes five minutes or more.
"""

import numpy as np

from catapult_sim.claims.smith2021.scale import curve, ends, setting
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, style

COLOURS = {8: style.BLUE, 16: style.ORANGE, 32: style.ROSE, 64: style.TEAL}


def main(bench):
    """Return the figure."""
    figure, axes = canvas.panels(1, 3, size=(10.5, 3.4))
    for size in setting(bench).sizes:
        error, penalty = 100 * curve(bench, "error", size), curve(bench, "penalty", size)
        rates = np.array(setting(bench).rates)
        for ax, places, values in (
            (axes[0], rates, error),
            (axes[1], rates / size, error),
            (axes[2], rates / size, penalty),
        ):
            draw(ax, places, values, "o-", size, f"B = {size}")
    for size in setting(bench).explicit:
        draw(axes[2], *explicit(bench, size), "D", size, f"explicit, B = {size}")
    axes[0].set(xlabel=r"learning rate $\epsilon$")
    axes[1].set(xlabel=r"$\epsilon\,/\,B$")
    axes[2].set(xlabel=r"$(\epsilon+\lambda)\,/\,B$")
    axes[2].set_yscale("log")
    for ax in axes:
        ax.set_xscale("log")
    error, penalty = (lowest(bench, name) for name in ("error", "penalty"))
    for ax in axes[:2]:
        ax.set_ylim(80 * error, 150 * error)
    axes[2].set_ylim(penalty / 2, 5 * penalty)
    axes[0].legend(frameon=False, fontsize=8)
    axes[2].legend(frameon=False, fontsize=8)
    style.letter_panels(axes, ["test error, %", "test error, %", "mean squared batch gradient"])
    return figure


def lowest(bench, quantity):
    """Return the smallest mean of a quantity over learning rates and batch sizes."""
    curves = [curve(bench, quantity, size) for size in setting(bench).sizes]
    return min(values.mean(axis=1).min() for values in curves)


def explicit(bench, size):
    """Return ``(eps + lambda) / B`` and penalties ``(L, S)`` where the regulariser is explicit."""
    how = setting(bench)
    found = [ends(bench, size, how.small, c)["penalty"] for c in how.coefficients]
    return (how.small + np.array(how.coefficients)) / size, np.array(found)


def draw(ax, places, values, mark, size, label):
    """Draw means over starts with their errors."""
    errors = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    look = {"color": COLOURS[size], "label": label, "ms": 5, "lw": 1.1, "capsize": 2}
    ax.errorbar(places, values.mean(axis=1), errors, fmt=mark, mfc="white", **look)


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
