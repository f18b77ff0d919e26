"""Is the folder that `pytest-recorder run` puts into PYTHONPATH for the start of Python.

It holds `sitecustomize` and nothing else: what lies here is importable by that name for a moment.
"""
