"""Kalra and Barkeshli 2023: phases of the first steps of training."""

from catapult_sim.claims.kalra2023_early.thresholds import CLAIMS

__all__ = ["CLAIMS"]
