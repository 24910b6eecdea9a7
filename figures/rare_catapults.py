r"""SGD catapults, rarely but surely, at learning rates that full-batch descent finds lazy.

Six samples of two inputs, labels 0, batches drawn with replacement; linear networks, exact at any
width. (a) In wide networks steps are random matrices, whose products' moments grow as L(q): where
almost every run shrinks (the slope at 0 is negative), high moments still grow, beyond the root
theta. (b) The share of 20 000 networks that are catapulted falls as width^(-theta/2) (lines; their
height is fitted), for batches of one sample. (c) Networks of width 10^4 at several batch sizes: the
share whose kernel moves by more than 0.05 within 300 steps, with the derived thresholds: where the
second moment begins to grow, where almost every run does, and 2/lambda_0 of full batches.
"""

import numpy as np

from catapult_sim.claims import gess2026 as rare
from catapult_sim.commands.gallery import run_script
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.random_products.exponents import transfer
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd, threshold
from catapult_sim.plots import canvas, style

COLOURS = style.BLUE, style.OCHRE, style.GREEN
SIZES = np.arange(1, 7)
STARTS, WIDTH = 400, 10**4


def main(bench):
    """Return the figure."""
    figure, axes = canvas.panels(1, 3, size=(12.5, 3.9), width_ratios=(1, 1, 1.25))
    draw_moments(axes[0])
    draw_shares(bench, axes[1])
    image = draw_phases(axes[2])
    figure.colorbar(image, ax=axes[2], label="share thrown off its kernel", pad=0.02)
    style.letter_panels(axes)
    return figure


def draw_moments(ax):
    """Draw the growth rate of moments at the learning rates of three tails."""
    q = np.linspace(0, 1.8, 37)
    for theta, colour in zip(rare.TAILS, COLOURS, strict=True):
        matrices = linear_sgd(rare.kernel(), rare.rate_of_tail(theta)).matrices()
        ax.plot(q, [transfer(matrices, one) for one in q], color=colour)
        ax.plot(theta, 0, "o", color=colour, mfc="white", label=rf"$\theta$ = {theta}")
    ax.axhline(0, color="black", lw=0.8)
    ax.set(xlabel="moment  q", ylabel="growth rate  L(q)")
    ax.legend(loc="upper left")


def draw_shares(bench, ax):
    """Draw the share of catapults against the width, and the predicted power."""
    powers = bench.effort.rare_powers
    counts = np.array([rare.rare_counts(bench, power) for power in powers])
    starts, widths = bench.effort.rare_starts, 10.0 ** np.array(powers)
    for theta, colour, count in zip(rare.TAILS, COLOURS, counts.T, strict=True):
        share = count / starts
        error = np.sqrt(share * (1 - share) / starts)
        ax.errorbar(widths, share, error, fmt="o", color=colour)
        power = widths ** (-theta / 2)
        height = np.exp(np.average(np.log(share / power), weights=count))
        ax.plot(widths, height * power, color=colour, lw=1)
        ax.annotate(
            f"width$^{{-{theta / 2:g}}}$",
            (widths[-1], height * power[-1]),
            xytext=(6, -4),
            textcoords="offset points",
            color=colour,
        )
    ax.set(xscale="log", yscale="log", xlabel="width", ylabel="share catapulted")
    ax.set_xlim(60, 1.6e6)


def draw_phases(ax):
    """Draw the share of catapults over batch size and learning rate, and derived thresholds."""
    top = np.linalg.eigvalsh(rare.kernel())[-1] / len(rare.kernel())
    c = np.linspace(0.2, 2.4, 45)
    net, rng = LinearNet(*rare.samples(), width=WIDTH), np.random.default_rng(0)
    start = net.init(rng=rng, ensemble=(STARTS,))
    shares = []
    for size in SIZES:
        batches = rng.integers(6, size=(STARTS, rare.STEPS, size))
        run = net.train(
            learning_rate=c[:, None] / top, steps=rare.STEPS, state=start, batches=batches
        )
        change = np.abs(start[:, -1, -1] - run.state[..., -1, -1])
        shares.append((~(change <= rare.CHANGE)).mean(axis=1))
    image = ax.pcolormesh(SIZES, c, np.transpose(shares), cmap="cividis", vmin=0, vmax=1)
    for growth, line in (("typical", "-"), ("mean-square", "--")):
        edge = [top * threshold(rare.kernel(), int(size), growth=growth) for size in SIZES]
        ax.plot(SIZES, edge, line, color="white", label=f"{growth} growth begins")
    ax.axhline(2, color="white", ls=":", label=r"$2/\lambda_0$")
    ax.set(xlabel="batch size", ylabel=r"$\eta\lambda_0$", xticks=SIZES)
    ax.legend(loc="lower right", facecolor="black", labelcolor="white", framealpha=0.6)
    return image


if __name__ == "__main__":
    run_script(main, __file__, effort="quick", dpi=125)
