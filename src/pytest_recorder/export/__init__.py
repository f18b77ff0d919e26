"""Turns traces into the formats of other programs."""
