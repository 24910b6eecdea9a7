"""NPZ files, archives that numpy.savez writes: which of their arrays are inputs and labels."""

from __future__ import annotations

import io
import lzma
import struct
import tokenize
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from catapult_sim.datasets.dataset import Samples
from catapult_sim.datasets.idx_files import as_images
from catapult_sim.validation import InputError, brief_text

# Names of inputs and labels, in small letters, in the order in which they are looked for.
PAIRS = (
    ("x", "y"),
    ("x_train", "y_train"),
    ("train_x", "train_y"),
    ("train_images", "train_labels"),
    ("images", "labels"),
    ("inputs", "labels"),
    ("inputs", "targets"),
    ("features", "labels"),
    ("data", "labels"),
    ("data", "target"),
    ("data", "targets"),
    ("arr_0", "arr_1"),
)

Named = tuple[str, npt.NDArray[Any]]
# What NumPy raises where the header of an array is damaged, which it reads as a Python literal.
DAMAGED = (
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
    SyntaxError,
    tokenize.TokenError,
)
TORN = (EOFError, OSError, BadZipFile, zlib.error, lzma.LZMAError, struct.error, KeyError)


def is_zip(content: bytes) -> bool:
    """Return whether the content of a file begins as that of an archive does."""
    return content[:4] in (b"PK\3\4", b"PK\5\6")


def read_npz(source: str, content: bytes) -> Samples:
    """Return inputs and labels of an archive, or raise InputError."""
    (inputs, X), (name, y) = arrays_of(content)
    where = f"the array {name}"
    read = as_images(X, y, source, where) if X.ndim > 2 else Samples(X, y, source, where)
    with np.load(io.BytesIO(content)) as stored:
        others = [one for one in stored.files if one not in (inputs, name)]
    return replace(read, note=f"; not read: {_some(others)}" if others else "")


def arrays_of(content: bytes, pairs: Sequence[tuple[str, str]] = PAIRS) -> list[Named]:
    """Return the first pair of arrays that an archive holds, with their names.

    Nothing is unpickled.
    """
    if not is_zip(content):
        raise InputError("is not what numpy.savez writes")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return [(name, _array(stored, name)) for name in _pair(stored.files, pairs)]
    except NotImplementedError as error:
        raise InputError(f"must be packed as numpy.savez packs; {error}") from None
    except RuntimeError:
        raise InputError("is encrypted; save it without a password") from None
    except TORN as error:
        raise InputError(f"must be a whole archive of numpy.savez; {_why(error)}") from None


def _why(error: Exception) -> str:
    return brief_text(str(error) or type(error).__name__)


def _pair(held: Sequence[str], pairs: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the names of inputs and labels among those held, or raise InputError."""
    small = {name.lower(): name for name in held}
    for inputs, labels in pairs:
        if inputs in small and labels in small:
            _require_one_each(held, inputs, labels)
            return small[inputs], small[labels]
    if "[Content_Types].xml" in held:
        raise InputError("is a spreadsheet or document; save it as CSV")
    shown = _some(held)
    if held and all("." in name for name in held):
        raise InputError(f"holds files, {shown}, and no arrays: unpack it first")
    first, *others = (f"{'X' if one == 'x' else one} and {two}" for one, two in pairs)
    usual = "".join(f", or {names}" for names in others)
    raise InputError(f"must hold the arrays {first}{usual}; it holds {shown or 'nothing'}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + ", ..." * (len(names) > 8)


def _require_one_each(held: Sequence[str], *names: str) -> None:
    """Raise InputError where an archive holds several arrays of a name, whatever its letters."""
    for name in names:
        alike = [one for one in held if one.lower() == name]
        if len(alike) > 1:
            raise InputError(f"must hold one array called {name}; it holds {' and '.join(alike)}")


def _array(stored: Any, name: str) -> npt.NDArray[Any]:
    """Return an array of an archive, or raise InputError where it is no numbers or names."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of headers that Python 2 wrote
            found = stored[name]
    except DAMAGED as error:
        if "pickle" in str(error):
            raise InputError(
                f"has Python objects in {name}, which are not read: save {name}.astype(float), or "
                f"{name}.astype(str) where these are names"
            ) from None
        raise InputError(f"must be a whole archive of numpy.savez; {name}: {_why(error)}") from None
    if not isinstance(found, np.ndarray):
        raise InputError(f"must be an archive of numpy.savez; {name} in it is no array")
    return found
