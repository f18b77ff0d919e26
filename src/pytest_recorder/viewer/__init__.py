"""Turns traces into text for people; knows values, steps, trees, and nothing of the command line."""
