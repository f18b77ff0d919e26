"""What a folder's `index.json` must be to be read at all."""

import os
import sys
from pathlib import Path

import pytest

from pytest_recorder.errors import ErrorCode, TargetError
from pytest_recorder.tracefile.index import (
    INDEX_NAME,
    INDEX_PAGE_NAME,
    MOST_BYTES,
    is_index_page,
    read_index,
)


def test_an_index_of_nothing_but_holes_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / INDEX_NAME
    file.touch()
    os.truncate(file, MOST_BYTES + 1)
    with pytest.raises(TargetError, match=f"more than {MOST_BYTES} bytes") as caught:
        read_index(tmp_path)
    assert caught.value.code is ErrorCode.TRACE_CORRUPT


@pytest.mark.skipif(sys.platform == "win32", reason="devices are files on POSIX")
def test_a_device_or_a_pipe_is_no_index(tmp_path: Path) -> None:
    # Of `/dev/zero`, or of a pipe, the end never comes.
    (tmp_path / INDEX_NAME).symlink_to(os.devnull)
    with pytest.raises(TargetError, match="no regular file") as caught:
        read_index(tmp_path)
    assert caught.value.code is ErrorCode.TRACE_CORRUPT
    (tmp_path / INDEX_NAME).unlink()
    for name in (INDEX_NAME, INDEX_PAGE_NAME):
        os.mkfifo(tmp_path / name)
    with pytest.raises(TargetError, match="no regular file"):
        read_index(tmp_path)
    assert not is_index_page(tmp_path / INDEX_PAGE_NAME)
