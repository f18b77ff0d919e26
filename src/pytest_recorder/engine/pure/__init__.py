"""The hot path in pure Python: what runs per event."""
