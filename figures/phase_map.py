"""The phases of one sample with label zero, in units in which width and learning rate are gone.

Every cell is a network: its initial curvature eta lambda_0 and output eta f_0 / sqrt(n), so that
the width grows downwards. (a) Its phase after at most 2000 steps. Theory is drawn: eta lambda_0 = 4
(solid), beyond which no run converges at any width; 2 + eta^2 f_0^2 / n (dashed), beyond which
the first step raises the loss; above |f| = sqrt(n) lambda / 2 no weights exist (blank). Undecided
(dark) are runs that still come down slowly, at a tiny curvature or at 2. (b) The curvature at
which the same runs end, blank where undecided or divergent. Loss (f - y)^2 / 2, curvature
lambda = (|u|^2 + |v|^2) / n.
"""

import numpy as np

from catapult_sim import Phase, phase_map
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_phases, plot_plane, style
from catapult_sim.symbolic.linear_net import residual_map


def main():
    """Return the figure."""
    Lam0, F0 = np.linspace(0.003, 5, 640), np.geomspace(1e-6, 2.5, 420)
    found = phase_map(residual_map(), D=F0[:, None], Lam=Lam0, Y=0, steps=2000)
    unphysical = Lam0 < 2 * F0[:, None]
    figure, (left, right) = canvas.panels(1, 2, size=(9.5, 3.7), sharey=True)
    plot_phases(Lam0, F0, np.ma.masked_where(unphysical, found.phase), ax=left)
    settled = (found.phase == Phase.LAZY) | (found.phase == Phase.CATAPULT)
    ends = np.ma.masked_where(unphysical | ~settled, found.state["Lam"])
    plot_plane(Lam0, F0, ends, ax=right, vmin=0, vmax=2)
    label = r"final curvature  $\eta\lambda_\infty$"
    figure.colorbar(right.collections[-1], ax=right, label=label, pad=0.02)
    draw_theory(left, F0)
    style.letter_panels((left, right))
    for ax in (left, right):
        ax.set(yscale="log", xlim=(0, 5), ylim=(F0[0], F0[-1]))
        ax.set_xlabel(r"initial curvature  $\eta\lambda_0$")
        ax.axvline(4, color="black", lw=1.2)
    left.set_ylabel(r"initial output  $\eta f_0/\sqrt{n}$")
    return figure


def draw_theory(ax, F):
    """Draw where the loss first rises and where weights end; name the regions."""
    ax.plot(2 + F**2, F, color="black", lw=1.2, ls="--")
    for (phase, colour), x, size in zip(style.INK.items(), (1, 3, 4.5), (10, 10, 9), strict=True):
        ax.text(x, 3e-4, phase, color=colour, fontsize=size, ha="center", fontweight="bold")
    ax.text(0.07, 1.3, "no weights", fontsize=8, va="center")


if __name__ == "__main__":
    run_script(main, __file__)
