"""The hot path in C, and its face in Python: what runs per event."""
