"""Files of samples."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import numpy as np

from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_samples


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
