"""The vocabulary of a trace: layout of the bytes, records, events, and how they are read."""
