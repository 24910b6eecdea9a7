"""Many cells: what a cell is, the record of its results, sweeps over any executor, refinement."""
