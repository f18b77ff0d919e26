"""Compares what is recorded of random programs with what an independent tracer has seen."""
