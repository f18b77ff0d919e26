"""Gives the JSON Schema of `index.json`, which `docs/` publishes, and the models that it is of."""

import json
from dataclasses import MISSING, fields
from typing import Any, Final, Literal, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from pytest_recorder.tracefile import index

SCHEMA_NAME: Final = "index.schema.json"
_CONFIG: Final = ConfigDict(frozen=True, extra="allow")


def _model(plain: type[Any], first: dict[str, Any], **types: Any) -> type[BaseModel]:
    """Make the model of a plain class: its fields with what they say, of these types instead."""
    written = get_type_hints(plain) | types
    found = dict(first)
    for each in fields(plain):
        if each.name != "extra":
            default = ... if each.default is MISSING else each.default
            says = each.metadata["description"]
            found[each.name] = written[each.name], Field(default, description=says)
    # mypy does not see which class is made.
    return cast(  # pyright: ignore[reportUnnecessaryCast]
        "type[BaseModel]",
        create_model(plain.__name__, __config__=_CONFIG, __doc__=plain.__doc__, **found),
    )


_Version: Final = (Literal[1], Field(alias="schema", description="version of this schema"))
EntryModel: Final = _model(index.Entry, {})
IndexModel: Final = _model(
    index.Index,
    {"schema_": _Version},
    tests=tuple[EntryModel, ...],  # type: ignore[valid-type]  # made above
)


def schema_text() -> str:
    """Give the content of the schema file in `docs/`."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps({"$schema": dialect, **IndexModel.model_json_schema()}, indent=2) + "\n"
