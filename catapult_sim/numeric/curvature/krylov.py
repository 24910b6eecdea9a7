r"""A growing orthonormal basis, and all that is known of an operator from its products with it.

With the basis in the rows of V, what a symmetric operator A does to it is written as ::

    A V^T = V^T T + R^T S

where T is the image of A in the basis, and the rows of R, orthonormal among each other and to
V, are the directions that are *pending*: met in products, not yet multiplied. For an eigenpair
``(value, z)`` of T the vector ``V^T z`` has the residual ``R^T S z``, of norm ``|S z|``: it
is known without another product. Multiplying any one pending direction extends the identity;
exchanging V for some of its eigenvectors keeps R. From one start vector this is the Lanczos
method with full reorthogonalisation; from several, a block method that multiplies
one vector at a time, the one that is needed most; with the exchange, a thick restart [1]_.

References
----------
.. [1] K. Wu and H. Simon, *Thick-restart Lanczos method for large symmetric eigenvalue
   problems*, SIAM J. Matrix Anal. Appl. 22, 602 (2000).
"""

from __future__ import annotations

import numpy as np

from catapult_sim.numeric.curvature.operators import Product
from catapult_sim.types import Array
from catapult_sim.validation import InputError

# What is left of a vector is rounding, and no direction, below this multiple of epsilon.
NOISE = 100.0
# Symmetric operators in single precision, or by finite differences, stay far below this.
ASYMMETRY = 1e-2
# Columns exchanged at a time: a restart needs no second basis.
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
    >>> space.ritz()[0].round(12), len(space.pending)
    (array([1., 3.]), 0)
    """

    def __init__(self, product: Product, start: Array, limit: int) -> None:
        self.product = product
        self.vectors = np.empty((limit, start.shape[1]), start.dtype)  # V, ``count`` of them
        self.image = np.zeros((0, 0))  # T
        self.pending = start.copy()  # R
        self.remainder = np.zeros((len(start), 0))  # S
        self.probe = np.zeros(0)  # in V, of the last start vector, or of what a restart kept of it
        self.products = 0
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
        norm = float(np.linalg.norm(rest))
        if not np.isfinite(norm):
            return False
        self._largest = max(self._largest, norm)
        self.vectors[self.count] = vector
        foreseen = self._take_foreseen(rest)
        inside, outside = split(rest, self.vectors[: self.count + 1], others)
        self._require_symmetry(inside[:-1])
        inside += foreseen
        self._record(inside, outside)
        self._await(rest, norm)
        return True

    def compress(self, modes: Array) -> None:
        """Exchange V for ``modes^T V``, where the columns of modes are eigenvectors of T."""
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
        """Return what of R is left of the probe by a resolvent, ``(len(R),)``.

        Let p be what eigenvectors of T, the columns of modes, hold of the probe. An eigenvector
        e of A that lies at these distances from their eigenvalues has ``p . e = unseen . R e``,
        so that p meets it by at most ``|unseen|``.
        """
        return self.remainder @ (modes @ (self.probe @ modes / distances))

    def _turn(self, direction: Array) -> None:
        """Rotate R so that its first row is ``direction @ R``, up to its sign and norm."""
        turn = np.linalg.qr(direction[:, None], mode="complete")[0].T
        self.pending = turn.astype(self.pending.dtype) @ self.pending
        self.remainder = turn @ self.remainder

    def _take_foreseen(self, rest: Array) -> Array:
        """Take from ``A r`` its share of r, and ``r A V``, known since V was multiplied.

        What is left is nearly orthogonal to V, so that one pass over all of V makes it so.
        """
        vector = self.vectors[self.count]
        foreseen = np.append(self.remainder[0], float(vector @ rest))
        first = int(np.argmax(foreseen != 0))  # from one start, all but the last two are zero
        rest -= foreseen[first:].astype(rest.dtype) @ self.vectors[first : self.count + 1]
        return foreseen

    def _require_symmetry(self, differences: Array) -> None:
        """Compare ``V A r`` with ``r A V``: what is found of V where that was taken."""
        difference = np.abs(differences).max(initial=0.0)
        if difference > ASYMMETRY * self._largest:
            raise InputError(
                "operator must be symmetric; got unit vectors with u . A v and v . A u "
                f"{difference:.2g} apart, where |A v| is up to {self._largest:.2g}"
            )

    def _record(self, inside: Array, outside: Array) -> None:
        """Add a row and a column to T, and exchange the first row of S for a last column."""
        n = self.count
        image = np.empty((n + 1, n + 1))
        image[:n, :n], image[n], image[:, n] = self.image, inside, inside
        self.image = image
        self.remainder = np.column_stack([self.remainder[1:], outside])
        self.probe = np.append(self.probe, float(n == self._last))

    def _await(self, rest: Array, norm: float) -> None:
        """Exchange the first row of R for a last one, unless the rest is rounding alone."""
        left = float(np.linalg.norm(rest))
        self.pending = self.pending[1:]
        if left > NOISE * np.finfo(rest.dtype).eps * norm:
            self.pending = np.vstack([self.pending, rest / left])
            self.remainder = np.vstack([self.remainder, np.append(np.zeros(self.count - 1), left)])


def split(vector: Array, *frames: Array) -> list[Array]:
    """Take from a vector, in place, what orthonormal frames hold of it.

    Parameters
    ----------
    vector : numpy.ndarray, shape (P,)
        Becomes orthogonal to all frames, to rounding: where a pass takes most of the
        vector away, another follows.
    *frames : numpy.ndarray, shape (j, P)
        Orthonormal rows, also from frame to frame.

    Returns
    -------
    list of numpy.ndarray, shape (j,)
        The coordinates that were taken away, in double precision.

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
    """Make a vector orthonormal to a frame, in place, and tell whether anything was left."""
    size = np.linalg.norm(vector)
    if not (np.isfinite(size) and size > 0):
        return False
    vector /= size
    split(vector, frame)
    left = np.linalg.norm(vector)
    vector /= left or 1.0
    return bool(left > NOISE * np.finfo(vector.dtype).eps)
