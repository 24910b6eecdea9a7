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

from catapult_sim.claims.lewkowycz2020.c_act import c_act
from catapult_sim.claims.lewkowycz2020.paper import ABOUT, C_ACT
from catapult_sim.commands.gallery import run_script
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.plots import canvas, plot_brackets, style
from catapult_sim.printing import counted

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
    ax.axvspan(TWELVE * 2**-ABOUT, TWELVE * 2**ABOUT, color="0.9", lw=0, zorder=0)
    ax.axvline(TWELVE, color="black", lw=1, ls=":", zorder=0)
    for inputs, shift in zip(COLOURS, (-0.25, 0.0, 0.25), strict=True):
        found = {
            counted(depth, "hidden layer"): c_act(bench, Architecture("relu", depth, inputs))
            for depth in DEPTHS
        }
        look = {"color": COLOURS[inputs], "label": WORDS[inputs]}
        plot_brackets(found, shift=shift, ax=ax, **look)
    ax.set(xscale="log", xlim=(3, 27), xlabel=f"{style.AXES['c']} where convergence ends")
    style.set_ticks(ax.xaxis, [4, 6, 8, 12, 16, 24])
    ax.legend(loc="lower left", fontsize=9)
    return figure


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
