"""Symmetric matrices with a known spectrum."""

import numpy as np


def rotation(size, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def symmetric(spectrum, seed=0):
    turn = rotation(len(spectrum), seed)
    return turn * spectrum @ turn.T


def angle(one, other):
    """The sine of the largest angle between two spaces, given by orthonormal columns."""
    return np.linalg.norm(other - one @ (one.T @ other), ord=2)
