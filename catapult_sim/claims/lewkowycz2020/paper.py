"""The paper Lewkowycz et al. 2020: its name in reports, its c_act of each activation."""

from __future__ import annotations

from typing import NamedTuple

from catapult_sim.claims.claim import Kind

PAPER = "Lewkowycz et al. 2020"


class End(NamedTuple):
    """The learning rate ``c_act`` at which networks stop converging, and its source."""

    c_act: float
    source: str
    kind: Kind = "statement"


ENDS = {
    "linear": End(4.0, f"{PAPER}, section 2"),
    "tanh": End(4.0, f"supplement of {PAPER}, at second hand"),
    "erf": End(4.0, "guessed here: as tanh", "conjecture"),
    "relu": End(12.0, f"{PAPER}, section 3"),
    "leaky_relu": End(12.0, "guessed here: as ReLU", "conjecture"),
    "gelu": End(12.0, "guessed here: as ReLU", "conjecture"),
    "silu": End(12.0, "guessed here: as ReLU", "conjecture"),
    "softplus": End(4.0, "guessed here: as linear", "conjecture"),
    "quadratic": End(4.0, "guessed here: as linear", "conjecture"),
}
