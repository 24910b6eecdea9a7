"""What the symbols of the derivations are, in a few words each.

The derivations define them; here they are said once more for those who read a printed equation
alone. Where a symbol stands for a formula, the formula comes first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

STEP = {"eta": "learning rate", "n": "width"}
SAMPLE = STEP | {
    "f": "u.v / sqrt(n), the output on the sample",
    "lam": "(|u|^2 + |v|^2) / n, the kernel's eigenvalue",
    "y": "label",
    "r": "f - y, the residual",
}
SCALED = {
    "F": "eta f / sqrt(n), the output",
    "Y": "eta y / sqrt(n), the label",
    "D": "F - Y, the residual",
    "Lam": "eta lam, the kernel's eigenvalue",
    "E": "eta lam - 4 - Y D, the distance from the edge of divergence",
    "s": "eta^2 (f - y)^2 / n",
    "p": "eta |u + v|^2 / (2 n)",
    "q": "eta |u - v|^2 / (2 n)",
    "I": "(eta lam)^2 - 4 F^2, with F = eta f / sqrt(n); gradient flow conserves it",
}
BLOCKS = STEP | {
    "A": "U^T U / n",
    "F": "U^T V / sqrt(n)",
    "B": "V^T V / n",
    "C": "X^T X / m",
    "c": "X^T y / m",
    "g": "the gradient of the loss by F",
}
FUNCTION = STEP | {
    "r": "f - y, the residual",
    "Theta": "the tangent kernel, 1/m inside",
    "b": "|V|^2 / n",
    "f": "outputs",
    "y": "labels",
    "h": "K r / m",
    "K": "X X^T",
    "delta": "the growth of b",
    "m": "samples",
}
LARGE = STEP | {
    "zeta": "|X^T r| / m, the size of the error",
    "lam": "the kernel's eigenvalue along the error",
}
MOMENTS = {
    "a": "eta h, learning rate times curvature",
    "beta": "momentum",
    "gamma": "decay of the average",
    "mu_x": "mean of the iterate x",
    "mu_y": "mean of the average y",
    "mu_z": "mean of the iterate before, z",
    "V_xx": "variance of x, in units of that of the minibatches' minima",
    "V_xy": "covariance of x and y",
    "V_xz": "covariance of x and z",
    "V_yy": "variance of y",
    "V_zz": "variance of z",
}
VARIANCE = {
    "V": "variance, in units of that of the minibatches' minima",
    "a_eff": "the a at which SGD has this variance",
    **MOMENTS,
    "m": "batches of an epoch",
    "k": "iterates averaged",
    "g": "steps between the two iterates",
}
FIELD = {
    "eps": "step size",
    "f": "minus the gradient of the loss; f', f'' its derivatives",
    "f_1": "that of one minibatch, terms being averaged over all of them",
    "m": "batches of an epoch",
    "beta": "momentum",
}
LOSSES = {"eps": "step size; the loss is (u v)^2 / 2, unless --loss says another"}

LEGENDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "balanced-map": SCALED,
        "closure": BLOCKS,
        "edge-law": SCALED,
        "edge-map": SCALED,
        "function-space": FUNCTION,
        "infinite-width-map": SAMPLE,
        "invariant-law": SCALED,
        "labelled-sample-map": SAMPLE,
        "large-error-map": LARGE,
        "minibatch-averaged": MOMENTS,
        "minibatch-heavy-ball": MOMENTS,
        "minibatch-nesterov": MOMENTS,
        "minibatch-sgd": MOMENTS,
        "residual-map": SCALED,
        "sample-map": SAMPLE,
        "scaled-map": SCALED | {"s": "eta^2 f^2 / n"},
        "two-factor-map": SCALED,
        "modified-equation": FIELD,
        "modified-field": LOSSES,
        "modified-loss": LOSSES,
    }
)
"""What symbols are by the name of the derivation; all variances have those of ``VARIANCE``."""


def legend(name: str, text: str) -> str:
    """Return one line that says what the symbols of a printed derivation are.

    Examples
    --------
    >>> legend("scaled-map", "s' = s*(-Lam + s + 1)**2")
    "Lam = eta lam, the kernel's eigenvalue; s = eta^2 f^2 / n; ' = one step later"
    """
    told = VARIANCE if name.startswith("variance-") else LEGENDS[name]
    names = set(re.findall(r"\w+", text))
    words = [f"{symbol} = {meaning}" for symbol, meaning in told.items() if symbol in names]
    return "; ".join(words + ["' = one step later"] * bool(re.search(r"^\w+' = ", text, re.M)))
