"""Measures what recording costs, against other tools and against the limit."""
