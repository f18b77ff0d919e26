"""Traces as text for people: values, steps before a failure, the call tree."""
