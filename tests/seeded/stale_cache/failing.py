import pytest
from permissions import Archive, Directory


@pytest.fixture
def directory():
    directory = Directory()
    directory.add_group("staff")
    directory.add_group("editors", "staff")
    directory.grant("staff", "read", "remove")
    directory.grant("editors", "write")
    directory.add_user("ada", "editors")
    return directory


def test_a_right_that_is_taken_away_is_gone(directory):
    archive = Archive(directory)
    archive.put("ada", "plan", "secret")
    assert archive.read("ada", "plan") == "secret"
    directory.revoke("staff", "remove")
    may_remove = directory.may("ada", "remove")
    assert not may_remove
