"""The loop of :mod:`catapult_sim.numeric.linear_net_descent`, compiled by numba."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["kernel"]

Array = npt.NDArray[Any]

# Members side by side: enough to outweigh the start of a loop, few enough for a core's first
# cache.
LANES = 64


@cache
def kernel() -> Callable[..., None]:
    """Return a compiled ``_steps`` of the descent: same arguments, same results to rounding.

    Raises
    ------
    ImportError
        If numba is not installed.
    """
    try:
        import numba
    except ImportError as missing:
        raise ImportError(
            "compiled=True requires numba; install it with: pip install catapult_sim[fast]"
        ) from missing
    compiled = numba.njit(error_model="numpy", fastmath={"contract"}, nogil=True)
    image, curvature, outputs = compiled(_image), compiled(_curvature), compiled(_outputs)

    @compiled  # type: ignore[untyped-decorator]
    def steps(gram: Any, history: Any, rates: Any, scales: Any, n_inverse: float) -> None:
        count, q, k, members = history.shape
        A, B, rate = np.zeros((q, q, LANES)), np.zeros((k, k, LANES)), np.zeros(LANES)
        F, e = np.zeros((q, k, LANES)), np.zeros((q, k, LANES))
        gamma, moved, inner = np.zeros_like(e), np.zeros_like(e), np.zeros_like(e)
        work = np.zeros((2, k, k, LANES))
        for first in range(0, members, LANES):
            lanes = min(LANES, members - first)
            part = slice(first, first + lanes)
            A[:, :, :lanes], F[:, :, :lanes] = gram[:q, :q, part], gram[:q, q:, part]
            B[:, :, :lanes], e[:, :, :lanes] = gram[q:, q:, part], history[0][:, :, part]
            rate[:lanes] = rates[part]
            for t in range(1, count):
                image(A, e, rate, scales, gamma, moved)
                outputs(F, B, e, gamma, moved, inner, scales, n_inverse, work)
                curvature(A, gamma, inner)
                history[t][:, :, part] = e[:, :, :lanes]
            gram[:q, :q, part], gram[:q, q:, part] = A[:, :, :lanes], F[:, :, :lanes]
            gram[q:, q:, part] = B[:, :, :lanes]
            for i in range(q):
                for j in range(i):
                    gram[j, i, part] = gram[i, j, part]

    return steps


def _image(A: Any, e: Any, rate: Any, scales: Any, gamma: Any, moved: Any) -> None:
    """Set ``gamma = eta S e`` and ``moved = A gamma``, from the lower half of A."""
    q, k, lanes = gamma.shape
    for i in range(q):
        for a in range(k):
            for x in range(lanes):
                gamma[i, a, x] = rate[x] * scales[i] * e[i, a, x]
                moved[i, a, x] = A[i, i, x] * gamma[i, a, x]
    for i in range(q):
        for a in range(k):
            for j in range(i):
                for x in range(lanes):
                    moved[i, a, x] += A[i, j, x] * gamma[j, a, x]
                for x in range(lanes):
                    moved[j, a, x] += A[i, j, x] * gamma[i, a, x]


def _curvature(A: Any, gamma: Any, inner: Any) -> None:
    """Take ``gamma inner^T + inner gamma^T`` from the lower half of A."""
    q, k, lanes = gamma.shape
    for i in range(q):
        for j in range(i + 1):
            for a in range(k):
                for x in range(lanes):
                    A[i, j, x] -= gamma[i, a, x] * inner[j, a, x] + inner[i, a, x] * gamma[j, a, x]


def _outputs(
    F: Any,
    B: Any,
    e: Any,
    gamma: Any,
    moved: Any,
    inner: Any,
    scales: Any,
    n_inverse: float,
    work: Any,
) -> None:
    """Set ``inner = (F - gamma B / 2) / n``, then let F, B and e take their step."""
    q, k, lanes = gamma.shape
    felt, change = work[0], work[1]
    for a in range(k):
        for b in range(k):
            for x in range(lanes):
                felt[a, b, x] = B[a, b, x]
                change[a, b, x] = 0.0
            for i in range(q):
                for x in range(lanes):
                    felt[a, b, x] -= n_inverse * F[i, a, x] * gamma[i, b, x]
                    change[a, b, x] += n_inverse * moved[i, a, x] * gamma[i, b, x]
    for i in range(q):
        for b in range(k):
            for x in range(lanes):
                inner[i, b, x] = n_inverse * F[i, b, x]
            for a in range(k):
                for x in range(lanes):
                    inner[i, b, x] -= 0.5 * n_inverse * gamma[i, a, x] * B[a, b, x]
                    moved[i, b, x] += gamma[i, a, x] * felt[a, b, x]
            for x in range(lanes):
                F[i, b, x] -= moved[i, b, x]
                e[i, b, x] -= scales[i] * moved[i, b, x]
    for a in range(k):
        for b in range(k):
            for x in range(lanes):
                change[a, b, x] += felt[a, b, x] + felt[b, a, x]
    for a in range(k):
        for b in range(k):
            for x in range(lanes):
                B[a, b, x] = change[a, b, x] - B[a, b, x]
