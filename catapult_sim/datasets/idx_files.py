"""IDX files, in which MNIST and its kin come: images in one file, labels in another beside it."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.datasets.dataset import Samples
from catapult_sim.datasets.labels import MOST_CLASSES
from catapult_sim.datasets.packed import content_of, packed_or_not
from catapult_sim.validation import InputError

# The third byte of a file says of which type its numbers are; the most significant byte is first.
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_idx(content: bytes) -> bool:
    """Return whether the content of a file begins as IDX does."""
    return len(content) >= 4 and content[:2] == b"\0\0" and content[2] in TYPES


def parse_idx(content: bytes) -> npt.NDArray[Any]:
    r"""Return the array that an IDX file holds, or raise InputError.

    Examples
    --------
    >>> parse_idx(b"\0\0\x08\x01" + b"\0\0\0\x03" + bytes([5, 0, 4]))
    array([5, 0, 4], dtype=uint8)
    """
    if not is_idx(content):
        raise InputError("is no IDX file: it does not begin with two zero bytes and a known type")
    dtype, axes = np.dtype(TYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    shape = tuple(int(n) for n in np.frombuffer(content[4:start].ljust(4 * axes, b"\0"), ">u4"))
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise InputError(
            f"is incomplete or not IDX: shape {shape} takes {expected} bytes; got {len(content)}"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def idx_array(path: Path) -> npt.NDArray[Any]:
    """Return the array that an IDX file holds, packed or not, or raise InputError."""
    try:
        return parse_idx(content_of(path))
    except InputError as refusal:
        named = str(refusal).startswith(str(path))
        raise refusal if named else InputError(f"{path} {refusal}") from None


def read_idx(path: Path, other: Path | None = None) -> Samples:
    """Return images and labels: one is in this file, the other in another, by default beside it."""
    here, there = idx_array(path), idx_array(other or partner(path))
    images, labels = (here, there) if here.ndim > 1 else (there, here)
    require_images(images, labels, str(path))
    return numbered(as_images(images, labels, str(path), "the file of labels"))


def require_images(images: npt.NDArray[Any], labels: npt.NDArray[Any], source: str) -> None:
    """Raise InputError where arrays are not as many images as labels."""
    if images.ndim != 3 or labels.shape != images.shape[:1] or not images.size:
        raise InputError(
            f"{source} and the other file must hold images (m, h, w) and labels (m,); got "
            f"shapes {images.shape} and {labels.shape}"
        )


def as_images(
    images: npt.NDArray[Any], labels: npt.NDArray[Any], source: str, where: str
) -> Samples:
    """Return images with their labels; of bytes, which are grey levels, 255 is white."""
    flat = images.reshape(len(images), -1)
    return Samples(flat, labels, source, where, True, 255.0 if images.dtype == np.uint8 else 1.0)


def numbered(samples: Samples) -> Samples:
    """Return samples whose labels are known to be class numbers from 0 on, if they can be."""
    labels = samples.y
    two = len(np.unique(labels)) == 2  # -1 and +1, as everywhere
    if two or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= MOST_CLASSES:
        return samples
    return replace(samples, labels="classes", classes=int(labels.max()) + 1)


def partner(path: Path) -> Path:
    """Return the file with the labels of images, or the images of labels, or raise InputError."""
    images, labels = ("images", "idx3"), ("labels", "idx1")
    held, wanted = (images, labels) if "images" in path.name else (labels, images)
    bare = path.name.removesuffix(".gz")
    name = bare.replace(held[0], wanted[0]).replace(held[1], wanted[1])
    found = packed_or_not(path.with_name(name))
    if name == bare:
        raise InputError(
            f"{path} needs the other file, of images or labels: name it by --labels-file or "
            "labels_file=, or have images or labels in both names, as in train-images-idx3-ubyte"
        )
    if not os.path.isfile(found):
        raise InputError(
            f"{path} holds {held[0]} only; their {wanted[0]} are expected in {name} beside it, or "
            "in the file that labels_file= or --labels-file names"
        )
    return found
