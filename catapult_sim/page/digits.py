"""Handwritten digits for the network of the page, one letter for each pixel.

The file holds the images of scikit-learn's set that ``datasets.subset(..., rng=0)`` draws: those
that the network is trained on first, then those that are held out. So the page needs no extra to
be built.
"""

from __future__ import annotations

from importlib.resources import files

TRAINED, HELD_OUT = 64, 192


def digits() -> dict[str, object]:
    """Return the pixels of the digits, row by row, their labels, and how the pixels are scaled.

    Returns
    -------
    dict
        ``pixels``: a letter for each, "a" is 0 and "q" is 16; ``labels``: a digit for each image;
        ``mean`` and ``deviation`` of all pixels of the whole set, between 0 and 16; ``trained``:
        the number of images to train on.

    Examples
    --------
    >>> found = digits()
    >>> len(found["pixels"]) == 64 * len(found["labels"])
    True
    """
    labels, pixels, mean, deviation = (
        files("catapult_sim.page").joinpath("digits.txt").read_text("ascii").split()
    )
    return {
        "labels": labels,
        "pixels": pixels,
        "mean": float(mean),
        "deviation": float(deviation),
        "trained": TRAINED,
    }
