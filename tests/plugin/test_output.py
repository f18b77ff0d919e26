"""What a test writes is recorded once, whatever stands between it and the terminal."""

import pytest

from pytest_recorder import compat
from tests.plugin.support import events, run, traces


@pytest.mark.parametrize("level", ["calls", "values"])
@pytest.mark.parametrize("capture", ["fd", "tee-sys", "no"])
def test_output_is_recorded_once_when_the_test_replaces_its_streams(
    pytester: pytest.Pytester, capture: str, level: str
) -> None:
    if level == "calls" and not compat.HAS_MONITORING:
        pytest.skip("the trace function in C looks at the streams in its records only")
    pytester.makepyfile(
        """
        import contextlib, io, sys
        def test_writes(monkeypatch):
            print("before", end="")
            with contextlib.redirect_stdout(io.StringIO()):
                print("redirected", end="")
            with monkeypatch.context() as patch:
                patch.setattr(sys, "stdout", io.StringIO())
                print("patched", end="")
            stream, sys.stdout = sys.stdout, io.StringIO()
            print("assigned", end="")
            sys.stdout = stream
            print("after", end="")
        """
    )
    options = (f"--capture={capture}", f"--record-level={level}", "--record-keep=all")
    run(pytester, "--record-trace", *options).assert_outcomes(passed=1)
    (path,) = traces(pytester)
    printed = [event.text["value"] for event in events(path) if event.text is not None]
    assert printed == ["before", "redirected", "patched", "assigned", "after"]


@pytest.mark.parametrize("options", [(), ("-s",), ("--record-scope=session",)])
def test_a_test_that_is_not_recorded_finds_its_streams_as_they_were(
    pytester: pytest.Pytester, options: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        """
        import sys
        import pytest
        @pytest.mark.record
        def test_recorded():
            print("seen")
        @pytest.mark.record(False)
        def test_not_recorded():
            assert "write" not in vars(sys.stdout)
            assert "write" not in vars(sys.stderr)
        """
    )
    run(pytester, "--record-trace", *options).assert_outcomes(passed=2)
