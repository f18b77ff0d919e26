"""Gives the JSON Schema of `index.json`, which `docs/` publishes."""

import json
from typing import Final

from pytest_recorder.tracefile.index import Index

SCHEMA_NAME: Final = "index.schema.json"


def schema_text() -> str:
    """Give the content of the schema file in `docs/`."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps({"$schema": dialect, **Index.model_json_schema()}, indent=2) + "\n"
