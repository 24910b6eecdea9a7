"""What the papers say, judged: one file per paper."""
