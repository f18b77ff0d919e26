"""Reads what the interpreter keeps of types and exceptions in slots of its own.

PYTEST_DONT_REWRITE

An attribute can be anything: a property of the program's, a name that its class has taken. These
run no code, and give what is true.
"""

from typing import Any, Final

_type: Any = type.__dict__
_error: Any = BaseException.__dict__
_group: Any = BaseExceptionGroup.__dict__

mro_of: Final = _type["__mro__"].__get__
namespace_of: Final = _type["__dict__"].__get__
dictoffset_of: Final = _type["__dictoffset__"].__get__
flags_of: Final = _type["__flags__"].__get__
name_of: Final = _type["__name__"].__get__
qualname_of: Final = _type["__qualname__"].__get__
module_of: Final = _type["__module__"].__get__

args_of: Final = _error["args"].__get__
traceback_of: Final = _error["__traceback__"].__get__
cause_of: Final = _error["__cause__"].__get__
context_of: Final = _error["__context__"].__get__
message_of_group: Final = _group["message"].__get__
members_of_group: Final = _group["exceptions"].__get__
