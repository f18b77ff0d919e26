"""Reads the state of an instance through the C descriptors of its classes.

PYTEST_DONT_REWRITE
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import types
from itertools import islice
from typing import Any

from pytest_recorder.engine.pure.shapes import TypeReader, instance_dict
from pytest_recorder.engine.streams import is_hook
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.slots import mro_of, namespace_of


def state_of(value: Any, reader: TypeReader, most: int) -> tuple[list[tuple[str, Any]], int]:
    """Read slots and instance dictionary by C descriptors, bounded; give the true count."""
    found: list[tuple[str, Any]] = []
    mro = mro_of(type(value))
    for place, name, shown in reader.slots:
        if place >= len(mro):
            continue  # the bases of a class can be changed
        descriptor = reader.look_up(namespace_of(mro[place]), name)
        if type(descriptor) is types.MemberDescriptorType:
            try:
                found.append((shown, descriptor.__get__(value)))
            except (AttributeError, TypeError):
                # Without a value, or another class's descriptor under a name in this one.
                continue
    full = len(found)
    namespace = instance_dict(value, mro, reader.dict_at, reader.look_up)
    if namespace is not None:
        full += dict.__len__(namespace)
        pairs = tuple(islice(dict.items(namespace), most))
        for name, item in pairs:
            if type(item) is types.FunctionType and is_hook(item):
                full -= 1
            elif type(name) is str:
                found.append((name, item))
    return found, full
