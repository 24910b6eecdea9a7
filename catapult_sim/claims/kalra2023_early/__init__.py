"""Phases of the first steps of training [Kalra2023early]."""

from catapult_sim.claims.kalra2023_early.thresholds import CLAIMS as CLAIMS
