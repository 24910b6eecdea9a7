"""Images that networks are trained on: handwritten digits, MNIST, Fashion-MNIST."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from catapult_sim.datasets.dataset import Dataset, Samples
from catapult_sim.datasets.idx_files import as_images, idx_array, numbered, require_images
from catapult_sim.datasets.npz_files import arrays_of
from catapult_sim.datasets.packed import content_of, packed_or_not
from catapult_sim.types import Array
from catapult_sim.validation import InputError, not_installed, require_count, require_one_of, shown

# Where Debian's packages and Keras leave the files, and in which folder torchvision does.
PLACES = {
    "mnist": ("/usr/share/datasets/mnist", "~/.keras/datasets/mnist.npz", "~/data", "data"),
    "fashion-mnist": (
        "/usr/share/datasets/fashion-mnist",
        "~/.keras/datasets/fashion-mnist",
        "~/data",
        "data",
    ),
}
TORCHVISION = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}
WAYS = {
    "mnist": "torchvision.datasets.MNIST('data', download=True), or with a network scikit-learn's "
    "fetch_openml('mnist_784')",
    "fashion-mnist": "Debian's package dataset-fashion-mnist, or "
    "torchvision.datasets.FashionMNIST('data', download=True), or with a network scikit-learn's "
    "fetch_openml('Fashion-MNIST')",
}
FILES = {"train": "train", "test": "t10k"}


def digits(labels: str = "parity", *, inputs: str = "pixel") -> Dataset:
    """Return the 1797 handwritten digits of 8 x 8 pixels that scikit-learn ships.

    Parameters
    ----------
    labels : {"parity", "classes", "numbers"}
        ``"parity"``: -1 for even and +1 for odd digits, ``(m,)``; ``"classes"``: one-hot,
        ``(m, 10)``; ``"numbers"``: the digit itself, ``(m,)``.
    inputs : {"pixel", "global", "raw"}
        As in :func:`~catapult_sim.datasets.scale_inputs`; raw are grey levels from 0 to 1.

    Returns
    -------
    Dataset
        Of ``X (1797, 64)`` and ``y``.

    Raises
    ------
    InputError
        Where scikit-learn is not installed, or ``labels`` or ``inputs`` is not known.

    Examples
    --------
    >>> X, y = digits("classes", inputs="global")
    >>> X.shape, y.shape
    ((1797, 64), (1797, 10))
    """
    return _flat(digit_images().understood(labels, inputs))


def mnist(
    folder: str | Path | None = None,
    *,
    part: str = "train",
    labels: str = "classes",
    inputs: str = "global",
    pool: int = 1,
) -> Dataset:
    """Return handwritten digits of 28 x 28 pixels, 60 000 to train on and 10 000 to test.

    Nothing is downloaded. The parameters are those of :func:`fashion_mnist`.

    Raises
    ------
    InputError
        Where the files are not found or an option is not known.
    """
    return _flat(idx_images("mnist", folder, part, pool).understood(labels, inputs))


def fashion_mnist(
    folder: str | Path | None = None,
    *,
    part: str = "train",
    labels: str = "classes",
    inputs: str = "global",
    pool: int = 1,
) -> Dataset:
    """Return pictures of clothing of 28 x 28 pixels, 60 000 to train on and 10 000 to test.

    Nothing is downloaded: files are found where Debian's package ``dataset-fashion-mnist``,
    Keras or torchvision leave them.

    Parameters
    ----------
    folder : path, optional
        That of the files ``train-images-idx3-ubyte.gz`` and so on, or torchvision's ``root``.
    part : {"train", "test"}
    labels, inputs
        As of :func:`digits`.
    pool : int
        Take means of ``pool`` x ``pool`` pixels: 2 leaves 14 x 14.

    Returns
    -------
    Dataset
        Of ``X (m, (28 / pool)^2)`` and ``y``.

    Raises
    ------
    InputError
        Where the files are not found or an option is not known.

    Examples
    --------
    >>> fashion_mnist("nowhere")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    catapult_sim.validation.InputError: fashion-mnist must be in nowhere, as train-images-...
    """
    return _flat(idx_images("fashion-mnist", folder, part, pool).understood(labels, inputs))


def _flat(data: Dataset) -> Dataset:
    """Return the data set with single labels as ``(m,)``."""
    X, y, *words = data.__getnewargs__()
    return Dataset(X, y[:, 0] if y.shape[1] == 1 else y, *words)


def digit_images() -> Samples:
    """Return the handwritten digits of scikit-learn."""
    pixels, digit = _scikit_learn_digits()
    source = "8x8 handwritten digits"
    return Samples(pixels, digit, source, "the digits", True, 16.0, "parity", 10)


def _scikit_learn_digits() -> tuple[Array, npt.NDArray[np.int64]]:
    """Return what ``sklearn.datasets.load_digits`` does, without waiting for its import.

    That takes a second, for a table of numbers in a file.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise InputError(not_installed("the set of handwritten digits", "scikit-learn"))
    file = Path(package.origin).with_name("datasets") / "data" / "digits.csv.gz"
    if not file.is_file():  # another version may keep it elsewhere
        from sklearn.datasets import load_digits

        pixels, digit = load_digits(return_X_y=True)
        return pixels, digit
    table = np.loadtxt(file, delimiter=",")
    return table[:, :-1], table[:, -1].astype(int)


def idx_images(
    name: str, folder: str | Path | None = None, part: str = "train", pool: int = 1
) -> Samples:
    """Return a part of a data set that comes as IDX files, or as Keras' ``mnist.npz``."""
    require_count("pool", pool, 1)
    files = files_of_images(name, folder, part)
    if len(files) == 1:
        pair = [(f"x_{part}", f"y_{part}")]
        images, labels = (array for _, array in arrays_of(content_of(files[0]), pair))
    else:
        images, labels = map(idx_array, files)
    require_images(images, labels, str(files[0]))
    shown = images if pool == 1 else pooled(images, pool) / 255
    return numbered(as_images(shown, labels, f"{name} ({part})", "the file of labels"))


def files_of_images(name: str, folder: str | Path | None = None, part: str = "train") -> list[Path]:
    """Return the files of images and labels, or that of both, or raise InputError."""
    begins = FILES[require_one_of("part", part, FILES)]
    names = [f"{begins}-images-idx3-ubyte", f"{begins}-labels-idx1-ubyte"]
    if not isinstance(folder, str | os.PathLike | None):
        raise InputError(f"folder must be a path; got {shown(folder)}")
    places = [Path(one).expanduser() for one in ([folder] if folder else PLACES[name])]
    for place in places:
        if place.suffix == ".npz" and os.path.isfile(place):
            return [place]
        for below in (place, place / TORCHVISION[name]):
            files = [packed_or_not(below / one) for one in names]
            if all(map(os.path.isfile, files)):
                return files
    raise InputError(
        f"{name} must be in {' or '.join(map(str, places))}, as {' and '.join(names)}, packed by "
        f"gzip or not; get the files from {WAYS[name]}"
    )


def pooled(images: npt.NDArray[np.generic], pool: int) -> Array:
    """Return images (m, h, w) as means of ``pool`` x ``pool`` pixels, (m, h / pool, w / pool).

    Raises
    ------
    InputError
        Where the pool does not divide the sides.

    Examples
    --------
    >>> pooled(np.array([[[1, 3], [5, 7]]]), 2)
    array([[[4.]]])
    """
    m, h, w = images.shape
    if h % pool or w % pool:
        raise InputError(f"pool must divide {h} and {w}, the sides of an image; got {pool}")
    blocks = images.reshape(m, h // pool, pool, w // pool, pool)
    means: Array = blocks.mean(axis=(2, 4))
    return means
