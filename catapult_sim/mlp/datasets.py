"""Real data: handwritten digits, or the user's own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.ensemble import Rng
from catapult_sim.numeric.requirements import InputError, require_count, require_samples

__all__ = ["digits", "load", "standardise", "subset"]

Array = npt.NDArray[Any]


def digits(labels: str = "parity") -> tuple[Array, Array]:
    """Return the 1797 handwritten digits of 8 x 8 pixels that scikit-learn ships.

    Parameters
    ----------
    labels : {"parity", "ten"}
        ``"parity"``: -1 for even and +1 for odd digits, ``(m,)``; ``"ten"``: one-hot,
        ``(m, 10)``.

    Returns
    -------
    X : numpy.ndarray, shape (1797, 64)
        Standardised, see :func:`standardise`.
    y : numpy.ndarray

    Raises
    ------
    InputError
        Where scikit-learn is not installed, or ``labels`` is not known.

    Examples
    --------
    >>> X, y = digits("ten")
    >>> X.shape, y.shape, y.sum()
    ((1797, 64), (1797, 10), np.float64(1797.0))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise InputError(
            "the handwritten digits need scikit-learn: pip install 'catapult_sim[digits]'"
        ) from None
    pixels, digit = load_digits(return_X_y=True)
    encodings = {"parity": 2.0 * (digit % 2) - 1.0, "ten": np.eye(10)[digit]}
    if labels not in encodings:
        raise InputError(f"labels must be one of {', '.join(encodings)}; got {labels!r}")
    return standardise(pixels), encodings[labels]


def standardise(X: npt.ArrayLike) -> Array:
    """Shift and scale every input to mean 0 and variance 1; constant inputs become 0."""
    inputs = np.asarray(X, dtype=float)
    deviation = inputs.std(axis=0)
    return (inputs - inputs.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def subset(X: Array, y: Array, samples: int, *, rng: Rng = None) -> tuple[Array, Array]:
    """Draw ``samples`` rows without replacement."""
    require_count("samples", samples, 1)
    if samples > len(X):
        raise InputError(f"samples must be at most {len(X)}, the size of the data; got {samples}")
    chosen = np.random.default_rng(rng).choice(len(X), samples, replace=False)
    return X[chosen], y[chosen]


def load(path: str | Path) -> tuple[Array, Array]:
    """Read samples from a file.

    Parameters
    ----------
    path : path
        ``.npz`` with arrays ``X (m, d)`` and ``y (m,)`` or ``(m, k)``, read without pickle;
        or ``.csv``, numbers only, one sample a line, its label last.

    Returns
    -------
    X, y : numpy.ndarray
        As stored; y as ``(m, k)``.

    Raises
    ------
    InputError
        Where the file cannot be read, or does not hold what is described above.
    """
    path = Path(path)
    readers = {".npz": _read_npz, ".csv": _read_csv}
    if path.suffix not in readers:
        raise InputError(f"data must be a file .npz or .csv; got {path.name}")
    try:
        return require_samples(*readers[path.suffix](path))
    except InputError as refusal:
        raise InputError(f"{path}: {refusal}") from None
    except KeyError:
        raise InputError(f"{path} must hold the arrays X and y") from None
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} must be a readable file of numbers: {error}") from None


def _read_npz(path: Path) -> tuple[Array, Array]:
    with np.load(path, allow_pickle=False) as stored:
        return stored["X"], stored["y"]


def _read_csv(path: Path) -> tuple[Array, Array]:
    table = np.loadtxt(path, delimiter=",", ndmin=2)
    return table[:, :-1], table[:, -1]
