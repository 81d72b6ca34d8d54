"""The JSON Schema of a stream's file, with which editors complete and check it as it is written.

It accepts whatever the models accept. What they check beyond form, such as units, zones and paths, it leaves to them.
"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from telemetry.contracts.model import Stream
from telemetry.paths import STREAM_SCHEMA

MODELINE = f"# yaml-language-server: $schema={STREAM_SCHEMA}"
"""The first line of a stream's file: by it editors find the schema (yaml-language-server, "Using inlined schema")."""

SPELLINGS = ("0", "off", "f", "false", "n", "no", "1", "on", "t", "true", "y", "yes")
"""What pydantic takes for a boolean, in any case."""
PRIMITIVES = frozenset({"bool", "int", "float", "str"})


def stream_schema() -> dict[str, Any]:
    """The schema, in the dialect 2020-12."""
    schema = Stream.model_json_schema(schema_generator=_Generator)
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": "A stream's file"}


class _Generator(GenerateJsonSchema):
    """Adds what pydantic accepts in lax mode, such as ``yes`` for true, and the docstrings of fields."""

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        spelled = "|".join("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in word) for word in SPELLINGS)
        return {"type": ["boolean", "integer", "string"], "minimum": 0, "maximum": 1, "pattern": f"^({spelled})$"}

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return {**super().int_schema(schema), "type": ["integer", "string", "boolean"], "pattern": "[0-9]"}

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        pattern = "[0-9]|[iI][nN][fF]|[nN][aA][nN]"
        return {**super().float_schema(schema), "type": ["number", "string", "boolean"], "pattern": pattern}

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        return {"type": ["string", "number"]}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made

    def union_schema(self, schema: core_schema.UnionSchema) -> JsonSchemaValue:
        kinds = {(choice[0] if isinstance(choice, tuple) else choice)["type"] for choice in schema["choices"]}
        if "str" in kinds and kinds <= PRIMITIVES:
            return {"type": ["boolean", "number", "string"]}
        return super().union_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        for name, said in _docstrings(schema["cls"]).items():
            if name in made.get("properties", {}):
                made["properties"][name]["description"] = _markdown(said)
        if "description" in made:
            made["description"] = _markdown(made["description"])
        return made

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        return False


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings below the fields of a model.

    Pydantic's ``use_attribute_docstrings`` would read them too, but whenever the model is imported: in every function.
    """
    (definition,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - it is the source of a class
    return {
        field.target.id: inspect.cleandoc(doc.value.value)
        for field, doc in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant) and isinstance(doc.value.value, str)
    }


def _markdown(docstring: str) -> str:
    """A docstring as editors show it: one paragraph a line."""
    return "\n\n".join(" ".join(part.split()) for part in docstring.split("\n\n")).replace("``", "`")
