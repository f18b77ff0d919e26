"""What a program imports lazily (PEP 810, Python 3.15) stays so until the program uses it."""

import sys
from pathlib import Path

import pytest

from pytest_recorder.testing import Recorded, record
from tests.engines.support import ENGINES

pytestmark = pytest.mark.skipif(sys.version_info < (3, 15), reason="no lazy imports")

MODULE = """
lazy import lazily_imported
lazy from lazily_imported_too import name
import sys

class Holder:
    pass

def here():
    return [m for m in ("lazily_imported", "lazily_imported_too") if m in sys.modules]

def main():
    names = globals()
    held = names["lazily_imported"]
    holder = Holder()
    holder.__dict__["name"] = names["name"]
    items = [held, holder.__dict__]
    before = here()
    value = lazily_imported.value
    return before, here(), value
"""


@pytest.mark.parametrize("level", ["calls", "values"])
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_imported_lazily_stays_so(
    engine: str, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lazily_imported.py").write_text("value = 3\n")
    (tmp_path / "lazily_imported_too.py").write_text("name = 4\n")
    path = tmp_path / "program.py"
    path.write_text(MODULE)
    names = {"__name__": "program"}
    code = compile(MODULE, str(path), "exec")

    def whole() -> object:
        exec(code, names)
        return names["main"]()  # type: ignore[operator]

    engine, _, hot_path = engine.partition("/")
    recorded: Recorded = record(
        whole, engine=engine, hot_path=hot_path, level=level, include=[f"{tmp_path}/*"]
    )
    try:
        assert (recorded.status, recorded.error) == ("complete", None)
        assert recorded.result == ([], ["lazily_imported"], 3)
        assert recorded.kinds("main")[0] == "call"
        assert "line" in recorded.kinds("main") or level == "calls"
    finally:
        sys.modules.pop("lazily_imported", None)
