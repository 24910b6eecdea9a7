"""Jastrzebski et al. 2019: the sharpest directions of the loss and the length of SGD steps."""

from catapult_sim.claims.jastrzebski2019.statements import CLAIMS

__all__ = ["CLAIMS"]
