r"""Build a Krylov basis of a symmetric operator, one product at a time.

With the basis in the rows of V, the products with a symmetric operator A are ::

    A V^T = V^T T + R^T S

where T is A in this basis, and the rows of R, orthonormal among each other and to V, are the
*pending* directions: found in products, not yet multiplied. For an eigenpair ``(value, z)`` of T
the vector ``V^T z`` has the residual ``R^T S z``, whose norm ``|S z|`` takes no further product.
Multiplying any one pending direction extends the identity; replacing V by some of its Ritz vectors
keeps R. From one start vector this is the Lanczos method with full reorthogonalisation; from
several, a block method that multiplies one vector at a time, the one that is needed most; with the
replacement, a thick restart [Wu2000].

Products, T and S are held in units of a power of two, ``2 ** exponent``, that no entry of a product
exceeds. So operators of any scale behave alike: no square overflows, and none vanishes.
"""

from __future__ import annotations

import math

import numpy as np

from catapult_sim.numeric.curvature.operators import Product
from catapult_sim.numeric.scale import scaled, shifted
from catapult_sim.types import Array
from catapult_sim.validation import InputError

# A remainder below this multiple of epsilon is rounding error, not a direction.
NOISE = 100.0
# Relative asymmetry that is refused; single precision and finite differences stay far below.
ASYMMETRY = 1e-2
# The exponent of a power of two below every positive number.
LOWEST = -1075
# Columns replaced at a time, so that a restart needs no second copy of the basis.
COLUMNS = 2**14


class Krylov:
    """The identity ``A V^T = V^T T + R^T S``, extended one product at a time.

    Parameters
    ----------
    product : callable
        ``(P,) -> (P,)``, a new array every time.
    start : numpy.ndarray, shape (b, P)
        Orthonormal rows: the first pending directions, at least one.
    limit : int
        The largest number of rows of V.

    Examples
    --------
    >>> space = Krylov(lambda v: np.array([3.0, 1.0]) * v, np.array([[0.6, 0.8]]), limit=2)
    >>> space.expand(), space.expand()
    (True, True)
    >>> space.unscaled(space.ritz()[0]).round(12), len(space.pending)
    (array([1., 3.]), 0)
    """

    def __init__(self, product: Product, start: Array, limit: int) -> None:
        self.product = product
        self.vectors = np.empty((limit, start.shape[1]), start.dtype)  # V, ``count`` of them
        self.image = np.zeros((0, 0))  # T
        self.pending = start.copy()  # R
        self.remainder = np.zeros((len(start), 0))  # S
        self.probe = np.zeros(0)  # coordinates of the last start vector, as far as restarts kept it
        self.products = 0
        self.exponent = LOWEST  # of the unit
        self._last = len(start) - 1
        self._largest = 0.0  # |A v| of any v met: a lower bound of the norm of A

    @property
    def count(self) -> int:
        """The number of basis vectors."""
        return len(self.image)

    def ritz(self) -> tuple[Array, Array]:
        """Return the eigenvalues of T, smallest first, and its eigenvectors in columns."""
        values, modes = np.linalg.eigh(self.image)
        return values, modes

    def unscaled(self, numbers: Array) -> Array:
        """Return numbers that have the unit of T, such as its eigenvalues, in that of A."""
        return np.ldexp(numbers, self.exponent)

    @property
    def lost(self) -> float:
        """What a product may lose as its numbers are rounded next to zero, in the unit of T."""
        if not self._largest:
            return 0.0
        smallest = float(np.finfo(self.vectors.dtype).smallest_subnormal)
        return math.ldexp(smallest, -self.exponent) * math.sqrt(self.vectors.shape[1])

    def expand(self, direction: Array | None = None) -> bool:
        """Multiply the pending direction ``direction @ R``, by default the first.

        Returns
        -------
        bool
            False where the product is not finite: the identity is then left as it was.

        Raises
        ------
        InputError
            Where the operator turns out not to be symmetric.
        """
        if direction is not None:
            self._turn(direction)
        vector, others = self.pending[0], self.pending[1:]
        rest = self.product(vector)
        self.products += 1
        largest = np.abs(rest).max(initial=0)
        if not np.isfinite(largest):
            return False
        rest = self._scaled(rest, largest)
        norm = float(np.linalg.norm(rest))
        self._largest = max(self._largest, norm)
        self.vectors[self.count] = vector
        known = self._subtract_known(rest)
        inside, outside = split(rest, self.vectors[: self.count + 1], others)
        self._require_symmetry(inside[:-1])
        inside += known
        self._record(inside, outside)
        self._append_pending(rest, norm)
        return True

    def compress(self, modes: Array) -> None:
        """Replace V by ``modes^T V``, where the columns of modes are eigenvectors of T."""
        kept, before = modes.shape[1], self.count
        turn = modes.T.astype(self.vectors.dtype)
        for first in range(0, self.vectors.shape[1], COLUMNS):
            columns = self.vectors[:, first : first + COLUMNS]
            columns[:kept] = turn @ columns[:before]
        self.image = np.diag(np.einsum("ji,jk,ki->i", modes, self.image, modes))
        self.remainder = self.remainder @ modes
        self.probe = self.probe @ modes

    def combine(self, modes: Array) -> Array:
        """Return ``modes^T V``, the vectors ``(k, P)`` with coordinates in columns."""
        return modes.T.astype(self.vectors.dtype) @ self.vectors[: self.count]

    def unseen(self, modes: Array, distances: Array) -> Array:
        """Return coordinates in R that bound the probe's overlap with eigenvectors not found.

        Here p is the part of the probe in the given eigenvectors of T, the columns of modes. An
        eigenvector e of A at these distances from their eigenvalues has ``p . e = unseen . R e``,
        so that its overlap with p is at most ``|unseen|``.
        """
        return self.remainder @ (modes @ (self.probe @ modes / distances))

    def _scaled(self, rest: Array, largest: float) -> Array:
        """Return a product in the common unit, which grows where its largest entry exceeds it."""
        shift = self.exponent - math.frexp(largest)[1]
        if shift < 0 < largest:
            self.image = np.ldexp(self.image, shift)
            self.remainder = np.ldexp(self.remainder, shift)
            self._largest = math.ldexp(self._largest, shift)
            self.exponent -= shift
        return shifted(rest, np.array(-self.exponent))

    def _turn(self, direction: Array) -> None:
        """Rotate R so that its first row is ``direction @ R``, up to its sign and norm."""
        if len(direction) == 1:
            return
        turn = np.linalg.qr(direction[:, None], mode="complete")[0].T
        self.pending = turn.astype(self.pending.dtype) @ self.pending
        self.remainder = turn @ self.remainder

    def _subtract_known(self, rest: Array) -> Array:
        """Subtract from ``A r`` its components along V, known from S, and along r; return them.

        The rest is nearly orthogonal to V, so that one pass of orthogonalisation suffices.
        """
        vector = self.vectors[self.count]
        known = np.append(self.remainder[0], float(vector @ rest))
        first = int(np.argmax(known != 0))  # from one start, all but the last two are zero
        rest -= known[first:].astype(rest.dtype) @ self.vectors[first : self.count + 1]
        return known

    def _require_symmetry(self, differences: Array) -> None:
        """Raise InputError where ``V A r`` and ``r A V`` differ by more than rounding."""
        difference = np.abs(differences).max(initial=0.0)
        lost = math.ldexp(float(np.finfo(self.vectors.dtype).tiny), -self.exponent)
        if difference > max(ASYMMETRY * self._largest, lost):
            apart, size = self.unscaled(np.array([difference, self._largest]))
            raise InputError(
                "operator must be symmetric; got unit vectors with u . A v and v . A u "
                f"{apart:.2g} apart, where |A v| is up to {size:.2g}"
            )

    def _record(self, inside: Array, outside: Array) -> None:
        """Append a row and a column to T and a column to S; drop the first row of S."""
        n = self.count
        image = np.empty((n + 1, n + 1))
        image[:n, :n], image[n], image[:, n] = self.image, inside, inside
        self.image = image
        self.remainder = np.column_stack([self.remainder[1:], outside])
        self.probe = np.append(self.probe, float(n == self._last))

    def _append_pending(self, rest: Array, norm: float) -> None:
        """Drop the first row of R and append the rest, unless it is rounding error.

        That it is, whatever its size, where V and R span the whole space.
        """
        left = float(np.linalg.norm(rest))
        self.pending = self.pending[1:]
        spanned = self.count + len(self.pending) >= len(rest)
        if not spanned and left > NOISE * np.finfo(rest.dtype).eps * norm:
            self.pending = np.vstack([self.pending, rest / left])
            self.remainder = np.vstack([self.remainder, np.append(np.zeros(self.count - 1), left)])


def split(vector: Array, *frames: Array) -> list[Array]:
    """Subtract from a vector, in place, its projections onto orthonormal frames.

    Parameters
    ----------
    vector : numpy.ndarray, shape (P,)
        Becomes orthogonal to all frames up to rounding; a pass that removes most of the vector
        is followed by another.
    *frames : numpy.ndarray, shape (j, P)
        Orthonormal rows, also from frame to frame.

    Returns
    -------
    list of numpy.ndarray, shape (j,)
        The coordinates of the projections, in double precision.

    Examples
    --------
    >>> vector = np.array([3.0, 4.0])
    >>> split(vector, np.array([[1.0, 0.0]])), vector
    ([array([3.])], array([0., 4.]))
    """
    held = [np.zeros(len(frame)) for frame in frames]
    for _ in range(3):
        before = np.linalg.norm(vector)
        for frame, coordinates in zip(frames, held, strict=True):
            share = frame @ vector
            vector -= share @ frame
            coordinates += share
        if np.linalg.norm(vector) > 0.7 * before:
            break
    return held


def orthonormal_rows(rows: Array, rng: np.random.Generator) -> Array:
    """Orthonormalise rows ``(b, P)``, b <= P, from the first to the last.

    A row that is zero, not finite, or a combination of those before it is replaced by
    a random one.
    """
    done = np.empty_like(rows)
    for i, row in enumerate(rows):
        candidate = row.copy()
        while not _normalise(candidate, done[:i]):
            candidate = rng.normal(size=row.size).astype(row.dtype)
        done[i] = candidate
    return done


def _normalise(vector: Array, frame: Array) -> bool:
    """Orthonormalise a vector against a frame, in place; return whether more than noise is left."""
    if not (np.isfinite(vector).all() and vector.any()):
        return False
    vector[:] = scaled(vector)[0]
    vector /= np.linalg.norm(vector)
    split(vector, frame)
    left = np.linalg.norm(vector)
    vector /= left or 1.0
    return bool(left > NOISE * np.finfo(vector.dtype).eps)
