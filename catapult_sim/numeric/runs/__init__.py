"""Runs of ensembles: trajectories, phases, boundaries, averages, batches, checkpoints, memory."""
