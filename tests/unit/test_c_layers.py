import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "c_layers.py"
_spec = importlib.util.spec_from_file_location("c_layers", TOOL)
assert _spec is not None
assert _spec.loader is not None
c_layers = importlib.util.module_from_spec(_spec)
sys.modules["c_layers"] = c_layers
_spec.loader.exec_module(c_layers)
FOLDER, SCAN = c_layers.FOLDERS

BROKEN = {
    "a call of a file above": ("names.c", "    hot_begin(hot);", "hot_begin is of trace.c"),
    "a function above as an argument": (
        "names.c",
        "    later(hot, hot_begin);",
        "hot_begin is of trace.c",
    ),
    "a call in a header": ("tables.h", "    name_of(0, 0, 0);", "name_of is of names.c"),
    "a struct of another file": (
        "events.c",
        "    hot->spool.block = 1;",
        "spool is written by segments.c",
    ),
    "an item of one": ("events.c", "    hot->states.free[1] = NULL;", "states is written by"),
    "a count of one": ("events.c", "    hot->numbers.epoch++;", "numbers is written by"),
    "a count before": ("events.c", "    ++hot->numbers.epoch;", "numbers is written by"),
    "a sum": ("events.c", "    hot->frames.count += 2;", "frames is written by frames.c"),
    "the whole of one": ("events.c", "    hot->clock = other;", "clock is written by clock.c"),
}
ALLOWED = {
    "a call of a file below": ("trace.c", "    name_of(hot, 0, 0);"),
    "a call in a comment": ("names.c", "    /* hot_begin(hot); */"),
    "a call in a text": ("names.c", '    say("hot_begin(hot)");'),
    "a comparison": ("events.c", "    use(hot->spool.block == 1);"),
    "what is pointed to": ("events.c", "    hot->spool.current->line = 1;"),
    "a struct of its own": ("clock.c", "    hot->clock.last_us = 1;"),
}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "native"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.so", "*.py"))
    return folder


def add(folder: Path, name: str, line: str) -> int:
    """Put a function with this line at the end of a file; give the number of the line."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    end = text.rindex("#endif") if name.endswith(".h") else len(text)
    added = f"\nstatic void\nmade_for_a_test(Hot *hot)\n{{\n{line}\n}}\n"
    path.write_text(text[:end] + added + text[end:], encoding="utf-8")
    return text[:end].count("\n") + 5


def test_the_sources_keep_the_order() -> None:
    assert [c_layers.audit(folder) for folder in c_layers.FOLDERS] == [[], []]


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_the_order_is_found(case: str, sources: Path) -> None:
    name, line, text = BROKEN[case]
    number = add(sources, name, line)
    (finding,) = c_layers.audit(sources)
    assert (finding.path, finding.line) == (name, number)
    assert text in finding.text


@pytest.mark.parametrize("case", ALLOWED)
def test_what_keeps_it_is_not(case: str, sources: Path) -> None:
    add(sources, *ALLOWED[case])
    assert c_layers.audit(sources) == []


def test_a_long_file_is_found(sources: Path) -> None:
    with (sources / "mix.h").open("a", encoding="utf-8") as file:
        file.write("\n" * 600)
    (finding,) = c_layers.audit(sources)
    assert finding.path == "mix.h"
    assert "at most 600" in finding.text


def test_a_file_outside_of_the_unit_is_found(sources: Path) -> None:
    (sources / "new.c").write_text("", encoding="utf-8")
    assert [str(finding) for finding in c_layers.audit(sources)] == [
        "new.c:1: has no place in the order"
    ]


def test_each_struct_of_the_state_has_an_owner() -> None:
    state = (FOLDER / c_layers.STATE).read_text(encoding="utf-8")
    whole = state[state.rindex("PyObject_HEAD") :]
    members = [name for _, name in c_layers._MEMBER.findall(whole)]
    assert list(c_layers.owners(state)) == members
    assert set(c_layers.owners(state).values()) <= set(c_layers.order_of(FOLDER))


def test_the_command_ends_with_one_and_says_where(sources: Path) -> None:
    number = add(sources, "names.c", "    hot_begin(hot);")
    done = subprocess.run(
        [sys.executable, TOOL, sources], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == f"names.c:{number}: hot_begin is of trace.c, above\n"


def test_a_call_upwards_in_the_scan_is_found(tmp_path: Path) -> None:
    for path in SCAN.glob("*.[ch]"):
        shutil.copy(path, tmp_path)
    bytes_c = tmp_path / "scan_bytes.c"
    with bytes_c.open("a", encoding="utf-8") as file:
        file.write(
            "int\nscan_upwards(Scanner *self)\n{\n    return scan_walk(self, 0, 0, 0);\n}\n"
        )
    (finding,) = c_layers.audit(tmp_path)
    assert str(finding).endswith("scan_walk is of scan_records.c, above")


def test_every_part_in_c_says_that_it_needs_the_gil() -> None:
    package = Path(__file__).parents[2] / "src" / "pytest_recorder"
    texts = {path.name: path.read_text() for path in package.rglob("*.c")}
    modules = {name: text for name, text in texts.items() if "PyModuleDef_HEAD_INIT" in text}
    assert set(modules) == {"_scan.c", "_spawn.c", "_taps.c", "module.c"}
    assert [name for name, text in modules.items() if "Py_MOD_GIL_USED" not in text] == []
    assert [name for name, text in texts.items() if "Py_MOD_GIL_NOT_USED" in text] == []
