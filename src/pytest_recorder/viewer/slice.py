"""Follows values back."""
from pathlib import Path
class Slicer:
    def __init__(self, history, sources): ...
    def failure(self, failure): return []
def render_origins(roots, root: Path, most: int) -> list[str]: return []
