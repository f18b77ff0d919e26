"""What is released: the same versions of Python everywhere, and workflows that can run."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("ruamel.yaml", reason="comes with what `just lint` needs")

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WHEELS = PROJECT["tool"]["cibuildwheel"]
PLATFORMS = (
    "manylinux_x86_64",
    "manylinux_aarch64",
    "musllinux_x86_64",
    "musllinux_aarch64",
    "macosx_x86_64",
    "macosx_arm64",
    "win_amd64",
)


def workflow(name: str) -> Any:
    # YAML 1.2: `on` is a word, as GitHub reads it.
    return yaml.YAML(typ="safe").load((ROOT / ".github/workflows" / name).read_text())


def steps(job: Any, start: str) -> list[Any]:
    """Give the steps that use an action, or run a command, that starts so."""
    return [s for s in job["steps"] if str(s.get("uses", s.get("run"))).startswith(start)]


def minors() -> list[str]:
    prefix = "Programming Language :: Python :: 3."
    found = PROJECT["project"]["classifiers"]
    return [f"3.{line[len(prefix) :]}" for line in found if line.startswith(prefix)]


def is_built(identifier: str) -> bool:
    return any(fnmatch(identifier, pattern) for pattern in WHEELS["build"])


def test_the_versions_are_without_a_gap_from_the_oldest_on() -> None:
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=3.")
    assert minors() == [f"3.{int(oldest) + n}" for n in range(len(minors()))]


def test_what_ci_looks_for_begins_with_the_oldest() -> None:
    looked_for = re.search(
        r"sys\.version_info >= \((\d+), (\d+)\)", (ROOT / ".ci/run").read_text()
    )
    assert looked_for is not None
    assert f"{looked_for[1]}.{looked_for[2]}" == minors()[0]


def test_each_version_has_a_wheel_on_each_platform_and_no_other_one() -> None:
    all_tags = [f"cp3{minor}{t}" for minor in range(8, 30) for t in ("", "t")]
    for platform in PLATFORMS:
        built = [tag for tag in all_tags if is_built(f"{tag}-{platform}")]
        assert built == [f"cp{minor.replace('.', '')}" for minor in minors()]
    assert not is_built("pp311-manylinux_x86_64")


def test_the_platforms_are_those_that_are_promised() -> None:
    archs = {name: WHEELS[name]["archs"] for name in ("linux", "macos", "windows")}
    assert archs == {
        "linux": ["x86_64", "aarch64"],
        "macos": ["x86_64", "arm64"],
        "windows": ["AMD64"],
    }
    systems = {
        name.split("-")[0]
        for name in workflow("release.yml")["jobs"]["wheels"]["strategy"]["matrix"]["os"]
    }
    assert systems == {"ubuntu", "macos", "windows"}


def test_a_wheel_is_tested_by_what_is_there() -> None:
    script = re.search(r"\{project\}/(\S+)", WHEELS["test-command"])
    assert script is not None
    assert (ROOT / script[1]).is_file()


def test_the_pull_request_runs_what_everybody_runs_on_each_version() -> None:
    job = workflow("ci.yml")["jobs"]["run"]
    assert steps(job, ".ci/run")
    given = steps(job, "actions/setup-python")[0]["with"]["python-version"].split()
    assert sorted(given) == minors()


def test_only_the_job_that_publishes_may_ask_for_an_identity() -> None:
    release = workflow("release.yml")
    assert list(release["on"]["push"]) == ["tags"]
    jobs = release["jobs"]
    asking = [n for n, job in jobs.items() if "id-token" in job.get("permissions", {})]
    assert asking == ["publish"]
    assert "id-token" not in release["permissions"]
    publish = jobs["publish"]
    assert publish["environment"]["name"] == "pypi"
    assert publish["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert set(publish["needs"]) == set(jobs) - {"publish"}
    uploaded = steps(publish, "pypa/gh-action-pypi-publish")
    assert len(uploaded) == 1
    assert "password" not in uploaded[0].get("with", {})


def test_a_pure_wheel_lies_beside_the_others() -> None:
    job = workflow("release.yml")["jobs"]["pure"]
    (built,) = steps(job, "python -m build")
    assert built["env"]["PYTEST_RECORDER_BUILD"] == "pure"


def test_every_job_ends_in_time() -> None:
    for name in ("ci.yml", "release.yml"):
        for job in workflow(name)["jobs"].values():
            assert job["timeout-minutes"] <= 90
