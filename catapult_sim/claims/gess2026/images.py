"""Problems of four images, from the faintest to the boldest, at equal shares of their norms.

What the law needs was derived before the first run. Images are linearly independent, so that
little connects them: where they are orthogonal and as bold as each other, almost every run grows
from the learning rate on at which the second moment does, and no rate lies between. Norms that
differ, and the large mean of raw pixels, leave a window: 11 % of the threshold for four digits, 6 %
for six, 4 % for eight. In it theta falls from 2 to 0, about 20 times as fast as the rate grows. A
kernel of n units differs from that of infinite width by n^(-1/2), which at 10^4 moves theta by 0.2
and at 10^5 by 0.06: the law begins there. A power of theta = 0.9 leaves one network of 10^4 at
width 10^8; 10^10 is reached by theta = 0.6. Outputs that come to a catapult grow at the rate
L'(theta), 0.017 and 0.013 for the digits, and the slowest moment shrinks as exp(-0.004 t) and
exp(-0.002 t): 1500 and 3000 steps are five times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from catapult_sim import datasets
from catapult_sim.claims.gess2026.problem import Problem
from catapult_sim.numeric.runs.measured import NothingToMeasure
from catapult_sim.types import Array
from catapult_sim.validation import InputError

COUNT = 4


def from_faint_to_bold(pixels: Array) -> Array:
    """Return four of the images ``(N, d)``, with a mean squared norm of 1."""
    order = np.argsort(np.linalg.norm(pixels, axis=1))
    chosen = pixels[order[np.linspace(0, len(order) - 1, COUNT).round().astype(int)]]
    scaled: Array = chosen / np.sqrt(np.mean(np.sum(chosen**2, axis=1)))
    return scaled


@cache
def handwritten() -> Array:
    """Return four handwritten digits of 8 x 8 pixels."""
    return from_faint_to_bold(datasets.digits(inputs="raw").X)


@cache
def clothing() -> Array:
    """Return four images of Fashion-MNIST, 14 x 14 pixels.

    Raises
    ------
    NothingToMeasure
        Where Fashion-MNIST is not on this machine.
    """
    try:
        return from_faint_to_bold(datasets.fashion_mnist(inputs="raw", pool=2).X)
    except InputError as refusal:
        raise NothingToMeasure from refusal


def problems(name: str, inputs: Callable[[], Array]) -> tuple[Problem, Problem]:
    """Return the problems of theta = 0.9 and of 0.6, the latter at wider networks."""
    of = partial(Problem, f"rare catapults of {name}", inputs)
    return (
        of(tails=(0.9,), steps=1500, powers=(5, 6, 7, 8)),
        of(tails=(0.6,), steps=3000, powers=(5, 6, 7, 8, 9, 10), part=4),
    )


IMAGES = {
    "handwritten": ("handwritten images of 8x8 pixels", problems("handwritten", handwritten)),
    "clothing": ("clothing images of 14x14 pixels", problems("clothing", clothing)),
}
