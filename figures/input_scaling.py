r"""Scaling every pixel by itself moves where convergence ends, most of all with one hidden layer.

c_act is the smallest c = eta lambda_0 at which ReLU networks on 256 handwritten digits of 8 x 8
pixels (ten classes) diverge: their loss exceeds 1e5 times its start within 60 steps. Layers have
128 units in the NTK parametrisation. Dots are seeds, each with samples and weights of its own,
rings their medians, bars their middle half; arrows are seeds that had not diverged at 24, where
the search ended. Pixels are left as they are, from 0 to 1; are scaled by one mean and one variance
for all, as claims do unless they say otherwise; or each by its own. The band is 9 to 16, "about 12"
in the paper, which has three hidden layers: there, and with two but for pixels scaled by
themselves, the medians lie within. Samples that use a pixel which hardly varies become outliers
when it is scaled by itself.
"""

import numpy as np

from catapult_sim.claims.lewkowycz2020.c_act import HIGH, c_act
from catapult_sim.claims.lewkowycz2020.paper import ABOUT, C_ACT
from catapult_sim.commands.gallery import run_script
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.plots import canvas, style

COLOURS = {"raw": style.TEAL, "global": style.BLUE, "pixel": style.ORANGE}
WORDS = {
    "raw": "pixels from 0 to 1",
    "global": "one mean and variance for all",
    "pixel": "every pixel by itself",
}
DEPTHS, TWELVE = (1, 2, 3), C_ACT["relu"]


def main(bench):
    """Return the figure."""
    figure, ax = canvas.panels(1, 1, size=(6.4, 4.2))
    ax.axhspan(TWELVE * 2**-ABOUT, TWELVE * 2**ABOUT, color="0.9", lw=0, zorder=0)
    ax.axhline(TWELVE, color="black", lw=1, ls=":", zorder=0)
    for inputs, shift in zip(COLOURS, (-0.25, 0.0, 0.25), strict=True):
        for depth in DEPTHS:
            found = c_act(bench, Architecture("relu", depth, inputs))
            draw(ax, depth + shift, found, COLOURS[inputs], WORDS[inputs] if depth == 1 else None)
    ax.set_xticks(DEPTHS, ["1 hidden layer", "2 hidden layers", "3 hidden layers"])
    ax.set(yscale="log", ylim=(3, 27), ylabel=f"{style.AXES['c']} where convergence ends")
    style.set_ticks(ax.yaxis, [4, 6, 8, 12, 16, 24])
    ax.legend(loc="lower right", fontsize=9)
    return figure


def draw(ax, place, found, colour, label):
    """Draw the seeds of one boundary, their median and their middle half."""
    centres, open_ = found.centres, ~np.isfinite(found.upper)
    low, middle, high = np.quantile(centres, [0.25, 0.5, 0.75])
    ax.bar(place, high - low, bottom=low, width=0.2, color=colour, alpha=0.3, lw=0)
    jitter = place + np.linspace(-0.08, 0.08, len(centres))
    ax.vlines(jitter, found.lower, np.fmin(found.upper, HIGH), color=colour, lw=0.7, alpha=0.5)
    for marker, chosen in ((".", ~open_), ("^", open_)):
        ax.plot(jitter[chosen], centres[chosen], marker, ms=3.5, color=colour, mec="none")
    ax.plot(place, middle, "o", ms=6, mfc="white", mew=1.5, color=colour, label=label)


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
