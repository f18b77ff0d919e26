"""Follows values back through a trace: a slice over its events and its source."""
