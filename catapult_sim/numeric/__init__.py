"""What the equations do: integrated exactly, in ensembles of any shape."""
