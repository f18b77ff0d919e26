"""What a recorder learns between the tests of a run, and what of a manifest is put in once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy, Sourced


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    settings = Settings(root=tmp_path, dir=tmp_path)
    made = Recorder(settings, tmp_path, Policy())
    made.open()
    yield made
    made.close()


def edge(recorder: Recorder) -> None:
    recorder.span("call", "begin")


def test_a_secret_is_learned_beside_a_variable_that_changes_all_the_time(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.begin(test="a")
    for number, secret in enumerate(("hunter22x", "hunter33y", "hunter44z")):
        monkeypatch.setenv("SHOP_PHASE", f"phase{number}")
        edge(recorder)
        assert recorder.mask(f"at {secret}") == f"at {secret}"
        monkeypatch.setenv("SHOP_PHASE", f"later{number}")
        monkeypatch.setenv("SHOP_API_TOKEN", secret)
        edge(recorder)
        assert recorder.mask(f"at {secret}") == "at [redacted]"
        monkeypatch.delenv("SHOP_PHASE")
        edge(recorder)
    assert recorder.mask("later0 phase2") == "later0 phase2"


def test_what_a_name_tells_is_asked_again_where_a_test_has_rules_of_its_own(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.begin(test="a")
    monkeypatch.setenv("SHOP_PHASE", "hunter22x")
    edge(recorder)
    recorder.end()
    recorder.begin(test="b", settings=recorder.settings.but(redact=("shop phase",)))
    monkeypatch.setenv("SHOP_PHASE", "hunter33y")
    edge(recorder)
    assert recorder.mask("hunter22x hunter33y") == "hunter22x [redacted]"


def test_each_manifest_has_the_policy_of_its_test(recorder: Recorder, tmp_path: Path) -> None:
    found: list[dict[str, object]] = []
    for keep_partial in (True, False, True):
        policy = Policy(keep_partial_trace=keep_partial)
        recorder.begin(test="a", policy=Sourced(policy, {"keep_partial_trace": "a marker"}))
        spool = next(tmp_path.glob("*.pyspool")).read_bytes()
        start = spool.index(b'{"format"')
        found.append(json.JSONDecoder().raw_decode(spool[start:].decode("latin-1"))[0])
        recorder.end()
        recorder.drop()
    kept = [manifest["policy"]["keep_partial_trace"] for manifest in found]  # type: ignore[index]
    assert kept == [True, False, True]
    assert found[0]["policy_sha256"] != found[1]["policy_sha256"]
    assert found[0]["policy_sha256"] == found[2]["policy_sha256"]
    assert len({manifest["trace_id"] for manifest in found}) == 3
