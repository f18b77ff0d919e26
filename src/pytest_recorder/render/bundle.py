"""Gives the scripts and style sheets that were built from `web/`, with the policy that allows them.

A page loads nothing: script and style stand in it, and its Content-Security-Policy allows these two
by their hashes, and nothing from anywhere else.
"""

import base64
import hashlib
from importlib import resources
from typing import NamedTuple

from pytest_recorder.errors import ErrorCode, enverr


class Bundle(NamedTuple):
    """What was built for one page, in ASCII."""

    script: str
    style: str

    @property
    def policy(self) -> str:
        """The content of the page's Content-Security-Policy."""
        return (
            f"default-src 'none'; script-src 'sha256-{_hash(self.script)}'; "
            f"style-src 'sha256-{_hash(self.style)}'; base-uri 'none'; form-action 'none'"
        )


def bundle(name: str) -> Bundle:
    """Read what was built for a page: `viewer` (a trace) or `folder` (the index of a folder).

    Raises EnvironmentError (ERR_IO) where the package was installed without it.
    """
    return Bundle(_asset(f"{name}.js"), _asset(f"{name}.css"))


def _asset(name: str) -> str:
    try:
        folder = resources.files("pytest_recorder.render") / "assets"
        return (folder / name).read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise enverr(
            ErrorCode.IO,
            f"the package was installed without {name!r}, it belongs to the viewer",
        ) from error


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("ascii")).digest()).decode("ascii")
