r"""SGD catapults, rarely but surely, at learning rates that full-batch descent finds lazy.

Six samples of two inputs, batches drawn with replacement; linear networks, exact at any width, and
others. (a) In wide networks steps are random matrices, whose products' moments grow as L(q): where
almost every run shrinks (the slope at 0 is negative), high moments still grow, beyond the root
theta. (b) Labels 0, batches of one: the share of 20 000 networks that are catapulted falls as
width^(-theta/2) (lines; their height is fitted); also of 5000 networks on four digits (squares)
and on four images of Fashion-MNIST (diamonds), theta = 0.6, from width 10^5 to 10^10. (c) Labels
that cannot be fitted: the mean time until a catapult, beside width^(theta/2), derived here; up to
width 10^6 that is refuted for theta = 0.9, where the power is 0.525(6). (d) to (f) Labels 0, all
batch sizes: the share of networks whose kernel has changed by more than 5 % within 300 steps; grey
where most diverge. The derived lines are where the second moment begins to grow and where almost
every run does, which are the ends of lazy runs and of rare catapults, and 2/lambda_0 of full
batches.
"""

from contextlib import suppress

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.ticker import LogLocator

from catapult_sim.claims.gess2026 import images, phases, rare, six_samples, waiting
from catapult_sim.claims.gess2026.problem import rate_of_tail
from catapult_sim.claims.gess2026.six_samples import SIX
from catapult_sim.commands.gallery import run_script
from catapult_sim.numeric.random_products.exponents import transfer
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd
from catapult_sim.numeric.runs.measured import NothingToMeasure
from catapult_sim.plots import canvas, style

COLOURS = style.BLUE, style.OCHRE, style.GREEN
PICTURES = ("digits", style.WINE, "s"), ("Fashion-MNIST", style.VIOLET, "D")
SIZES = np.arange(1, 7)
C = np.linspace(0.2, 3.2, 25)[:, None]
SEEDS = {"linear": 100, "relu": 8, "tanh": 8}


def main(bench):
    """Return the figure."""
    figure, axes = canvas.panels(2, 3, size=(12.5, 7.6))
    draw_moments(axes[0, 0])
    draw_shares(bench, axes[0, 1])
    draw_waiting(bench, axes[0, 2])
    for ax, model in zip(axes[1], SEEDS, strict=True):
        image = draw_phases(bench, ax, model)
    axes[1, 0].set_ylabel(r"$\eta\lambda_0$")
    axes[1, 0].legend(loc="lower right", facecolor="black", labelcolor="white", framealpha=0.6)
    figure.colorbar(image, ax=axes[1].tolist(), label="share thrown off its kernel", pad=0.02)
    style.letter_panels(axes.flat)
    return figure


def draw_moments(ax):
    """Draw the growth rate of moments at the learning rates of three tails."""
    q = np.linspace(0, 1.8, 37)
    for theta, colour in zip(six_samples.TAILS, COLOURS, strict=True):
        matrices = linear_sgd(SIX.kernel, rate_of_tail(SIX, theta)).matrices()
        ax.plot(q, [transfer(matrices, one) for one in q], color=colour)
        ax.plot(theta, 0, "o", color=colour, mfc="white", label=rf"$\theta$ = {theta}")
    ax.axhline(0, color="black", lw=0.8)
    ax.set(xlabel="moment  q", ylabel="growth rate  L(q)")
    ax.legend(loc="upper left")


def draw_shares(bench, ax):
    """Draw the share of catapults against the width, and the predicted power."""
    draw_problem(bench, ax, SIX, COLOURS, "o")
    for (_, problems), (name, colour, marker) in zip(images.IMAGES.values(), PICTURES, strict=True):
        with suppress(NothingToMeasure):  # Fashion-MNIST is not on every machine
            draw_problem(bench, ax, problems[-1], (colour,), marker, name)
    ax.legend(loc="upper right", title=r"images, $\theta$ = 0.6")
    ax.set(xscale="log", yscale="log", xlabel="width", ylabel="share catapulted")


def draw_problem(bench, ax, problem, colours, marker, name=None):
    """Draw the share of catapults of one problem at each of its learning rates."""
    powers, starts = rare.widths(bench, problem), rare.starts(bench, problem)
    counts = np.array([rare.rare_counts(bench, problem, power) for power in powers])
    widths = 10.0 ** np.array(powers)
    for theta, colour, count in zip(problem.tails, colours, counts.T, strict=True):
        share = count / starts
        error = np.sqrt(share * (1 - share) / starts)
        ax.errorbar(widths, share, error, fmt=marker, ms=4, color=colour, label=name)
        draw_power(ax, widths, share, -theta / 2, count, colour)


def draw_waiting(bench, ax):
    """Draw the mean waiting time against the width, and the predicted power."""
    powers = waiting.waited(bench)
    widths = 10.0 ** np.array(powers)
    for theta, colour in zip(six_samples.TAILS, COLOURS, strict=True):
        times, count = np.transpose([waiting.wait(bench, theta, power) for power in powers])
        ax.errorbar(widths, times, times / np.sqrt(count), fmt="o", color=colour)
        end = draw_power(ax, widths, times, theta / 2, count, colour)
        beside = {"xytext": (6, -4), "textcoords": "offset points", "color": colour}
        ax.annotate(f"width$^{{{theta / 2:g}}}$", (widths[-1], end), **beside)
    ax.set(xscale="log", yscale="log", xlabel="width", ylabel="steps until a catapult")
    ax.set_xlim(600, 6 * widths[-1])
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")


def draw_power(ax, widths, values, power, weights, colour):
    """Draw a power of the width through values, its height fitted; return its last value."""
    curve = widths**power
    curve = curve * np.exp(np.average(np.log(values / curve), weights=weights))
    ax.plot(widths, curve, color=colour, lw=1)
    return curve[-1]


def draw_phases(bench, ax, model):
    """Draw the share of catapults over batch size and learning rate, and derived thresholds."""
    networks = phases.drawn(model, SEEDS[model], bench.rng(f"phases {model}"))
    kernel = phases.first_kernel(networks)
    found = [phases.ends(networks, C, size, bench.rng(f"batches {size}")) for size in SIZES]
    left, lost = np.mean(found, axis=-1).transpose(1, 2, 0)
    image = ax.pcolormesh(SIZES, C[:, 0], left, cmap="cividis", vmin=0, vmax=1)
    grey = ListedColormap(["0.6"])
    ax.pcolormesh(SIZES, C[:, 0], np.ma.masked_less(lost, 0.5), cmap=grey)
    for end, line in ((phases.typical_end, "-"), (phases.mean_square_end, "--")):
        name = end.__name__.removesuffix("_end").replace("_", "-")
        edge = [end(kernel, int(size)) for size in SIZES]
        ax.plot(SIZES, edge, line, color="white", label=f"{name} growth begins")
    ax.axhline(2, color="white", ls=":", label=r"$2/\lambda_0$")
    ax.set(xlabel="batch size", xticks=SIZES)
    ax.set_title(f"{model}, width {phases.WIDTHS[model]}", fontsize=10)
    return image


if __name__ == "__main__":
    run_script(main, __file__, effort="quick", dpi=125)
