"""Training follows its modified flow, to every order tried.

Distance between the weights after one epoch and the modified flow truncated at order p, for a
problem of three weights and four batches. (a) Gradient descent, an epoch being one step. (b) The
mean over all 24 orders of the shuffled batches, enumerated. Points are measured, lines have the
slope p + 2 of theory. Dashed: the first-order field of gradient descent, which lacks the variance
of the batch gradients; shuffled batches do not follow it, the slope stays at 2.
"""

import numpy as np
import sympy as sp

from catapult_sim import flow, modified_field
from catapult_sim.commands.gallery import run_script
from catapult_sim.numeric.flows.epochs import draws, mean_epoch
from catapult_sim.numeric.flows.fields import numeric_field
from catapult_sim.plots import canvas, style

STATE = a, b, c = sp.symbols("a b c")
LOSSES = (a * b * c, (a - b**2) ** 2 / 2, (a * c - 1) ** 2 / 2 + b**3 / 3, sp.exp(a - c))
START, STEP_SIZE = np.array([0.6, -0.4, 0.7]), sp.Symbol("eps")
STEP_SIZES = 0.05 * 2.0 ** -np.arange(0, 4, 0.5)
COLOURS = (style.BLUE, style.TEAL, style.ORANGE, style.ROSE, style.VIOLET)

components = sp.lambdify(STATE, [[loss.diff(w) for w in STATE] for loss in LOSSES])


def main():
    """Return the figure."""
    figure, axes = canvas.panels(1, 2, size=(8.5, 3.6), sharey=True)
    for sampling, ax in zip(("full", "shuffled"), axes, strict=True):
        draw_orders(sampling, ax)
    full = modified_field(LOSSES, STATE, STEP_SIZE, order=1, sampling="full")
    without = local_errors(full, "shuffled")
    axes[1].loglog(STEP_SIZES, without, "k--", lw=1)
    write(axes[1], without[0], "no variance: slope 2", "black", lifted=-5)
    style.letter_panels(axes, ("gradient descent", "shuffled batches"))
    axes[0].set_ylabel("error after one epoch")
    return figure


def draw_orders(sampling, ax):
    """Draw measured errors as points and the slopes of theory as lines."""
    highest = {"full": 4, "shuffled": 3}[sampling]
    field = modified_field(LOSSES, STATE, STEP_SIZE, order=highest, sampling=sampling)
    for p, colour in enumerate(COLOURS[: highest + 1]):
        errors = local_errors(field.truncate(p), sampling)
        theory = errors[-1] * (STEP_SIZES / STEP_SIZES[-1]) ** (p + 2)
        ax.loglog(STEP_SIZES, theory, lw=1, color=colour)
        ax.loglog(STEP_SIZES, errors, "o", ms=4, color=colour)
        write(ax, errors[0], f"order {p}: slope {p + 2}", colour, lifted=4 if p == 0 else 0)
    ax.set(xlabel=r"step size $\varepsilon$", xlim=(STEP_SIZES[-1] / 1.3, STEP_SIZES[0] * 4.5))


def write(ax, error, text, colour, lifted):
    """Label the error at the largest step size."""
    look = {"color": colour, "fontsize": 8, "va": "center"}
    ax.annotate(text, (STEP_SIZES[0], error), (6, lifted), textcoords="offset points", **look)


def local_errors(field, sampling):
    """Return the distance of the flow from the epoch, for each step size."""
    epoch, steps = epoch_of(sampling)
    ends = [flow(numeric_field(field, h), START, [0, steps * h])[-1] for h in STEP_SIZES]
    gaps = [end - epoch(START, h) for end, h in zip(ends, STEP_SIZES, strict=True)]
    return np.linalg.norm(gaps, axis=-1)


def epoch_of(sampling):
    """Return the map of an epoch, and how many steps it takes."""
    if sampling == "full":
        return lambda w, h: w - h * gradients(w).mean(axis=-2), 1
    return mean_epoch(gradients, draws(sampling, len(LOSSES))), len(LOSSES)


def gradients(weights):
    """Return the gradients of the batches, ``(..., 3) -> (..., 4, 3)``."""
    rows = components(*np.moveaxis(weights, -1, 0))
    zero = np.zeros(weights.shape[:-1])
    return np.stack([np.stack([zero + g for g in row], axis=-1) for row in rows], axis=-2)


if __name__ == "__main__":
    run_script(main, __file__)
