"""Gradient flow and modified flow, beside the discrete iterates."""
