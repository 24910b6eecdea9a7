"""The final curvature of infinitely wide catapults is log-periodic in the initial output.

(a) Final against initial curvature, one sample with label zero, for outputs eta f_0 / sqrt(n)
between 1e-8 and 1e-7. Theory (solid): in the lazy phase the curvature does not move; just above
2 it ends as far below 2 as it began above; at 4 it ends, and 2 (dotted) is never exceeded.
(b) A smaller start, or a wider network, only adds steps of linear growth by the factor
eta lambda_0 - 1 before the catapult; so at fixed eta lambda_0 the final curvature is periodic in
log f_0, with that factor as its period (bars), and has no limit. lambda = (|u|^2 + |v|^2) / n.
"""

import numpy as np

from catapult_sim import Phase, phase_map
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, style
from catapult_sim.symbolic.linear_net import residual_map

SHOWN = {2.5: style.BLUE, 3.0: style.AMBER, 3.5: style.WINE}


def main():
    """Return the figure."""
    figure, axes = canvas.panels(1, 2, size=(9.5, 3.7), width_ratios=(1, 1.15), sharey=True)
    left, right = axes
    draw_ends(left)
    draw_periods(right)
    style.letter_panels(axes)
    for ax in axes:
        ax.axhline(2, color="black", ls=":", lw=1)
        ax.set_ylim(0, 2.15)
    left.set_ylabel(r"final curvature  $\eta\lambda_\infty$")
    return figure


def ends(F0, Lam0):
    """Return final curvatures, NaN where a run has not come down to rounding."""
    found = phase_map(residual_map(), D=F0, Lam=Lam0, Y=0, steps=20_000, settled=1e-8)
    return np.where(found.phase == Phase.UNDECIDED, np.nan, found.state["Lam"])


def draw_ends(ax):
    """Draw the final against the initial curvature for a decade of starts."""
    Lam0 = np.linspace(0.5, 3.998, 700)
    final = ends(np.geomspace(1e-8, 1e-7, 24)[:, None], Lam0)
    everywhere = np.broadcast_to(Lam0, final.shape)
    ax.plot(everywhere, final, ".", ms=1.1, mew=0, color=style.AMBER, rasterized=True)
    ax.plot([0.5, 2, 2.45], [0.5, 2, 1.55], color="black", lw=1.2)
    ax.axvline(4, color="black", lw=1.2)
    ax.set(xlabel=r"initial curvature  $\eta\lambda_0$", xlim=(0.5, 4.1))


def draw_periods(ax):
    """Draw the final curvature against the initial output, over four periods and more."""
    F0 = np.geomspace(1e-10, 1e-8, 1600)
    for height, (Lam0, colour) in zip((1.42, 1.6, 1.78), SHOWN.items(), strict=True):
        ax.plot(F0, ends(F0, Lam0), ".", ms=1.6, color=colour, rasterized=True)
        period = 1.4e-10 * np.array([1, Lam0 - 1])
        ax.plot(period, [height, height], "|-", color=colour, lw=1.4, ms=8)
        ax.text(period[1] * 1.1, height, rf"$\eta\lambda_0={Lam0:g}$", color=colour, va="center")
    ax.set(xscale="log", xlabel=r"initial output  $\eta f_0/\sqrt{n}$", xlim=(F0[0], F0[-1]))


if __name__ == "__main__":
    run_script(main, __file__)
