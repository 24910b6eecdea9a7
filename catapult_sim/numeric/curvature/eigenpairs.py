r"""Eigenpairs of symmetric operators, such as Hessians, from products with vectors alone.

The Hessian of a network with P parameters has ``P^2`` entries; its top eigenpairs take a few dozen
products ``v -> H v``. An operator is an array, a SciPy ``LinearOperator``, or a function, such as
the Hessian product of a model in PyTorch or JAX.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import require_memory
from catapult_sim.numeric.curvature.krylov import Krylov, orthonormal_rows
from catapult_sim.numeric.curvature.operators import Operator, require_floats, require_operator
from catapult_sim.numeric.runs.blas_threads import one_thread_where
from catapult_sim.printing import short_repr
from catapult_sim.progress import showing, telling
from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Progress, Rng
from catapult_sim.validation import InputError, require_count, require_number, require_one_of

# Rows of a matrix up to which all eigenvalues cost less than products for the largest.
DENSE = 512
SMALL = 1024  # up to which one thread multiplies a matrix by a vector as fast as two


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenpairs of a symmetric operator, the largest (or smallest) first; NaN if not finite."""

    values: Array  # (k,)
    vectors: Array  # (P, k), orthonormal columns
    residuals: Array  # (k,), |A v - value v|: an eigenvalue lies within this of each value
    converged: npt.NDArray[np.bool_]  # (k,), residual within the tolerance, probably none missed
    products: int  # of the operator with a vector

    __repr__ = short_repr


@np.errstate(over="ignore", invalid="ignore")
def top_eigenpairs(
    operator: Operator,
    k: int = 1,
    *,
    size: int | None = None,
    which: Literal["largest", "smallest"] = "largest",
    start: npt.ArrayLike | None = None,
    tolerance: float = 1e-6,
    miss_probability: float = 0.01,
    bound: float | None = None,
    max_products: int = 1000,
    basis: int | None = None,
    rng: Rng = None,
    progress: Progress | bool | None = None,
) -> Eigenpairs:
    r"""Find the algebraically largest, or smallest, eigenpairs of a symmetric operator.

    A block Lanczos method with full reorthogonalisation, thick restarts and one product at
    a time, always along the residual of the first pair that has not converged (see
    :mod:`catapult_sim.numeric.curvature.krylov`).

    Parameters
    ----------
    operator : array_like, LinearOperator, sparse array or callable
        Symmetric, of shape (P, P); a callable takes ``v (P,)`` and returns ``A v (P,)``.
    k : int
        How many pairs, at most P.
    size : int, optional
        P, where it follows neither from the operator nor from ``start``.
    which : {"largest", "smallest"}
        In the order of the real line, never by magnitude.
    start : array_like, shape (P,) or (P, r), optional
        Initial vectors, such as those of the step before. A random vector is added; others replace
        vectors that are missing, zero, not finite or linearly dependent. A start in single
        precision keeps all vectors in single precision, as a single-precision operator does.
    tolerance : float
        A pair has converged when its residual is at most this fraction of the largest
        magnitude among the eigenvalues seen; values then are accurate to this
        fraction at least, and to its square over the relative gap. Not less than ten times
        the rounding error.
    miss_probability : float
        In (0, 1]: the largest accepted probability of missing a wanted eigenpair, see the notes.
        0.5 suffices along a trajectory, where the next step looks again.
    bound : float, optional
        Stop as soon as it is known whether the largest (smallest) eigenvalue lies beyond this: a
        value beyond it proves that it does; where the first value is not, it does so with
        ``miss_probability`` at most. The further away it lies, the fewer products that takes; the
        pairs themselves need not have converged.
    max_products : int
        Largest number of products, converged or not; at least that of all start vectors.
    basis : int, optional
        Largest number of basis vectors before a restart, by default ``max(r, k) + max(k, 30)``.
        Memory holds these, the r or k pending vectors and the result.
    rng : numpy.random.Generator, int or None
        Draws the random vectors; the same seed repeats the result bit for bit.
    progress : callable, bool or None
        A function that is called with the number of products just taken. By default a count appears
        after two seconds on a terminal or in a notebook; False: never.

    Returns
    -------
    Eigenpairs
        Largest (smallest) value first. All NaN, none converged, where a product was not finite.

    Raises
    ------
    InputError
        Where k exceeds P, an argument has the wrong form, or products contradict symmetry, which
        is checked only on the vectors that were multiplied.

    Notes
    -----
    With certainty the vectors are orthonormal, every value is the Rayleigh quotient of its vector,
    the i-th value is not above the i-th largest eigenvalue, and an eigenvalue lies within its
    residual of it. That no larger one was missed is only probable: it rests on the last start
    vector r, a random one, whose overlap with an eigenvector e beyond the k pairs is at most

    ``|r . e| <= |R^T S (x - T)^(-1) r|``, with x one tolerance beyond the k-th value,

    where T, S are as in :mod:`catapult_sim.numeric.curvature.krylov` without the k pairs: from one
    start, the bound of [Dorsselaer2000]. Products continue until a random r has so small an overlap
    with probability ``miss_probability`` at most, which bounds the probability of missing e. It is
    smaller in practice, the more so at a small tolerance, and is derived for exact arithmetic, no
    restarts, and pairs that do not depend on r. It holds for each call: a pair missed at one step
    of training is searched for again at the next. Eigenvalues of multiplicity up to k are found,
    since k random vectors span k directions of every eigenspace.

    From k good start vectors the random one takes about 8 to 12 products for the Hessian of a
    network, whatever k, and half of that where ``miss_probability`` is 0.5; more where the
    eigenvalues beyond the k-th are close to it.

    Examples
    --------
    A Hessian that exists only as a product, ``H v = D v + u (u . v)``:

    >>> D, u = np.linspace(-10.0, 1.0, 1000), np.full(1000, 0.1)
    >>> pairs = top_eigenpairs(lambda v: D * v + u * (u @ v), k=2, size=1000, rng=0)
    >>> dense = np.linalg.eigvalsh(np.diag(D) + np.outer(u, u))[::-1]
    >>> bool(np.abs(pairs.values - dense[:2]).max() < 1e-9), pairs.converged
    (True, array([ True,  True]))

    Started from the second eigenvector, it finds the first:

    >>> start = pairs.vectors[:, 1]
    >>> again = top_eigenpairs(lambda v: D * v + u * (u @ v), start=start, rng=0)
    >>> bool(abs(again.values[0] - dense[0]) < 1e-9)
    True
    """
    given = None if start is None else _require_start(start)
    product, length, dtype = require_operator(
        operator,
        size if given is None or hasattr(operator, "shape") else len(given),
        None if given is None else given.dtype,
    )
    k = require_count("k", k, 1)
    if k > length:
        raise InputError(f"k must be at most {length}, the size of the operator; got {k}")
    require_one_of("which", which, ("largest", "smallest"))
    generator = require_rng(rng)
    rows = min(k if given is None else max(k, given.shape[1] + 1), length)
    limit = min(_limit(basis, rows, k), length)
    # The basis, the start vectors three times, the eigenvectors, and what a product takes.
    vectors = limit + 3 * rows + k + 4
    require_memory(vectors * length * dtype.itemsize, None, f"{k} eigenpairs", "pairs")
    block = _start_block(given, k, length, dtype, generator)
    budget = require_count("max_products", max_products, len(block))
    floor = 10 * float(np.finfo(dtype).eps)
    accuracy = max(require_number("tolerance", tolerance, above=0.0), floor)
    chance = require_number("miss_probability", miss_probability, above=0.0)
    if chance > 1:
        raise InputError(f"miss_probability must be above 0 and at most 1; got {chance:g}")
    # A random unit vector overlaps less than this with a given one with that probability.
    hidden = chance * math.sqrt(math.pi / (2 * length))
    level = math.nan if bound is None else require_number("bound", bound)
    sign = 1 if which == "largest" else -1
    with showing(progress, "products") as tell, one_thread_where(length <= SMALL):
        space = Krylov(telling(product, tell), block, limit)
        return _solve(space, k, sign, accuracy, hidden, budget, level)


def _solve(
    space: Krylov,
    k: int,
    sign: int,
    accuracy: float,
    hidden: float,
    budget: int,
    bound: float,
) -> Eigenpairs:
    """Expand until k pairs have converged and none is likely missed, or products run out.

    Or until the side of the bound is known on which the first eigenvalue lies.
    """
    limit, length = space.vectors.shape
    finite = all(space.expand() for _ in space.pending)
    while finite:
        values, modes = space.ritz()
        scale, values, modes = np.abs(values).max() or 1.0, values[::-sign], modes[:, ::-sign]
        residuals = np.linalg.norm(space.remainder @ modes[:, :k], axis=0)
        within = max(accuracy * scale, space.lost)  # no closer can products tell
        converged = residuals <= within
        distances = np.abs(values[k:] - values[k - 1]) + within
        unseen = space.unseen(modes[:, k:], distances)
        sure = np.linalg.norm(unseen) <= hidden
        done = space.products >= budget or space.count == length or not len(space.pending)
        ahead = sign * (np.ldexp(bound, -space.exponent) - values)  # NaN without a bound
        behind = ahead[0] > 0
        aim = space.unseen(modes, ahead) if behind else unseen
        known = ahead[0] < 0 or (behind and np.linalg.norm(aim) <= hidden)
        if (converged.all() and sure) or known or done:
            residuals = np.maximum(residuals, space.lost)
            certain = (residuals <= accuracy * scale) & sure
            vectors = space.combine(modes[:, :k]).T
            found, errors = map(space.unscaled, (values[:k], residuals))
            return Eigenpairs(found, vectors, errors, certain, space.products)
        if space.count == limit:
            space.compress(modes[:, : k + (limit - k) // 2])
        elif converged.all() or behind:
            finite = space.expand(aim)
        else:
            finite = space.expand(space.remainder @ modes[:, np.argmin(converged)])
    nan = np.full(k, np.nan)
    vectors = np.full((length, k), np.nan, space.vectors.dtype)
    return Eigenpairs(nan, vectors, nan.copy(), np.zeros(k, dtype=bool), space.products)


def _require_start(start: npt.ArrayLike) -> Array:
    vectors = require_floats("start", start)
    if vectors.ndim not in (1, 2) or vectors.size == 0:
        raise InputError(f"start must have shape (P,) or (P, r); got shape {vectors.shape}")
    return vectors.reshape(len(vectors), -1)


def _start_block(
    given: Array | None, k: int, length: int, dtype: np.dtype[Any], rng: np.random.Generator
) -> Array:
    """Return orthonormal rows, at least k: those given first, then random ones, at least one."""
    rows = np.zeros((k, length), dtype)
    if given is not None:
        if len(given) != length:
            raise InputError(f"start must have {length} rows, as the operator; got {len(given)}")
        lacking = max(1, k - given.shape[1])
        rows = np.concatenate([given.T, np.zeros((lacking, length), dtype)])
    return orthonormal_rows(rows[:length], rng)


def _limit(basis: int | None, block: int, k: int) -> int:
    if basis is None:
        return block + max(k, 30)
    return require_count("basis", basis, max(block, k + 2))


def largest_eigenvalue(matrix: npt.NDArray[Any]) -> Array:
    """Return the algebraically largest eigenvalue of symmetric matrices.

    Of large ones by :func:`top_eigenpairs`, to 8 digits at least, where it converges early enough
    to be faster than all eigenvalues.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (..., p, p)

    Returns
    -------
    numpy.ndarray, shape (...)
        NaN where a matrix is not finite.

    Examples
    --------
    >>> largest_eigenvalue(np.array([np.diag([-10.0, 1.0]), np.full((2, 2), np.inf)]))
    array([ 1., nan])
    """
    finite = np.isfinite(matrix).all(axis=(-2, -1))
    usable = np.where(finite[..., None, None], matrix, 0.0)
    if matrix.shape[-1] > DENSE:
        each = [_largest_of_one(one) for one in usable.reshape(-1, *matrix.shape[-2:])]
        return np.where(finite, np.reshape(each, finite.shape), np.nan)
    return np.where(finite, np.linalg.eigvalsh(usable)[..., -1], np.nan)


def _largest_of_one(matrix: Array) -> float:
    """Return the largest eigenvalue of a large matrix."""
    products = len(matrix) // 4  # more cost as much as all eigenvalues
    pairs = top_eigenpairs(
        matrix, tolerance=1e-8, miss_probability=1e-6, max_products=products, rng=0
    )
    found = pairs.values if pairs.converged.all() else np.linalg.eigvalsh(matrix)
    return float(found[-1])
