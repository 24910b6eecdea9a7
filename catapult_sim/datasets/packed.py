"""The content of files, also of packed ones."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from catapult_sim.validation import InputError


def content_of(path: Path) -> bytes:
    """Return the content of a file, unpacked where gzip packed it, or raise InputError."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} must be a whole file packed by gzip; {error}") from None
    except OSError as error:
        raise InputError(f"{path} must be a readable file; {error.strerror}") from None
    except ValueError:  # a zero byte in a path
        raise InputError(f"data must be the path of a file; got {str(path)!r}") from None


def beginning_of(path: Path) -> bytes:
    """Return the first bytes of a file, unpacked where gzip packed it, or raise InputError."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as content:
            return bytes(content.read(4))
    except (EOFError, gzip.BadGzipFile, zlib.error, OSError, ValueError):
        content_of(path)
        raise


def packed_or_not(path: Path) -> Path:
    """Return the path with the ending .gz where that file exists, else the path."""
    packed = path.with_name(f"{path.name}.gz")
    return packed if os.path.isfile(packed) else path
