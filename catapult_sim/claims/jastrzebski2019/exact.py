"""Exact statements about a step along an eigenvector, in closed form [Jastrzebski2019]."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, equals
from catapult_sim.claims.jastrzebski2019.paper import GROUP
from catapult_sim.claims.sources import INSTRUMENTS
from catapult_sim.experiments.bench import Bench
from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.curvature.directions import nudge
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
from catapult_sim.numeric.curvature.step_response import SCALES, step_response
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.types import Array

K, ETA = 5, 0.3


def quadratic_error(bench: Bench) -> Measured:
    """Compare the change of a quadratic loss along e_i with its closed form."""
    modes, values, matrix, rng = _quadratic(bench)
    # As far along every mode: of a tiny distance, rounding of the loss would be all that is seen.
    theta = modes @ rng.choice([-1.0, 1.0], len(values))
    gradient, found = matrix @ theta, top_eigenpairs(matrix, K, tolerance=1e-13, rng=rng)

    def loss(points: Array) -> Array:
        return np.einsum("...i,ij,...j->...", points, matrix, points) / 2

    step = ETA * gradient[None]
    options: dict[str, Any] = {"gradient": gradient, "hessian": matrix, "rng": rng}
    change = step_response(loss, theta, step, found.vectors, **options).change[:K]
    kept = (1 - np.outer(ETA * values, SCALES)) ** 2
    c, h = modes.T @ theta, values[:, None]
    expected = (h * c[:, None] ** 2 * (kept - 1) / 2)[:K] / loss(theta)
    return _worst(change, expected)


def nudge_error(bench: Bench) -> Measured:
    """Compare a nudged step on a quadratic with gamma times its first dense modes."""
    modes, values, matrix, rng = _quadratic(bench)
    step = ETA * matrix @ rng.normal(size=len(values))
    vectors = top_eigenpairs(matrix, K, tolerance=1e-13, rng=rng).vectors
    worst = 0.0
    for gamma in (0.01, 0.1, 5.0):
        factors = np.where(np.arange(len(values)) < K, gamma, 1.0)
        expected = modes @ (factors * (modes.T @ step))
        gap = np.linalg.norm(nudge(step, vectors, gamma) - expected)
        worst = max(worst, float(gap / np.linalg.norm(expected)))
    return Measured(worst, 0.0, 3)


def linear_net_error(bench: Bench) -> Measured:
    """Compare the change along e_i of a two-layer linear network with its quartic in alpha.

    Along ``(U, V) - s (P, Q)`` the outputs are ``f - s a + s^2 b`` with ``a = (P V + U Q) x`` and
    ``b = P Q x``, written out from the weights, over sqrt(width).
    """
    rng, (m, d, n, k) = bench.rng("sharpest linear network"), (8, 4, 6, 3)
    X, y = rng.normal(size=(m, d)), rng.normal(size=(m, k))
    net = MLP([d, n, k], activation="linear", parametrization="ntk")
    theta = net.init(rng=rng)
    hessian = net.at(theta, X, y).hessian_product
    matrix = np.array([hessian(unit) for unit in np.eye(net.size)])
    vectors = np.linalg.eigh(matrix)[1][:, ::-1][:, :K]
    gradient = net.gradient(theta, X, y)
    step = ETA * vectors.sum(axis=1)[None]  # as long along every direction
    options: dict[str, Any] = {"gradient": gradient, "hessian": matrix, "rng": rng}
    loss = lambda points: net.loss(points, X, y)  # noqa: E731
    change = step_response(loss, theta, step, vectors, **options).change[:K]

    def outputs(first: Array, second: Array) -> Array:
        U, V = first[: d * n].reshape(d, n), second[d * n :].reshape(n, k)
        return X @ U @ V / np.sqrt(d * n)

    residual, expected = outputs(theta, theta) - y, np.empty_like(change)
    for i, e in enumerate(vectors.T):
        s = np.array(SCALES)[:, None, None] * (step[0] @ e)
        a, b = outputs(e, theta) + outputs(theta, e), outputs(e, e)
        moved = -s * a + s**2 * b
        expected[i] = np.sum(moved * (2 * residual + moved), axis=(1, 2)) / np.sum(residual**2)
    return _worst(change, expected)


def _quadratic(bench: Bench) -> tuple[Array, Array, Array, np.random.Generator]:
    """Draw ``H = modes diag(values) modes^T`` with well separated values, largest first."""
    rng = bench.rng("sharpest quadratic")
    values = np.linspace(4.0, 0.1, 24)
    modes = np.linalg.qr(rng.normal(size=(24, 24)))[0]
    return modes, values, (modes * values) @ modes.T, rng


def _worst(found: Array, expected: Array) -> Measured:
    """Return the largest error of any direction, over its largest change at any alpha."""
    gaps = np.abs(found - expected).max(axis=1) / np.abs(expected).max(axis=1)
    return Measured(float(gaps.max()), 0.0, len(gaps))


def exact_claims() -> Iterator[Claim]:
    """Yield the claims on the closed forms that hold to rounding."""
    theorem = Claims(INSTRUMENTS, f"{GROUP}.exact", kind="theorem", cost=0.1)
    for name, text, measure in (
        (
            "quadratic",
            "quadratic loss: a step along e_i, times alpha, changes the loss by "
            "h c^2 ((1 - alpha eta h)^2 - 1) / 2, with h the eigenvalue and c the distance",
            quadratic_error,
        ),
        (
            "linear-network",
            "two-layer linear network: along e_i the loss is the quartic in alpha of the weights "
            "written out",
            linear_net_error,
        ),
        (
            "nudge",
            "quadratic loss: a nudged step is SGD's with the first dense modes multiplied by gamma",
            nudge_error,
        ),
    ):
        yield theorem(name, f"{text} (relative error)", equals(measure, 0.0, within=1e-10))
