"""What a trace means: its history, its failure, and where values came from."""
