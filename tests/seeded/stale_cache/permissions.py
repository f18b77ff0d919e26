"""Who may do what: users in groups, groups in groups, and rights that groups give."""

import logging
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)


class Denied(Exception):
    """A user may not do this."""


@dataclass
class Group:
    name: str
    rights: set = field(default_factory=set)
    parents: list = field(default_factory=list)

    def grant(self, *rights):
        self.rights.update(rights)

    def revoke(self, right):
        self.rights.discard(right)


@dataclass
class User:
    name: str
    groups: list = field(default_factory=list)


class Directory:
    """Knows users and groups, and remembers what users may do."""

    def __init__(self):
        self.users = {}
        self.groups = {}
        self._rights = {}

    def add_group(self, name, *parents):
        group = Group(name, parents=[self.groups[parent] for parent in parents])
        self.groups[name] = group
        return group

    def add_user(self, name, *groups):
        self.users[name] = User(name, list(groups))
        return self.users[name]

    def join(self, user, group):
        self.users[user].groups.append(group)
        self._forget(user)

    def leave(self, user, group):
        self.users[user].groups.remove(group)
        self._forget(user)

    def grant(self, group, *rights):
        self.groups[group].grant(*rights)
        self._rights.clear()

    def revoke(self, group, right):
        """Take a right from a group."""
        self.groups[group].revoke(right)
        for name, user in self.users.items():
            if group in user.groups:
                self._forget(name)

    def _forget(self, user):
        self._rights.pop(user, None)

    def _all_groups(self, user):
        waiting = [self.groups[name] for name in self.users[user].groups]
        seen = []
        while waiting:
            group = waiting.pop()
            if group not in seen:
                seen.append(group)
                waiting.extend(group.parents)
        return seen

    def rights_of(self, user):
        if user not in self._rights:
            found = set()
            for group in self._all_groups(user):
                found |= group.rights
            self._rights[user] = frozenset(found)
        return self._rights[user]

    def may(self, user, right):
        return right in self.rights_of(user)

    def check(self, user, right):
        if not self.may(user, right):
            message = f"{user} may not {right}"
            raise Denied(message)
        logger.debug("%s may %s", user, right)


class Archive:
    """Documents that not everybody may see or remove."""

    def __init__(self, directory):
        self.directory = directory
        self.documents = {}

    def put(self, user, name, text):
        self.directory.check(user, "write")
        self.documents[name] = text

    def read(self, user, name):
        self.directory.check(user, "read")
        return self.documents[name]

    def remove(self, user, name):
        self.directory.check(user, "remove")
        return self.documents.pop(name)
