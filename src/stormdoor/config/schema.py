"""The JSON Schema of the configuration file, for editors: generated from the types of its tables."""

from __future__ import annotations

from typing import Any

import msgspec

from stormdoor.auth.kinds import find_kind, kind_names
from stormdoor.config.preset import preset_names
from stormdoor.config.shape import ConfigFile
from stormdoor.settings.secret import SecretTable

__all__ = ["config_schema"]

_REF = "#/$defs/{name}"
_TEXT = {"type": "string"}
_NULL = {"type": "null"}


def config_schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12) of `stormdoor.toml`, with the kinds that are installed here.

    It describes names and types. Values, such as rates and origins, are checked when the file is read.
    """
    found = {name: find_kind(name) for name in kind_names()}
    kinds = {name: kind for name, kind in found.items() if kind is not None}
    shown, definitions = msgspec.json.schema_components(
        [ConfigFile, SecretTable, *(kind.settings for kind in kinds.values())], ref_template=_REF
    )
    root, secret, *tables = shown
    definitions = {name: _in_toml(one, secret) for name, one in definitions.items()}
    file = definitions.pop(_name(root))
    # The one text that may be a secret or stand in the file.
    file["properties"]["store"] = {"anyOf": [_TEXT, secret]}
    file["properties"]["preset"] = {"enum": list(preset_names())}
    definitions[_name(secret)]["oneOf"] = [
        {"required": [where]} for where in ("env", "file", "insecure_inline")
    ]
    for name, table in zip(kinds, tables, strict=True):
        options = definitions[_name(table)]
        options["properties"] = {"kind": {"const": name}, **options["properties"]}
        options["required"] = ["kind", *options["required"]]
    file["properties"]["authenticators"]["items"] = {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(kinds)}},
        # Not oneOf: a validator then names the mistake in the table, not that no kind fits.
        "allOf": [
            {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": table}
            for name, table in zip(kinds, tables, strict=True)
        ],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **file,
        "title": "stormdoor configuration",
        "$defs": definitions,
    }


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _in_toml(part: Any, secret: dict[str, Any]) -> Any:
    """Return a part of a schema without null, which TOML lacks, and without secrets as plain text."""
    if isinstance(part, list):
        return [_in_toml(one, secret) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _in_toml(one, secret) for name, one in part.items()}
    if found.get("default", ...) is None:
        del found["default"]
    if "anyOf" in found:
        either = [one for one in found["anyOf"] if one != _NULL]
        if secret in either:
            either = [one for one in either if one != _TEXT]
        del found["anyOf"]
        found |= either[0] if len(either) == 1 else {"anyOf": either}
    return found
