"""With a label y > 0 the last boundary is still exact: a straight line that orbits never cross.

In F = eta f / sqrt(n), Y = eta y / sqrt(n), D = F - Y and Lam = eta lambda one step multiplies
E = Lam - 4 - Y D by 1 + F D, which is positive for |Y| < 2. So the line E = 0 (black) divides the
plane of initial values: below it all orbits are bounded, above it they escape; for y = 0 it is
eta lambda_0 = 4. On it D = 2 cos(theta), and each step triples theta. (a) Phases at Y = 0.7; below
Lam = 2 |F| no weights exist (blank). (b) The framed part, with the distance below the line
magnified by a logarithm: the edge is straight, but the final curvature below it is fractal. It
depends on where a run leaves the chaos along the line, in ever finer bands.
"""

import numpy as np
from matplotlib.patches import Rectangle

from catapult_sim import Phase, phase_map
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_phases, plot_plane, style
from catapult_sim.symbolic.linear_net import residual_map

LABEL = 0.7
ZOOM = (-0.1, 0.2)


def main():
    """Return the figure."""
    figure, (left, right) = canvas.panels(1, 2, size=(9.5, 3.9), width_ratios=(1, 1.2))
    draw_phases(left)
    draw_zoom(right)
    label = r"final curvature  $\eta\lambda_\infty$"
    figure.colorbar(right.collections[-1], ax=right, label=label, pad=0.02, extend="min")
    style.letter_panels((left, right))
    for ax in (left, right):
        ax.set_xlabel(r"initial output  $F_0=\eta f_0/\sqrt{n}$")
    return figure


def edge(F):
    """Return the curvature on the line that orbits never cross."""
    return 4 + LABEL * (F - LABEL)


def draw_phases(ax):
    """Draw the phases, the line, and the part that is magnified."""
    F0, Lam0 = np.linspace(-2.1, 3.2, 500), np.linspace(0, 6.4, 500)
    found = phase_map(residual_map(), D=F0 - LABEL, Lam=Lam0[:, None], Y=LABEL, steps=2000)
    plot_phases(F0, Lam0, np.ma.masked_where(Lam0[:, None] < 2 * abs(F0), found.phase), ax=ax)
    ends = LABEL - 2, LABEL + 2
    ax.plot(ends, [edge(F) for F in ends], color="black", lw=1.4)
    height = edge(ZOOM[0]) - 0.4
    box = {"fill": False, "ec": "black", "lw": 0.8}
    ax.add_patch(Rectangle((ZOOM[0], height), ZOOM[1] - ZOOM[0], edge(ZOOM[1]) - height, **box))
    places = ((0, 0.9), (0.75, 2.75), (0.3, 5.2))
    for (phase, colour), place in zip(style.INK.items(), places, strict=True):
        ax.text(*place, phase, color=colour, ha="center", fontweight="bold", fontsize=9)
    ax.set(ylabel=r"initial curvature  $\eta\lambda_0$", ylim=(0, 6.4))


def draw_zoom(ax):
    """Draw the final curvature against the distance from the line."""
    F0, below = np.linspace(*ZOOM, 480), np.geomspace(2e-3, 0.4, 360)
    found = phase_map(
        residual_map(), D=F0 - LABEL, Lam=edge(F0) - below[:, None], Y=LABEL, steps=4000
    )
    ends = np.ma.masked_where(found.phase == Phase.UNDECIDED, found.state["Lam"])
    plot_plane(F0, below, ends, ax=ax, vmin=1.4, vmax=2)
    ax.set(yscale="log", ylabel=r"distance below the line  $-E_0$")
    ax.invert_yaxis()


if __name__ == "__main__":
    run_script(main, __file__, dpi=125)
