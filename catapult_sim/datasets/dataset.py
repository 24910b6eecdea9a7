"""A data set: inputs and labels that a network can be trained on, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy.typing as npt

from catapult_sim.datasets.labels import AS_TEXT, Labels, encode_labels
from catapult_sim.datasets.sampling import require_rows
from catapult_sim.datasets.scaling import SCALINGS, scale_inputs
from catapult_sim.printing import counted
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_one_of

IN_WORDS = {
    "raw": "as they are",
    "global": "one mean and one variance for all inputs",
    "pixel": "every input scaled by itself",
}


class Dataset(tuple[Array, Array]):
    """A pair ``X, y`` of inputs and labels that says in words how it was understood.

    Parameters
    ----------
    X : numpy.ndarray, shape (m, d)
    y : numpy.ndarray, shape (m,) or (m, k)
    source : str
        Where they come from.
    labels : {"binary", "parity", "classes", "numbers"}
        As in :func:`~catapult_sim.datasets.encode_labels`.
    inputs : {"raw", "global", "pixel"}
        As in :func:`~catapult_sim.datasets.scale_inputs`.
    meaning : str
        What was understood, in one line, which its ``repr`` shows too.
    """

    source: str
    labels: str
    inputs: str
    meaning: str

    def __new__(
        cls, X: Array, y: Array, source: str, labels: str, inputs: str, meaning: str
    ) -> Self:
        """Make the pair, and remember the words."""
        pair = super().__new__(cls, (X, y))
        pair.source, pair.labels, pair.inputs, pair.meaning = source, labels, inputs, meaning
        return pair

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Return what copies and pickles are made from."""
        return (*self, self.source, self.labels, self.inputs, self.meaning)

    @property
    def X(self) -> Array:
        """The inputs."""
        return self[0]

    @property
    def y(self) -> Array:
        """The labels."""
        return self[1]

    def __repr__(self) -> str:
        """Return source and meaning."""
        return f"<{self.source}: {self.meaning}>"


@dataclass(frozen=True)
class Samples:
    """Samples as they are stored, before it is decided what their labels mean."""

    X: npt.NDArray[Any]  # (m, d)
    y: npt.NDArray[Any]  # (m,) or (m, k), numbers or names
    source: str
    where: str  # the labels are, in words
    image: bool = False
    white: float = 1.0  # the number that stands for the input 1
    labels: str = "auto"  # the usual encoding of these
    classes: int | None = None  # where they are known
    note: str = ""  # on what else was understood
    mixed: str = ""  # why labels are no labels unless they are read as names

    def understood(self, labels: str, inputs: str) -> Dataset:
        """Return the data set with its labels encoded and its inputs scaled, or raise InputError.

        Both are "auto" where the kind of data decides.
        """
        scaling, encoded = self.scaling(inputs), self.encoded(labels)
        try:
            X = scale_inputs(self.X if self.white == 1 else self.X / self.white, scaling)
        except InputError as refusal:
            raise InputError(f"{self.source}: {refusal}") from None
        kind = counted(len(X), "image" if self.image else "sample")
        shape = f"{kind} of {counted(X.shape[1], 'input')}, {IN_WORDS[scaling]}"
        meaning = f"{shape}; {encoded.meaning}, from {self.where}{self.note}"
        return Dataset(X, encoded.values, self.source, encoded.encoding, scaling, meaning)

    def scaling(self, inputs: str) -> str:
        """Return how inputs are scaled, or raise InputError."""
        usual = "global" if self.image else "pixel"
        return usual if require_one_of("inputs", inputs, ("auto", *SCALINGS)) == "auto" else inputs

    def encoded(self, labels: str) -> Labels:
        """Return the labels as numbers, or raise InputError."""
        if self.mixed and labels not in AS_TEXT:
            raise InputError(f"{self.source} {self.mixed}")
        try:
            require_rows(self.X, self.y)
            chosen = self.labels if isinstance(labels, str) and labels == "auto" else labels
            return encode_labels(self.y, chosen, classes=self.classes)
        except InputError as refusal:
            raise InputError(f"{self.source}, {self.where}: {refusal}") from None
