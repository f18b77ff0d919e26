import errno
import json
import pickle
import sys
from pathlib import Path

import pytest

from pytest_recorder import errors
from pytest_recorder.diagnostics.errorjson import ErrorRecord
from pytest_recorder.errors import ErrorCode, ErrorKind

REFERENCE_TEXT = """
    ERR_UNKNOWN ERR_ALREADY_TRACING ERR_TRACE_DIR_CONFLICT ERR_TRACE_DIR_CREATE_FAILED
    ERR_UNSUPPORTED_FORMAT ERR_MISSING_POSITIONAL_ARG ERR_MISSING_KEYWORD_ARG
    ERR_FRAME_INTROSPECTION_FAILED ERR_GLOBALS_INTROSPECTION_FAILED
    ERR_TRACER_INSTALL_CONFLICT ERR_IO ERR_INVALID_POLICY_VALUE ERR_TRACE_MISSING
    ERR_TRACE_INCOMPLETE
"""

CLASSES = {
    ErrorKind.USAGE: (errors.usage, errors.ensure_usage, errors.UsageError, 2),
    ErrorKind.ENVIRONMENT: (errors.enverr, errors.ensure_env, errors.EnvironmentError, 10),
    ErrorKind.TARGET: (errors.target, errors.ensure_target, errors.TargetError, 20),
    ErrorKind.INTERNAL: (errors.bug, errors.ensure_internal, errors.InternalError, 70),
}


class DiskError(errors.EnvironmentError):
    """A subclass with a signature and an attribute of its own."""

    def __init__(self, free_bytes: int) -> None:
        super().__init__(ErrorCode.IO, "disk full", {"free": free_bytes})
        self.free_bytes = free_bytes


def caused(error: errors.RecorderError, source: BaseException) -> errors.RecorderError:
    with pytest.raises(errors.RecorderError, match=error.message) as caught:
        raise error from source
    return caught.value


def test_the_fourteen_codes_of_the_reference_keep_their_text() -> None:
    assert [str(code) for code in ErrorCode][:14] == REFERENCE_TEXT.split()


def test_a_code_is_named_after_its_text() -> None:
    assert [f"ERR_{code.name}" for code in ErrorCode] == [code.value for code in ErrorCode]


@pytest.mark.parametrize("kind", ErrorKind)
def test_a_helper_builds_the_class_and_the_exit_status_of_its_kind(kind: ErrorKind) -> None:
    build, _, cls, status = CLASSES[kind]
    error = build(ErrorCode.IO, "text", code="a", message="b", number=3)
    assert type(error) is cls
    assert error.kind is kind
    assert (error.code, error.message) == (ErrorCode.IO, "text")
    assert error.context == {"code": "a", "message": "b", "number": "3"}
    assert errors.exit_status(error) == status


@pytest.mark.parametrize("kind", ErrorKind)
def test_ensure_raises_only_when_the_condition_is_false(kind: ErrorKind) -> None:
    _, ensure, cls, _ = CLASSES[kind]
    ensure(True, ErrorCode.QUERY, "never said")
    with pytest.raises(cls, match=r"^\[ERR_QUERY\] wrong \(at=x\)$"):
        ensure(False, ErrorCode.QUERY, "wrong", at="x")


def test_what_is_not_ours_has_the_exit_status_of_a_bug() -> None:
    assert errors.exit_status(ValueError("x")) == 70


def test_the_text_leaves_out_what_is_empty() -> None:
    assert str(errors.usage(ErrorCode.QUERY, "no such event")) == "[ERR_QUERY] no such event"


def test_the_text_sorts_the_context_and_ends_with_the_cause() -> None:
    error = caused(errors.enverr(ErrorCode.IO, "lost", z=1, a=2), OSError("gone"))
    assert str(error) == "[ERR_IO] lost (a=2, z=1): caused by OSError: gone"


def test_a_cause_of_ours_shows_its_own_text() -> None:
    error = caused(
        errors.bug(ErrorCode.UNKNOWN, "outer"), errors.usage(ErrorCode.QUERY, "inner")
    )
    assert str(error) == "[ERR_UNKNOWN] outer: caused by [ERR_QUERY] inner"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_keeps_class_text_and_the_text_of_an_unpicklable_cause(protocol: int) -> None:
    class LocalError(Exception):
        pass

    error = caused(errors.target(ErrorCode.TRACE_CORRUPT, "cut", at=7), LocalError("deep"))
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is errors.TargetError
    assert (
        str(copy) == str(error) == "[ERR_TRACE_CORRUPT] cut (at=7): caused by LocalError: deep"
    )
    assert (copy.code, copy.message, copy.context) == (error.code, "cut", {"at": "7"})
    assert str(pickle.loads(pickle.dumps(copy))) == str(error)


def test_pickling_keeps_a_subclass_with_a_signature_of_its_own() -> None:
    copy = pickle.loads(pickle.dumps(DiskError(5)))
    assert type(copy) is DiskError
    assert (copy.free_bytes, str(copy)) == (5, "[ERR_IO] disk full (free=5)")


def test_an_os_error_becomes_an_environment_error_with_errno_and_path(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    try:
        missing.read_bytes()
    except OSError as exc:
        source = exc
        error = errors.from_os_error(exc, "cannot read", code=ErrorCode.TRACE_NOT_FOUND, n=1)
    assert isinstance(error, errors.EnvironmentError)
    assert error.__cause__ is source
    assert error.context == {"errno": "ENOENT", "path": str(missing), "n": "1"}
    assert error.code is ErrorCode.TRACE_NOT_FOUND


def test_an_os_error_without_facts_gives_no_context() -> None:
    assert errors.from_os_error(OSError("odd"), "cannot").context == {}
    assert errors.from_os_error(OSError(errno.ENOSPC, "x"), "no").context == {"errno": "ENOSPC"}


def test_our_environment_error_is_not_an_os_error() -> None:
    assert not issubclass(errors.EnvironmentError, OSError)


def test_the_json_form_has_codes_as_their_text_and_reads_back() -> None:
    error = caused(errors.enverr(ErrorCode.IO, "lost", a=2), OSError("gone"))
    record = ErrorRecord.from_error(error)
    assert json.loads(record.model_dump_json()) == {
        "error_code": "ERR_IO",
        "error_kind": "Environment",
        "message": "lost",
        "context": {"a": "2"},
        "cause": "OSError: gone",
    }
    assert ErrorRecord.model_validate_json(record.model_dump_json()) == record


def test_the_json_form_of_a_pickled_error_is_the_same() -> None:
    error = caused(errors.enverr(ErrorCode.IO, "lost", a=2), OSError("gone"))
    copy = pickle.loads(pickle.dumps(error))
    assert ErrorRecord.from_error(copy) == ErrorRecord.from_error(error)


def test_importing_the_errors_imports_no_dependency() -> None:
    import subprocess

    script = (
        "import sys; import pytest_recorder.errors, pytest_recorder.compat;"
        "print([m for m in ('pydantic', 'orjson', 'pytest', 'sysconfig') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
