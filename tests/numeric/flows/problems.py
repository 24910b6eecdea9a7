"""Small non-quadratic problems with several batches, from 2 to 5 weights.

They start where no leading error happens to be small: there a slope needs tiny steps.
"""

from dataclasses import dataclass

import numpy as np
import sympy as sp

a, b, c, d, e, eps = sp.symbols("a b c d e eps")


@dataclass(frozen=True)
class Problem:
    name: str
    losses: tuple[sp.Expr, ...]
    state: tuple[sp.Symbol, ...]
    start: tuple[float, ...]

    def gradients(self):
        """Batch gradients ``(..., P) -> (..., m, P)``."""
        slopes = [loss.diff(w) for loss in self.losses for w in self.state]
        components = sp.lambdify(self.state, slopes, "numpy", cse=True)
        shape = (len(self.losses), len(self.state))

        def gradients(weights):
            rows = components(*np.moveaxis(weights, -1, 0))
            stacked = np.stack([row + 0 * weights[..., 0] for row in rows], axis=-1)
            return stacked.reshape(*weights.shape[:-1], *shape)

        return gradients

    def hessian_products(self):
        """Products ``(weights (P,), directions (m, P)) -> (m, P)``, batch by batch."""
        hessians = sp.lambdify(self.state, [sp.hessian(f, self.state) for f in self.losses])
        return lambda weights, v: np.einsum("kij,kj->ki", np.array(hessians(*weights)), v)


def _squared_error(x, y):
    return (a * sp.tanh(b * x + c) + d * x + e - y) ** 2 / 2


PROBLEMS = (
    Problem(
        "two-weights",
        ((sp.tanh(a * b) - 1) ** 2 / 2, sp.sin(a + 2 * b), (a * b - 1) ** 2 / 2),
        (a, b),
        (-0.5, 0.8),
    ),
    Problem(
        "three-weights",
        (a * b * c, (a - b**2) ** 2 / 2, (a * c - 1) ** 2 / 2 + b**3 / 3, sp.exp(a - c)),
        (a, b, c),
        (0.6, -0.4, 0.7),
    ),
    Problem(
        "tanh-network",
        (_squared_error(1, 1), _squared_error(-2, 0), _squared_error(sp.Rational(1, 2), -1)),
        (a, b, c, d, e),
        (0.9, 0.6, -0.3, 0.2, 0.1),
    ),
)
