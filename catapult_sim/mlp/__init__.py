"""What real networks do: NumPy, many at once, without autodiff."""
