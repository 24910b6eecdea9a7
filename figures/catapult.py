"""The catapult, in a linear network of a million hidden units on 64 handwritten digits.

(a) Below c = eta lambda_0 = 2 the loss falls (lazy). Between 2 and 4 it first explodes, and then
comes down (catapult). Above 4 it never returns (divergent). (b) While the loss is large the
curvature eta lambda collapses to below 2 (dotted), where training is stable. (c) Where the
curvature ends, against where it began, for eight seeds: in the lazy phase it does not move
(solid), just above 2 it ends as far below 2 as it began above (dashed), and further up it depends
on the start. Loss (1/2m) sum |f - y|^2, kernel (1/m) J J^T, NTK parametrisation, full-batch
gradient descent in the exact closure.
"""

import numpy as np

import catapult_sim as cs
from catapult_sim import datasets
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_final_curvature, plot_runs, style

SHOWN = {1.0: "lazy", 1.7: "lazy", 2.3: "catapult", 3.0: "catapult", 3.7: "catapult"}
SHOWN |= {4.1: "divergent"}
LINE = {"ls": "-", "lw": 1.6, "marker": ""}


def main():
    """Return the figure."""
    X, y = datasets.subset(*datasets.digits(), 64, rng=0)
    net = cs.LinearNet(X / np.sqrt(X.shape[1]), y, width=10**6)
    figure, axes = canvas.panels(1, 3, size=(10.5, 3.3))
    draw_runs(net, *axes[:2])
    draw_ends(net, axes[2])
    style.letter_panels(axes)
    return figure


def draw_runs(net, losses, curvatures):
    """Draw loss and curvature of one seed against the step."""
    state = net.init(rng=1)
    unit = 1 / net.top_eigenvalue(state)
    c = np.array(list(SHOWN))
    observe = {"top_eigenvalue": net.top_eigenvalue}
    run = net.train(learning_rate=c * unit, steps=60, state=state, observe=observe)
    visible = run.values["loss"] < 1e9 * run.values["loss"][0]
    values = run.values | {"curvature": c * unit * run.values["top_eigenvalue"]}
    shown = {name: np.where(visible, one, np.nan).T for name, one in values.items()}
    found = {
        rate: {"phase": phase, "loss": loss, "curvature": curvature}
        for (rate, phase), loss, curvature in zip(
            SHOWN.items(), shown["loss"], shown["curvature"], strict=True
        )
    }
    plot_runs(found, "loss", ax=losses, **LINE)
    plot_runs(found, "curvature", ax=curvatures, **LINE)
    for rate in SHOWN:
        beside = {"textcoords": "offset points", "ha": "right", "va": "center", "fontsize": 7}
        curvatures.annotate(f"{rate:g}", (0, rate), (-3, 0), **beside)
    losses.set(yscale="log", xlabel="step", ylabel="loss", ylim=(1e-3, 1e7))
    curvatures.axhline(2, color="black", ls=":", lw=1)
    curvatures.set(xlabel="step", ylabel=r"curvature  $\eta\lambda_t$", ylim=(0, 6), xlim=(-6, 60))
    for phase, height in {"lazy": 0.10, "catapult": 0.62, "divergent": 0.9}.items():
        look = {"transform": losses.transAxes, "ha": "right", "fontweight": "bold"}
        losses.text(0.97, height, phase, color=style.LINE_COLOURS[phase], **look)


def draw_ends(net, ax):
    """Draw the final curvature of eight seeds against the learning rate."""
    state = net.init(rng=2, ensemble=(8,))
    unit = 1 / net.top_eigenvalue(state)
    c = np.linspace(0.5, 4.4, 79)[:, None]
    run = net.train(learning_rate=c * unit, steps=300, state=state, tolerance=1e-6)
    ended = cs.classify(run, settled=0.1)
    final = c * unit * net.top_eigenvalue(run.state)
    plot_final_curvature(c, final, ended, ax=ax)
    style.shade_phases(ax, (0.5, 2, 4, 4.5))
    ax.set(xlabel=r"$c=\eta\lambda_0$", ylabel=r"final curvature  $\eta\lambda_\infty$")
    ax.set(xlim=(0.5, 4.5), ylim=(0, 2.4))


if __name__ == "__main__":
    run_script(main, __file__)
