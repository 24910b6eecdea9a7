"""Solvable models of deep-learning dynamics: derived, integrated, trained and judged."""

__version__ = "0.1.0"
