"""What a trace says about the policy of its test."""

import pytest

from pytest_recorder import open_trace
from pytest_recorder.settings.policy import Policy, policy_digest
from tests.plugin.support import index, run


def test_the_manifest_has_the_policy_of_its_test_and_where_it_came_from(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODETRACER_LOG_LEVEL", "debug")
    pytester.makeini("[pytest]\nrecord_keep_partial = false\n")
    pytester.makepyfile(
        """
        import pytest

        def test_plain():
            pass

        @pytest.mark.record(on_error="abort", errors="internal=stop", keep_partial=True)
        def test_marked():
            pass
        """
    )
    run(pytester, "--record-trace", "--record-keep=all", "--record-require-trace")
    found = {}
    for entry in index(pytester):
        with open_trace(pytester.path / "test-traces" / entry["trace"]) as trace:
            found[entry["test"].partition("::")[2]] = trace.manifest
    plain, marked = found["test_plain"], found["test_marked"]
    assert plain.policy["on_recorder_error"] == "disable"
    assert plain.policy_sources == {
        "on_recorder_error": "default",
        "require_trace": "--record-require-trace (command line)",
        "keep_partial_trace": "record_keep_partial (ini)",
        "log_level": "CODETRACER_LOG_LEVEL (environment)",
        "log_file": "default",
        "json_errors": "default",
        "record_errors": "default",
    }
    assert marked.policy["on_recorder_error"] == "abort"
    assert marked.policy["keep_partial_trace"] is True
    assert marked.policy_sources == plain.policy_sources | {
        "on_recorder_error": "on_error (marker)",
        "keep_partial_trace": "keep_partial (marker)",
        "record_errors": "errors (marker)",
    }
    for manifest in (plain, marked):
        digest = policy_digest(Policy.checked(manifest.policy))
        assert manifest.policy_sha256 == digest
    assert plain.policy_sha256 != marked.policy_sha256
