"""Phase maps and attractors of rules with few state variables."""
