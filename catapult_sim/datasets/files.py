"""Files of samples, and the data sets that are known by name."""

from __future__ import annotations

import os
from pathlib import Path

from catapult_sim.datasets.csv_files import read_csv
from catapult_sim.datasets.dataset import Dataset, Samples
from catapult_sim.datasets.idx_files import is_idx, partner, read_idx
from catapult_sim.datasets.images import digit_images, files_of_images, idx_images
from catapult_sim.datasets.npz_files import is_zip, read_npz
from catapult_sim.datasets.packed import beginning_of, content_of, packed_or_not
from catapult_sim.validation import InputError, shown

NAMES = ("digits", "mnist", "fashion-mnist")


def load(
    data: str | Path,
    *,
    labels: str = "auto",
    inputs: str = "raw",
    label_column: str | None = None,
    labels_file: str | Path | None = None,
    drop: str | None = None,
) -> Dataset:
    r"""Read samples from a file, or from a data set that is known by name.

    Parameters
    ----------
    data : path or {"digits", "mnist", "fashion-mnist"}
        CSV: numbers, with commas, semicolons, tabs or spaces between them, one sample a line; a
        header is allowed, names of classes, and comments after ``#``. NPZ: arrays ``X (m, d)`` or
        ``(m, h, w)`` and ``y (m,)`` or ``(m, k)``, also by other usual names, read without pickle.
        IDX: images, with the file of labels beside them, as MNIST has; or the folder of these
        files. Any of them may be packed by gzip.
    labels : {"auto", "binary", "parity", "classes", "numbers"}
        What labels mean, as in :func:`~catapult_sim.datasets.encode_labels`.
    inputs : {"raw", "global", "pixel", "auto"}
        How inputs are scaled, as in :func:`~catapult_sim.datasets.scale_inputs`; raw images of
        bytes are grey levels from 0 to 1. ``"auto"``: images "global", tables "pixel".
    label_column : str, optional
        Of CSV: "first", "last", a number counted from 1, or a name of the header. By default the
        column called label, class, target or y; else the only one of names; else the last. Names
        of rows, above which R and pandas write no name, are left out.
    labels_file : path, optional
        Of IDX: the file of the labels, where it is not beside the images under the usual name.
    drop : str, optional
        Of CSV: columns to leave out, with commas between them: numbers counted from 1, or names of
        the header, such as "id,name".

    Returns
    -------
    Dataset
        Of ``X (m, d)`` and ``y (m, k)``. Its ``repr`` says in a line what was understood.

    Raises
    ------
    InputError
        Where the file cannot be read, where a value is missing or is no number, where a header does
        not fit, or where it is not clear what the labels are; with the line, as an editor counts.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "flowers.csv")
    ...     _ = file.write_text("width;height;kind\n1,5;2;rose\n1,0;3;lily\n")
    ...     X, y = load(file)
    >>> X.tolist(), y.tolist()
    ([[1.5, 2.0], [1.0, 3.0]], [[1.0], [-1.0]])
    """
    return samples_of(data, label_column, labels_file, drop).understood(labels, inputs)


def samples_of(
    data: str | Path,
    label_column: str | None = None,
    labels_file: str | Path | None = None,
    drop: str | None = None,
) -> Samples:
    """Return samples as they are stored, or raise InputError."""
    if isinstance(data, str) and data in NAMES:
        _require_no_column(label_column, drop, str(data))
        _require_no_labels(labels_file, str(data))
        return digit_images() if data == "digits" else idx_images(str(data))
    path = _file(data)
    content = content_of(path)
    if is_idx(content):
        _require_no_column(label_column, drop, str(path))
        return read_idx(path, None if labels_file is None else _path(labels_file))
    _require_no_labels(labels_file, str(path))
    try:
        if content[:6] == b"\x93NUMPY":
            raise InputError("holds one array; numpy.savez(path, X=X, y=y) saves inputs and labels")
        if path.suffix.lower() == ".npz" or is_zip(content):
            _require_no_column(label_column, drop, str(path))
            return read_npz(str(path), content)
        return read_csv(str(path), content, label_column, drop)
    except InputError as refusal:
        raise InputError(f"{path} {refusal}") from None


def files_of(data: str | Path) -> list[Path]:
    """Return the files that a data set is read from, none for digits, or raise InputError."""
    if isinstance(data, str) and data in NAMES:
        return [] if data == "digits" else files_of_images(str(data))
    path = _file(data)
    return [path, partner(path)] if is_idx(beginning_of(path)) else [path]


def _file(data: str | Path) -> Path:
    """Return the file that is meant: in a folder, the images to train on."""
    path = _path(data)
    return packed_or_not(path / "train-images-idx3-ubyte") if os.path.isdir(path) else path


def _path(data: str | Path) -> Path:
    try:
        return Path(data)
    except TypeError:
        raise InputError(
            f"data must be a path or one of {', '.join(NAMES)}; got {shown(data)}"
        ) from None


def _require_no_labels(labels_file: str | Path | None, data: str) -> None:
    if labels_file is not None:
        raise InputError(f"a file of labels belongs to IDX images; got {labels_file}, {data}")


def _require_no_column(label_column: str | None, drop: str | None, data: str) -> None:
    if label_column is not None:
        raise InputError(
            f"the label column can be chosen in CSV files; got {label_column!r}, {data}"
        )
    if drop is not None:
        raise InputError(f"columns can be left out of CSV files; got {drop!r}, {data}")
