r"""Implicit regularisation ends where the catapult begins, and in long epochs.

(a) Largest distance in weights, over 20 steps, between gradient descent on the two-layer linear
network and its modified flow of order 0 (gradient flow), 1 (with the implicit regulariser) and
beyond, relative to the initial weights. The learning rate is in units of one over the initial
curvature; f_0 = 0.1 sqrt(n) lambda_0. Below 1 each order brings the flow closer. Above 2, where the
loss first grows, no order helps. (b) Shuffled SGD on m parabolas rests on average away from the
minimum of their mean, by this fraction of what the implicit regulariser predicts. Line:
2 / tau - 2 / (e^tau - 1), with tau = m eta lambda, the length of an epoch.
"""

import numpy as np
from matplotlib import colormaps

from catapult_sim.claims.smith2021.minima import CURVATURES
from catapult_sim.claims.smith2021.validity import fraction, predicted
from catapult_sim.commands.gallery import run_script
from catapult_sim.numeric.flows.breakdown import linear_net_breakdown
from catapult_sim.plots import canvas, style

ORDERS = ("gradient flow", "order 1", "order 2", "order 3", "order 4")


def main():
    """Return the figure."""
    found = linear_net_breakdown(np.geomspace(0.05, 3.98, 60))
    figure, (ax, beside) = canvas.panels(1, 2, size=(10.5, 4))
    draw(found, ax)
    draw_epochs(beside)
    style.letter_panels((ax, beside), ("gradient descent", "shuffled SGD at rest"))
    return figure


def draw(found, ax):
    """Draw one curve for each order, its name at its left end."""
    style.shade_phases(ax, (0.01, 2, 4))
    for phase, centre in (("lazy", 0.25), ("catapult", 2.83)):
        ax.text(centre, 10, phase, ha="center", fontweight="bold", fontsize=8)
    shades = colormaps["viridis"](np.linspace(0, 0.75, len(ORDERS)))
    for name, errors, shade in zip(ORDERS, found.error, shades, strict=True):
        ax.loglog(found.eta_lam, errors, color=shade, lw=1.6)
        beside = {"xytext": (-4, 0), "textcoords": "offset points", "fontsize": 8}
        start = found.eta_lam[0], errors[0]
        ax.annotate(name, start, color=shade, ha="right", va="center", **beside)
    ax.set(xlabel=r"learning rate  $\eta\lambda_0$", ylabel="largest error of the flow, relative")
    ax.set(xlim=(0.013, 4), ylim=(1e-10, 100))
    style.set_ticks(ax.xaxis, [0.05, 0.1, 0.2, 0.5, 1, 2, 4])


def draw_epochs(ax):
    """Draw the fraction of the regulariser that is seen, for several numbers of batches."""
    lengths = np.geomspace(0.1, 30, 60)
    ax.semilogx(lengths, predicted(lengths), color="0.7", lw=3, label="many batches")
    for m, colour in ((8, style.BLUE), (32, style.ORANGE), (128, style.ROSE)):
        # Beyond, a step is longer than 1 / curvature of the steeper parabolas.
        seen = lengths[lengths < m * CURVATURES.mean() / CURVATURES.max()]
        ax.plot(seen, [fraction(m, length) for length in seen], color=colour, label=f"m = {m}")
    ax.axhline(0, color="0.7", lw=0.6, ls=":")
    ax.set(xlabel=r"length of an epoch  $m\eta\lambda$", ylabel="shift of the minimum / predicted")
    ax.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    run_script(main, __file__)
