"""Quadratic mini-batch losses: mean and covariance of iterates and averages, exactly."""
