"""Beyond label one no minimum is stable: the road to chaos of one sample, in Y = eta y / sqrt(n).

On the balanced manifold u = v the output F = eta f / sqrt(n) obeys F' = F (1 + Y - F)^2. (a) Where
it goes. Lines are theory, solid where stable: the minimum F = Y, and the orbit of period two with
F_1 F_2 = 1 and F_1 + F_2 = 1 + Y. Points are iterates after 3000 steps. Periods double at Y = 1,
sqrt(5) - 1, 1.2880, 1.2992, ... (ticks above); at Y = 2 the attractor meets the edge of its basin,
and beyond it orbits escape. (b) The Lyapunov exponent along the manifold (points), with theory
where the orbit is known: log|1 - 2Y|, then log|9 - 2 (1 + Y)^2| / 2 (solid), and log 3 at Y = 2
(cross), where the map triples an angle.
"""

import numpy as np

from catapult_sim import attractor
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_attractor, style
from catapult_sim.symbolic.linear_net import balanced_map

DOUBLINGS = {1.0: "1", np.sqrt(5) - 1: r"$\sqrt{5}-1$", 1.2880: " 1.2880, 1.2992", 1.2992: ""}
RANGE = (0.75, 2.11)
LINE = {"color": style.RED, "lw": 1.2}


def main():
    """Return the figure."""
    labels = np.linspace(*RANGE, 1000)
    figure, axes = canvas.panels(2, 1, size=(7.5, 5.6), sharex=True, height_ratios=(2, 1))
    orbits, exponents = axes
    draw_orbits(orbits, labels)
    draw_exponents(exponents, labels)
    exponents.set(xlabel=r"label  $Y=\eta y/\sqrt{n}$", xlim=RANGE)
    for letter, ax in zip("ab", figure.axes, strict=True):
        ax.text(0.012, 0.97, f"({letter})", transform=ax.transAxes, va="top")
        for doubling in DOUBLINGS:
            ax.axvline(doubling, color="#777777", lw=0.6, ls=":")
        ax.axvline(2, color="black", lw=0.8)
    return figure


def draw_orbits(ax, labels):
    """Draw iterates as a density, over the orbits that theory knows."""
    rule = balanced_map()
    settled = attractor(rule, [0.3], labels, transient=3000, steps=1)
    step, state, visited = rule.numpy(), settled.state, []
    stays = np.isfinite(state[:, 0])
    state, labels = state[stays], labels[stays]
    for _ in range(3000):
        state = step(state, labels)
        visited.append(state[:, 0])
    plot_attractor(labels, visited, ax=ax, bins=(1000, 400), range=(RANGE, (0, 4.1)))
    for stable, Y in ((True, (RANGE[0], 1)), (False, (1, 2))):
        ax.plot(Y, Y, ls="-" if stable else "--", **LINE)
    for stable, Y in (
        (True, np.linspace(1, np.sqrt(5) - 1, 100)),
        (False, np.linspace(np.sqrt(5) - 1, 2, 100)),
    ):
        root = np.sqrt((1 + Y) ** 2 - 4)
        for sign in (-1, 1):
            ax.plot(Y, (1 + Y + sign * root) / 2, ls="-" if stable else "--", **LINE)
    top = ax.secondary_xaxis("top")
    top.set_xticks(list(DOUBLINGS), DOUBLINGS.values(), fontsize=8)
    for tick, side in zip(top.get_xticklabels(), ("center", "right", "left", "left"), strict=True):
        tick.set_horizontalalignment(side)
    ax.text(2.055, 2, "escape", rotation=90, va="center", ha="center", fontsize=9)
    ax.set(ylabel=r"output  $F=\eta f/\sqrt{n}$", ylim=(0, 4.1))


def draw_exponents(ax, labels):
    """Draw the measured exponent, and theory where the orbit is known."""
    found = attractor(balanced_map(), [0.3], labels, transient=3000, steps=4000)
    ax.plot(labels, found.exponent, ".", ms=1.6, color="black", rasterized=True)
    one, two = np.linspace(RANGE[0], 1, 200), np.linspace(1, np.sqrt(5) - 1, 400)[1:-1]
    with np.errstate(divide="ignore"):
        ax.plot(one, np.log(abs(1 - 2 * one)), **LINE)
        ax.plot(two, np.log(abs(9 - 2 * (1 + two) ** 2)) / 2, **LINE)
    ax.plot(2, np.log(3), "x", ms=7, mew=1.6, color=LINE["color"])
    ax.annotate("log 3", (2, np.log(3)), (8, -3), textcoords="offset points", fontsize=8)
    ax.axhline(0, color="black", lw=0.8)
    ax.set(ylabel="Lyapunov exponent", ylim=(-2, 1.35))


if __name__ == "__main__":
    run_script(main, __file__, dpi=130)
