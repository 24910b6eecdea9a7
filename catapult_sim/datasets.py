"""Datasets: handwritten digits, or the user's own file."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import numpy as np
import numpy.typing as npt

from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Rng
from catapult_sim.validation import (
    InputError,
    not_installed,
    require_count,
    require_inputs,
    require_samples,
)

__all__ = ["digits", "load", "standardise", "subset"]


def __dir__() -> list[str]:
    return __all__


def digits(labels: str = "parity", *, standardised: bool = True) -> tuple[Array, Array]:
    """Return the 1797 handwritten digits of 8 x 8 pixels that scikit-learn ships.

    Parameters
    ----------
    labels : {"parity", "ten"}
        ``"parity"``: -1 for even and +1 for odd digits, ``(m,)``; ``"ten"``: one-hot,
        ``(m, 10)``.
    standardised : bool
        Pixels as :func:`standardise` leaves them; otherwise as grey levels from 0 to 1.

    Returns
    -------
    X : numpy.ndarray, shape (1797, 64)
    y : numpy.ndarray

    Raises
    ------
    InputError
        Where scikit-learn is not installed, or ``labels`` is not known.

    Examples
    --------
    >>> X, y = digits("ten")
    >>> X.shape, y.shape
    ((1797, 64), (1797, 10))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise InputError(not_installed("the set of handwritten digits", "scikit-learn")) from None
    pixels, digit = load_digits(return_X_y=True)
    encodings = {"parity": 2.0 * (digit % 2) - 1.0, "ten": np.eye(10)[digit]}
    if labels not in encodings:
        raise InputError(f"labels must be one of {', '.join(encodings)}; got {labels!r}")
    return standardise(pixels) if standardised else pixels / 16, encodings[labels]


def standardise(X: npt.ArrayLike) -> Array:
    """Shift and scale every input to mean 0 and variance 1; constant inputs become 0.

    Raises
    ------
    InputError
        Where ``X`` is not ``(m, d)``, finite, or so large that its variance is not.

    Examples
    --------
    >>> standardise([[1, 5], [3, 5]])
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    inputs = require_inputs(X)
    with np.errstate(over="ignore"):
        deviation = inputs.std(axis=0)
    if not np.isfinite(deviation).all():
        raise InputError(
            f"X must have a finite variance; got numbers up to {np.abs(inputs).max():.3g}"
        )
    return (inputs - inputs.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def subset(
    X: npt.ArrayLike, y: npt.ArrayLike, samples: int, *, rng: Rng = None
) -> tuple[Array, Array]:
    """Draw ``samples`` rows without replacement, each with its label.

    Raises
    ------
    InputError
        Where ``X`` and ``y`` differ in length, or have fewer rows than ``samples``.

    Examples
    --------
    >>> X, y = subset(*digits(), 64, rng=0)
    >>> X.shape, y.shape
    ((64, 64), (64,))
    """
    inputs, labels = np.asarray(X), np.asarray(y)
    if not inputs.ndim or inputs.shape[:1] != labels.shape[:1]:
        raise InputError(
            f"X and y must have one row for each sample; got shapes {inputs.shape} and "
            f"{labels.shape}"
        )
    require_count("samples", samples, 1)
    if samples > len(inputs):
        raise InputError(
            f"samples must be at most {len(inputs)}, the size of the data; got {samples}"
        )
    chosen = require_rng(rng).choice(len(inputs), samples, replace=False)
    return inputs[chosen], labels[chosen]


def load(path: str | Path) -> tuple[Array, Array]:
    """Read samples from a file.

    Parameters
    ----------
    path : path
        ``.npz`` with arrays ``X (m, d)`` and ``y (m,)`` or ``(m, k)``, read without pickle;
        or ``.csv``, numbers only and no header, commas between them, one sample a line, its
        label last.

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
    kind = path.suffix.lower()
    if kind not in readers:
        raise InputError(f"data must be a file .npz or .csv; got {path}")
    try:
        return require_samples(*readers[kind](path))
    except InputError as refusal:
        raise InputError(f"{path}: {refusal}") from None
    except KeyError:
        raise InputError(f"{path} must hold the arrays X and y") from None
    except OSError as error:
        raise InputError(f"{path} must be a readable file of numbers: {error.strerror}") from None
    except (ValueError, EOFError, BadZipFile) as error:
        raise InputError(f"{path} must be a readable file of numbers: {error}") from None


def _read_npz(path: Path) -> tuple[Array, Array]:
    with path.open("rb") as file:
        if not is_zipfile(file):
            raise BadZipFile("it is not what numpy.savez writes")
        file.seek(0)
        with np.load(file, allow_pickle=False) as stored:
            return stored["X"], stored["y"]


def _read_csv(path: Path) -> tuple[Array, Array]:
    lines = path.read_text().splitlines()
    if not any(line.partition("#")[0].strip() for line in lines):
        raise ValueError("it has no lines")
    try:
        table = np.loadtxt(lines, delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(f"{error} (no header, commas between numbers)") from None
    return table[:, :-1], table[:, -1]
