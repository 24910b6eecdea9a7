"""What is run: networks on data at c = eta lambda_0, by commands and claims alike."""
