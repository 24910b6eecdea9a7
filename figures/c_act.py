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

from catapult_sim.claims.lewkowycz2020.c_act import (
    ACTIVATIONS,
    CLASSIFIERS,
    PLAIN,
    VARIANTS,
    c_act,
)
from catapult_sim.commands.gallery import run_script
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.plots import canvas, plot_brackets, style
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
    for depth, shift in zip(COLOURS, (-0.18, 0.18), strict=True):
        found = {
            name: c_act(bench, Architecture(activation, depth, inputs))
            for name, (activation, inputs) in NETWORKS.items()
        }
        look = {"color": COLOURS[depth], "label": counted(depth, "hidden layer")}
        plot_brackets(found, shift=shift, ax=left, **look)
    for activation, shift in zip(CLASSIFIERS, (-0.18, 0.18), strict=True):
        found = {
            CHANGES[variant.name]: c_act(bench, Architecture(activation, 2), variant)
            for variant in (PLAIN, *VARIANTS)
        }
        look = {"color": style.ACTIVATION_COLOURS[activation], "label": style.NAMES[activation]}
        plot_brackets(found, shift=shift, ax=right, **look)
    style.letter_panels((left, right), ("activations", "training"))
    finish(left)
    finish(right)
    # Framed, since its rings are those of the data.
    left.legend(loc="upper right", fontsize=9)
    right.legend(loc="lower left", fontsize=9)
    return figure


def finish(ax):
    """Set the scales, and mark what theory and the literature say."""
    for value, look in ((4, "--"), (12, ":")):
        ax.axvline(value, color="black", lw=1, ls=look, zorder=0)
    ax.set(xscale="log", xlim=(1.8, 28), xlabel=f"{style.AXES['c']} where convergence ends")
    style.set_ticks(ax.xaxis, [2, 4, 8, 12, 20])


if __name__ == "__main__":
    run_script(main, __file__, effort="quick")
