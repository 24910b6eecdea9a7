"""The catapult in a plane: one sample, two weights, from three learning rates.

The loss f^2 / 2 of f = u v, label zero, in weights times sqrt(eta), so that gradient descent is
one rule for all learning rates. Its minima are the two axes (dark grey); the curvature eta lambda
= eta (u^2 + v^2) is the squared distance from the middle. Light grey: contours of the loss, a
decade apart. (a) Started inside the circle eta lambda = 2 (dashed) a run falls to the nearest
minimum, and stays as far out as it began (lazy). Between 2 and 4 (solid) it is thrown from side to
side of the valley until it is pulled in, and ends where the valley is flat (catapult). Outside 4
it never comes back (divergent). (b) The loss, and (c) the curvature of the same runs, step by
step.
"""

import numpy as np
import sympy as sp
from matplotlib.patches import Circle

import catapult_sim as cs
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_runs, style

STARTS = {"lazy": 1.5, "catapult": 2.6, "divergent": 4.1}  # eta lambda_0
OUTPUT = 0.02  # of every run, at the start
STEPS, FAR = 20, 40.0
u, v = sp.symbols("u v")


def main():
    """Return the figure."""
    size = (10.5, 4.1)
    figure, (plane, loss, curvature) = canvas.panels(1, 3, size=size, width_ratios=(1.25, 1, 1))
    draw_plane(plane)
    found = {}
    for phase, weights in runs().items():
        colour = style.LINE_COLOURS[phase]
        plane.plot(*weights.T, "o-", ms=3, lw=0.9, color=colour, label=phase)
        plane.plot(*weights[0], "o", ms=7, mfc="white", color=colour)
        found[STARTS[phase]] = {
            "phase": phase,
            "loss": weights.prod(axis=-1) ** 2 / 2,
            "curvature": (weights**2).sum(axis=-1),
        }
    for ax, quantity in ((loss, "loss"), (curvature, "curvature")):
        plot_runs(found, quantity, ax=ax, marker="o", markevery=1, ms=3, lw=0.9)
    loss.set_yscale("log")
    for height, line in ((2, "--"), (4, "-")):
        curvature.axhline(height, color="black", ls=line, lw=1)
    loss.set(xlabel="step", ylabel=r"$\eta\times$ loss", ylim=(1e-8, 1e2))
    curvature.set(xlabel="step", ylabel=r"curvature  $\eta\lambda$", ylim=(0, 6))
    plane.legend(loc="lower right", framealpha=1)
    style.letter_panels((plane, loss, curvature))
    return figure


def runs():
    """Return the weights ``(T, 2)`` of a run in each phase, as far as they stay in the picture."""
    rule = cs.Update.descent((u * v) ** 2 / 2, (u, v))
    curvatures = np.array(list(STARTS.values()))
    total, gap = np.sqrt(curvatures + 2 * OUTPUT), np.sqrt(curvatures - 2 * OUTPUT)
    starts = np.stack([total - gap, total + gap], axis=-1) / 2
    run = cs.iterate(rule, starts, steps=STEPS, eta=1.0, observe={"weights": lambda state: state})
    columns = zip(STARTS, np.moveaxis(run.values["weights"], 1, 0), strict=True)
    return {phase: weights[(weights**2).sum(axis=-1) < FAR] for phase, weights in columns}


def draw_plane(ax):
    """Draw contours of the loss, and the two circles."""
    side = np.linspace(-2.9, 2.9, 401)
    height = np.log10((side * side[:, None]) ** 2 / 2 + 1e-12)
    ax.contour(
        side, side, height, levels=range(-4, 2), colors="0.8", linewidths=0.7, linestyles="solid"
    )
    ax.axhline(0, color="0.6", lw=1.2)
    ax.axvline(0, color="0.6", lw=1.2)
    for curvature, line in ((2, "--"), (4, "-")):
        ax.add_patch(Circle((0, 0), np.sqrt(curvature), fill=False, ls=line, lw=1.1))
    ax.set(aspect="equal", xlim=(-2.9, 2.9), ylim=(-2.9, 2.9))
    ax.set(xlabel=r"$\sqrt{\eta}\,u$", ylabel=r"$\sqrt{\eta}\,v$")


if __name__ == "__main__":
    run_script(main, __file__, dpi=125)
