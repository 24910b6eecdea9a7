r"""Where convergence ends depends on the activation, on the depth, and on how one trains.

c_act is the largest c = eta lambda_0 at which networks on 32 handwritten digits (odd against even)
still converge, in the NTK parametrisation with full-batch gradient descent. (a) Nine activations
with one hidden layer of 256 units, and with two of 96. (b) Networks with two hidden layers, one
thing changed at a time. Bars span the middle half of eight seeds, rings are medians, dots are
seeds. Thin lines are rates at which a seed neither came down nor diverged in 150 steps; at an arrow
they go on beyond 40, where the search ended. Dashed is 4, exact for the linear network of infinite
width; dotted is 12, the literature's value for ReLU. Rectifiers, sharp or smooth, end near 4 with
one hidden layer, and two to three times further with two. Small batches end earlier.
"""

import numpy as np

from catapult_sim.claims.lewkowycz2020.paper import ENDS
from catapult_sim.claims.lewkowycz2020.variants import CLASSIFIERS, DEPTHS, PLAIN, VARIANTS, c_act
from catapult_sim.commands.gallery import run_script
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import Architecture
from catapult_sim.plots import canvas, style
from catapult_sim.printing import counted

COLOURS = {1: style.BLUE, 2: style.OCHRE}
CHANGES = {
    "plain": "nothing changed",
    "sgd-half": "SGD, 2 batches",
    "sgd-eighth": "SGD, 8 batches",
    "l2": r"L2, $10^{-4}$",
    "standard": "standard param.",
    "momentum": r"heavy ball, $\beta=0.9$",
}


def main():
    """Return the figure."""
    bench = Bench()
    figure, (left, right) = canvas.panels(1, 2, size=(10, 4.4), sharex=True)
    for place, activation in enumerate(ENDS):
        for depth, shift in zip(DEPTHS, (-0.18, 0.18), strict=True):
            found = c_act(bench, Architecture(activation, depth))
            label = counted(depth, "hidden layer") if place == 0 else None
            draw(left, place + shift, found, COLOURS[depth], label)
    left.set_yticks(range(len(ENDS)), [style.NAMES.get(name, name) for name in ENDS])
    for place, variant in enumerate((PLAIN, *VARIANTS)):
        for activation, shift in zip(CLASSIFIERS, (-0.18, 0.18), strict=True):
            found = c_act(bench, Architecture(activation, DEPTHS[-1]), variant)
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
    ax.hlines(jitter, found.lower, np.fmin(found.upper, 40), color=colour, lw=0.7, alpha=0.5)
    for marker, chosen in ((".", ~open_), (">", open_)):
        ax.plot(centres[chosen], jitter[chosen], marker, ms=3.5, color=colour, mec="none")


def finish(ax):
    """Set the scales, and mark what theory and the literature say."""
    for value, look in ((4, "--"), (12, ":")):
        ax.axvline(value, color="black", lw=1, ls=look, zorder=0)
    ax.set(xscale="log", xlim=(0.6, 48), xlabel=f"{style.AXES['c']} where convergence ends")
    style.set_ticks(ax.xaxis, [1, 2, 4, 8, 12, 20, 40])
    ax.invert_yaxis()


if __name__ == "__main__":
    run_script(main, __file__)
