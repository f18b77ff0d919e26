"""Traces and what was found in them as text, Markdown and HTML."""
