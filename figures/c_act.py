r"""Where convergence ends depends on the activation, on the depth, and on how one trains.

c_act is the smallest c = eta lambda_0 at which networks on 256 handwritten digits (ten classes) of
8 x 8 pixels diverge: their loss exceeds 1e5 times its start within 60 steps. Layers have 128 units
in the NTK parametrisation; pixels are scaled by one mean and one variance. (a) Nine activations
with one hidden layer and with two; ReLU also with every pixel scaled by itself. (b) Networks with
two hidden layers, one thing changed at a time. Bars span the middle half of the seeds, rings are
medians, dots are seeds; arrows are seeds that had not diverged at 24, where the search ended.
Dashed is 4, exact for the linear network of infinite width; dotted is 12, the paper's value for
ReLU.
"""

import numpy as np

from catapult_sim.claims.lewkowycz2020.c_act import (
    ACTIVATIONS,
    CLASSIFIERS,
    HIGH,
    PLAIN,
    VARIANTS,
    c_act,
)
from catapult_sim.commands.gallery import run_script
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.plots import canvas, style
from catapult_sim.printing import counted

COLOURS = {1: style.BLUE, 2: style.OCHRE}
NETWORKS = {style.NAMES.get(name, name): (name, "global") for name in ACTIVATIONS}
NETWORKS["ReLU, every\npixel by itself"] = ("relu", "pixel")
CHANGES = {
    "plain": "nothing changed",
    "sgd-half": "SGD, 2 batches",
    "sgd-eighth": "SGD, 8 batches",
    "l2": r"L2, $10^{-4}$",
    "standard": "standard param.",
    "momentum": r"heavy ball, $\beta=0.9$",
}


def main(bench):
    """Return the figure."""
    figure, (left, right) = canvas.panels(1, 2, size=(10, 4.4), sharex=True)
    for place, (activation, inputs) in enumerate(NETWORKS.values()):
        for depth, shift in zip(COLOURS, (-0.18, 0.18), strict=True):
            found = c_act(bench, Architecture(activation, depth, inputs))
            label = counted(depth, "hidden layer") if place == 0 else None
            draw(left, place + shift, found, COLOURS[depth], label)
    left.set_yticks(range(len(NETWORKS)), list(NETWORKS))
    for place, variant in enumerate((PLAIN, *VARIANTS)):
        for activation, shift in zip(CLASSIFIERS, (-0.18, 0.18), strict=True):
            found = c_act(bench, Architecture(activation, 2), variant)
            label = style.NAMES.get(activation, activation) if place == 0 else None
            draw(right, place + shift, found, style.ACTIVATION_COLOURS[activation], label)
    right.set_yticks(range(len(CHANGES)), list(CHANGES.values()))
    style.letter_panels((left, right), ("activations", "training"))
    finish(left)
    finish(right)
    # Framed, since its rings are those of the data.
    left.legend(loc="upper right", fontsize=9)
    right.legend(loc="lower left", fontsize=9)
    return figure


def draw(ax, place, found, colour, label):
    """Draw the seeds of one boundary, their median and their middle half."""
    centres, open_ = found.centres, ~np.isfinite(found.upper)
    low, middle, high = np.quantile(centres, [0.25, 0.5, 0.75])
    ax.barh(place, high - low, left=low, height=0.28, color=colour, alpha=0.3, lw=0)
    ax.plot(middle, place, "o", ms=6, mfc="white", mew=1.5, color=colour, label=label)
    jitter = place + np.linspace(-0.1, 0.1, len(centres))
    ax.hlines(jitter, found.lower, np.fmin(found.upper, HIGH), color=colour, lw=0.7, alpha=0.5)
    for marker, chosen in ((".", ~open_), (">", open_)):
        ax.plot(centres[chosen], jitter[chosen], marker, ms=3.5, color=colour, mec="none")


def finish(ax):
    """Set the scales, and mark what theory and the literature say."""
    for value, look in ((4, "--"), (12, ":")):
        ax.axvline(value, color="black", lw=1, ls=look, zorder=0)
    ax.set(xscale="log", xlim=(1.8, 28), xlabel=f"{style.AXES['c']} where convergence ends")
    style.set_ticks(ax.xaxis, [2, 4, 8, 12, 20])
    ax.invert_yaxis()


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
