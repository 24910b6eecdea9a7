"""The final curvature of infinitely wide catapults is log-periodic in the initial output.

(a) Final against initial curvature, one sample with label zero, for outputs eta f_0 / sqrt(n)
between 1e-8 and 1e-7. Theory: in the lazy phase the curvature does not move (solid); just
above 2 it ends as far below 2 as it began above (dashed); 2 (dotted) is never exceeded, and nothing
converges beyond 4.
(b) A smaller start, or a wider network, only adds steps of linear growth by the factor
eta lambda_0 - 1 before the catapult; so at fixed eta lambda_0 the final curvature is periodic in
log f_0, with that factor as its period (bars), and has no limit. lambda = (|u|^2 + |v|^2) / n.
"""

import numpy as np

from catapult_sim import Phase, phase_map
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_final_curvature, style
from catapult_sim.symbolic.linear_net import residual_map

SHOWN = {2.5: style.BLUE, 3.0: style.AMBER, 3.5: style.WINE}


def main():
    """Return the figure."""
    figure, axes = canvas.panels(1, 2, size=(9.5, 3.7), width_ratios=(1, 1.15), sharey=True)
    left, right = axes
    draw_ends(left)
    draw_periods(right)
    style.letter_panels(axes)
    right.axhline(2, color="black", ls=":", lw=1)
    left.set_ylim(0, 2.15)
    left.set_ylabel(r"final curvature  $\eta\lambda_\infty$")
    return figure


def runs(F0, Lam0):
    """Return runs to their end; undecided are those that have not come down to rounding."""
    return phase_map(residual_map(), D=F0, Lam=Lam0, Y=0, steps=20_000, settled=1e-8)


def draw_ends(ax):
    """Draw the final against the initial curvature for a decade of starts."""
    Lam0 = np.linspace(0.5, 3.998, 700)
    found = runs(np.geomspace(1e-8, 1e-7, 24)[:, None], Lam0)
    look = {"ms": 1.1, "mew": 0, "alpha": 1, "rasterized": True}
    plot_final_curvature(Lam0, found.state["Lam"], found.phase, ax=ax, **look)
    ax.axvline(4, color="black", lw=1.2)
    ax.set_xlim(0.5, 4.1)


def draw_periods(ax):
    """Draw the final curvature against the initial output, over four periods and more."""
    F0 = np.geomspace(1e-10, 1e-8, 1600)
    for height, (Lam0, colour) in zip((1.42, 1.6, 1.78), SHOWN.items(), strict=True):
        found = runs(F0, Lam0)
        ends = np.ma.masked_where(found.phase == Phase.UNDECIDED, found.state["Lam"])
        ax.plot(F0, ends, ".", ms=1.6, color=colour, rasterized=True)
        period = 1.4e-10 * np.array([1, Lam0 - 1])
        ax.plot(period, [height, height], "|-", color=colour, lw=1.4, ms=8)
        ax.text(period[1] * 1.1, height, rf"$\eta\lambda_0={Lam0:g}$", color=colour, va="center")
    ax.set(xscale="log", xlabel=r"initial output  $\eta f_0/\sqrt{n}$", xlim=(F0[0], F0[-1]))


if __name__ == "__main__":
    run_script(main, __file__)
