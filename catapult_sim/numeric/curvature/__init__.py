"""Curvature of anything that multiplies a vector: eigenpairs, spectral density, steps."""
