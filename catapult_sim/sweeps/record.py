"""The record of a sweep: a file to which whole lines are appended, one for each cell.

A line is a JSON object with ``key``, ``physics``, ``cell``, and ``result`` or, where the cell has
failed, ``error`` with its traceback. So records of the same physics merge by concatenation, in any
order, duplicates included. A line is complete once it ends with a newline. The last entry,
``check``, is a checksum of the text before it: a line that was altered is dropped, and its cell
computed again. Lines without one, as they were written before there were checksums, are believed.

The file is never rewritten. A process that appends holds a lock, on a file beside it whose name
ends in ``.lock``, which the system releases however the process ends.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from filelock import FileLock, Timeout

from catapult_sim.printing import short_repr
from catapult_sim.sweeps.identity import difference
from catapult_sim.tables import data_frame
from catapult_sim.validation import InputError, shown

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Line:
    """One line of a record: a cell with its result or its error."""

    key: str
    physics: str
    cell: dict[str, Any]
    result: Any = None
    error: str | None = None  # the traceback, where there is no result

    __repr__ = short_repr

    @classmethod
    def parse(cls, text: bytes) -> Line | None:
        """Return a line from its text; None where that is incomplete, altered or of no record."""
        checked = CHECKED.fullmatch(text.strip().removeprefix(BYTE_ORDER_MARK))
        if checked and int(checked[2], 16) != crc32(checked[1]):
            return None
        try:
            entries = json.loads(text)
            altered = entries.pop("check", None) is not None and not checked
            return cls(**entries) if _is_line(entries) and not altered else None
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None


def _is_line(entries: dict[str, Any]) -> bool:
    typed = all(isinstance(entries[name], TYPES[name]) for name in TYPES if name in entries)
    return typed and ("result" in entries) != ("error" in entries)


TYPES = {"key": str, "physics": str, "cell": dict, "error": str}
CHECKED = re.compile(rb'(.+),"check":"([0-9a-f]{8})"\}')
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def line_text(key: str, physics: str, cell: str, outcome: str) -> str:
    """Return a line with its checksum, from the JSON of a cell and of its last entry.

    Examples
    --------
    >>> print(line_text("0a", "f/1", '{"x":2}', '"result":4'))
    {"key":"0a","physics":"f/1","cell":{"x":2},"result":4,"check":"01f97ca1"}
    """
    text = f'{{"key":"{key}","physics":{json.dumps(physics)},"cell":{cell},{outcome}'
    return f'{text},"check":"{crc32(text.encode()):08x}"}}'


class Memory:
    """A record in memory, for sweeps without a file."""

    def __init__(self) -> None:
        self.known: set[str] = set()  # keys of the cells that have a result
        self.dropped = 0  # lines that could not be read
        self._lines: list[Line] = []

    def append(self, lines: list[str]) -> None:
        """Add whole lines."""
        self._lines += [line for text in lines if (line := Line.parse(text.encode()))]

    def lines(self) -> Iterable[Line]:
        """Return all lines."""
        return self._lines


class _File:
    """A record on disk, locked by this process."""

    def __init__(self, path: Path, file: int, physics: str) -> None:
        self._path, self._file = path, file
        self.known, self.dropped, self._end = _survey(path, physics)
        os.ftruncate(file, self._end)

    def append(self, lines: list[str]) -> None:
        """Append whole lines; where the disk is full, those that fit, and raise OSError."""
        text = "".join(line + "\n" for line in lines).encode()
        written = 0
        try:
            while written < len(text):
                written += os.write(self._file, text[written:])
        except OSError as error:
            raise _no_room(self._path, error) from error
        finally:
            # Ask the file, as an interrupt may come between writing and counting.
            written = os.fstat(self._file).st_size - self._end
            self._end += text.rfind(b"\n", 0, written) + 1
            if written < len(text):
                os.ftruncate(self._file, self._end)

    def lines(self) -> Iterable[Line]:
        """Return all lines, read from disk at each iteration."""
        return read_record(self._path)


Record = Memory | _File


@dataclass(frozen=True)
class Lines:
    """The whole lines of a record, read from disk at each iteration."""

    path: Path

    def __iter__(self) -> Iterator[Line]:
        """Yield lines in the order of the file, without those that cannot be read."""
        whole = readable = 0
        try:
            with self.path.open("rb") as file:
                for text in file:
                    whole += text.endswith(b"\n")
                    if text.endswith(b"\n") and (line := Line.parse(text)):
                        readable += 1
                        yield line
        except OSError as error:
            raise InputError(f"record must be a file that can be read: {error}") from None
        if whole and not readable:
            raise _no_record(self.path)

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas DataFrame, as :meth:`catapult_sim.sweeps.sweep.Sweep.to_frame` does."""
        return data_frame(line_columns(self))


def read_record(path: str | Path) -> Lines:
    """Return the whole lines of a record, also while a sweep appends to it.

    Parameters
    ----------
    path : path

    Returns
    -------
    Lines
        An iterable of :class:`Line`, with ``to_frame()``. Iterating raises InputError where the
        file cannot be opened, or has whole lines and none of a record.
    """
    return Lines(_require_path(path))


def _require_path(path: str | Path) -> Path:
    """Return the path of a record, or raise InputError."""
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"record must be a path; got {shown(path)}")
    return Path(path)


def settled(lines: Iterable[Line]) -> dict[str, Line]:
    """Return for each key its last line with a result, or its last failure where there is none.

    Examples
    --------
    >>> failed, done = Line("a", "f/1", {}, error="..."), Line("a", "f/1", {}, result=1)
    >>> settled([done, failed])["a"].result
    1
    """
    found: dict[str, Line] = {}
    for line in lines:
        if line.error is None or line.key not in found or found[line.key].error is not None:
            found[line.key] = line
    return found


def line_columns(lines: Iterable[Line]) -> dict[str, list[Any]]:
    """Return a column for each entry of cells and results, None where a line has no such entry.

    An entry of a result that its cell has too is called ``result.NAME``.

    Examples
    --------
    >>> done, failed = Line("a", "f/1", {"x": 1}, {"y": 2}), Line("b", "f/1", {"x": 3}, error="...")
    >>> line_columns([done, failed])
    {'x': [1, 3], 'y': [2, None], 'error': [None, '...']}
    """
    rows = [_entries(line) for line in settled(lines).values()]
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(chain(*rows))}


def _entries(line: Line) -> dict[str, Any]:
    if line.error is not None:
        found = {"error": line.error}
    else:
        found = line.result if isinstance(line.result, dict) else {"result": line.result}
    taken = line.cell
    return taken | {f"result.{name}" if name in taken else name: found[name] for name in found}


@contextmanager
def open_record(path: str | Path, physics: str) -> Iterator[Record]:
    """Open a record to append to: create it if need be, lock it, cut off an incomplete last line.

    Parameters
    ----------
    path : path
    physics : str
        The name and version, ``function/version``, that its lines must have.

    Raises
    ------
    InputError
        Where the file cannot be written to, is in use by another process, is no record,
        or one of other physics.
    """
    place = _require_path(path)
    with _locked(place) as file:
        yield _File(place, file, physics)
        os.fsync(file)


def erase(path: str | Path) -> None:
    """Delete all lines of a record that no other process is using."""
    with _locked(Path(path)) as file:
        os.ftruncate(file, 0)


def _survey(path: Path, physics: str) -> tuple[set[str], int, int]:
    """Return the keys with a result, how many lines cannot be read, where the last one ends."""
    known, readable, dropped, end = set(), 0, 0, 0
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            whole = text.endswith(b"\n")
            line = Line.parse(text) if whole else None
            end += len(text) * whole
            dropped += line is None
            if line is None:
                continue
            readable += 1
            if line.physics != physics:
                raise InputError(
                    f"record must be of what this sweep computes; got {path}, whose line {number} "
                    f"is not: {difference(line.physics, physics)}"
                )
            if line.error is None:
                known.add(line.key)
    if end and not readable:
        raise _no_record(path)
    return known, dropped, end


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open a file to append to, and hold its lock."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(
            f"record must be a file that can be written to, no folder, device or pipe; got {path}"
        )
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | O_BINARY, 0o666)
    except OSError as error:
        raise _not_writable(error) from None
    try:
        with _lock_of(path):
            yield file
    finally:
        os.close(file)


def _lock_of(path: Path) -> AbstractContextManager[object]:
    try:
        return FileLock(f"{path}.lock").acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"record must not be in use by another process; got {path}, which is"
        ) from None
    except OSError as error:
        raise _not_writable(error) from None


def _not_writable(error: OSError) -> InputError:
    return InputError(f"record must be a file that can be written to: {error}")


O_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write "\r\n"


def _no_record(path: str | Path) -> InputError:
    return InputError(f"record must be a record of a sweep; got {path}, and no line of it is")


def _no_room(path: Path, error: OSError) -> OSError:
    return OSError(
        error.errno,
        f"record must be on a disk with room ({error.strerror}); its lines are whole, and the "
        "same call continues from them",
        str(path),
    )
