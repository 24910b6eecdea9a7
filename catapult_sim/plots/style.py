"""What all pictures share: the colours of phases, the names of axes."""

from __future__ import annotations

# Light to dark, so that the phases can be told apart in grey.
PHASE_COLOURS = {"lazy": "#dfeaf5", "catapult": "#eebb73", "divergent": "#b06a7c"}
INK = {"lazy": "#35618f", "catapult": "#8a5208", "divergent": "#ffffff"}
INK_ON_WHITE = INK | {"divergent": "#8a3f54"}

AXES = {
    "c": r"learning rate  $c=\eta\lambda_0$",
    "width": "width  $n$",
    "depth": "hidden layers",
    "scale": "standard deviation of the initial weights",
    "momentum": r"momentum  $\beta$",
    "batch_size": "samples in a batch",
}
