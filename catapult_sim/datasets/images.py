"""Images that networks are trained on: handwritten digits."""

from __future__ import annotations

import numpy as np

from catapult_sim.datasets.scaling import scale_inputs
from catapult_sim.types import Array
from catapult_sim.validation import InputError


def digits(labels: str = "parity", *, inputs: str = "pixel") -> tuple[Array, Array]:
    """Return the 1797 handwritten digits of 8 x 8 pixels that scikit-learn ships.

    Parameters
    ----------
    labels : {"parity", "classes"}
        ``"parity"``: -1 for even and +1 for odd digits, ``(m,)``; ``"classes"``: one-hot,
        ``(m, 10)``.
    inputs : {"pixel", "global", "raw"}
        As in :func:`~catapult_sim.datasets.scale_inputs`; raw are grey levels from 0 to 1.

    Returns
    -------
    X : numpy.ndarray, shape (1797, 64)
    y : numpy.ndarray

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
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise InputError(
            "the handwritten digits need scikit-learn: pip install 'catapult_sim[digits]'"
        ) from None
    pixels, digit = load_digits(return_X_y=True)
    encodings = {"parity": 2.0 * (digit % 2) - 1.0, "classes": np.eye(10)[digit]}
    if labels not in encodings:
        raise InputError(f"labels must be one of {', '.join(encodings)}; got {labels!r}")
    return scale_inputs(pixels / 16, inputs), encodings[labels]
