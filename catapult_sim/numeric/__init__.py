"""What the equations do: ensembles of any shape, in NumPy and SciPy."""
