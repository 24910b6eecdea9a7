"""The paper Lewkowycz et al. 2020: what its words about networks allow [Lewkowycz2020]."""

from __future__ import annotations

from catapult_sim.claims.sources import LEWKOWYCZ

PAPER = LEWKOWYCZ

NETWORKS = "8x8 digits instead of MNIST and CIFAR-10, and dense networks of {layers}"
CONVOLUTIONS = "8x8 digits instead of CIFAR-10, and two convolutions"
RESIDUAL = (
    "8x8 digits instead of CIFAR-10, and dense residual blocks without batch normalisation instead "
    "of a wide residual network"
)
ONE_OR_TWO = NETWORKS.format(layers="one or two hidden layers")

C_ACT = {"relu": 12.0, "linear": 4.0}
"""Where the paper says that convergence ends; of other activations that it lies elsewhere."""

ABOUT = 0.4  # in log2: from 9 to 16
ABOUT_WHY = '"about 12", read from shaded figures: 9 to 16, or 0.4 in log2'
SAME_WHY = 'what moves by less than 0.4 in log2 leaves "about 12" what it is'
EXACT_WHY = "2 / lambda_0 is stated without an error; 0.1 is what an extrapolation in width leaves"
