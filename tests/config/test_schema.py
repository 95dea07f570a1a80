"""The JSON Schema of `stormdoor check --schema` accepts correct files and rejects mistakes."""

import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from stormdoor.auth.kinds import KINDS
from stormdoor.config.document import read_document
from stormdoor.config.schema import config_schema
from stormdoor.config.shape import ConfigFile
from tests.config.files import GOOD, write
from tests.config.test_file import WRONG
from tests.support.project import ROOT

VALIDATOR = Draft202012Validator(config_schema())

PAGES = ("docs/reference/configuration.md", "docs/how-to/oauth-resource-server.md")


def _is_file(block: str) -> bool:
    """Return whether a block is a file or a table, and not a few lines of one."""
    try:
        return bool({*tomllib.loads(block)} & {*ConfigFile.__struct_fields__})
    except tomllib.TOMLDecodeError:
        return False  # two ways to write one option


BLOCKS = {
    f"{Path(page).stem}-{number}": block
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"```toml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    )
    if _is_file(block)
}
assert len(BLOCKS) >= 8


def rejected(text: str) -> list[str]:
    """Return the places of the mistakes that the schema finds in a file."""
    return [
        "/".join(map(str, one.absolute_path)) for one in VALIDATOR.iter_errors(tomllib.loads(text))
    ]


def test_it_is_a_schema() -> None:
    """A validator of JSON Schema 2020-12 accepts the schema itself, and each reference in it."""
    schema = config_schema()
    Draft202012Validator.check_schema(schema)
    references = set(re.findall(r"'#/\$defs/(\w+)'", str(schema)))
    assert references == set(schema["$defs"])


@pytest.mark.parametrize("name", BLOCKS)
def test_files_of_the_documentation(name: str) -> None:
    """Every example on the pages is valid."""
    assert rejected(BLOCKS[name]) == []


def test_good_file() -> None:
    """The file of the other tests is valid."""
    assert rejected(GOOD) == []


BAD: dict[str, tuple[str, str]] = {
    # the file, and the place at which the schema finds the mistake
    "misspelt option": ('orgins = ["https://a.example"]', ""),
    "misspelt limit": ("[limits]\nmesage_bytes = 1", "limits"),
    "number in a text": ('[limits]\nmessage_bytes = "1k"', "limits/message_bytes"),
    "text for a switch": ('production = "yes"', "production"),
    "number in a list of texts": ("origins = [1]", "origins/0"),
    "required": ('[[policies.permit]]\nid = "a"', "policies/permit/0"),
    "no kind": ("[[authenticators]]", "authenticators/0"),
    "misspelt kind": ('[[authenticators]]\nkind = "sesion"', "authenticators/0/kind"),
    "option of another kind": (
        '[[authenticators]]\nkind = "session"\nissuer = "i"',
        "authenticators/0",
    ),
    "kind without an option": ('[[authenticators]]\nkind = "jwt"', "authenticators/0"),
    "value of a choice": (
        '[[authenticators]]\nkind = "jwt"\nissuer = "i"\naudience = "a"\nkeys = []\nprincipals = "x"',
        "authenticators/0/principals",
    ),
    "secret as text": ('trail_key = "0123456789abcdef"', "trail_key"),
    "secret in two places": ('trail_key = { env = "A", file = "b" }', "trail_key"),
    "secret nowhere": ("trail_key = {}", "trail_key"),
    "kind that is a number": ("[[authenticators]]\nkind = 1", "authenticators/0/kind"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files(case: str, tmp_path: Path) -> None:
    """A mistake of a name or a type is found at its place, by the schema and by stormdoor."""
    text, place = BAD[case]
    assert place in rejected(text)
    document = read_document(write(tmp_path, text))
    assert document.problems or case.startswith("secret")


@pytest.mark.parametrize(
    "case",
    [
        name
        for name in WRONG
        if name.startswith(("misspelt", "wrong type")) and name != "misspelt algorithm"
    ],
)
def test_names_and_types_that_stormdoor_refuses(case: str) -> None:
    """The schema rejects each misspelt name and wrong type of the tests of the reader."""
    assert rejected(WRONG[case][0])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_described(kind: str) -> None:
    """Each kind has its options, and no other."""
    table = {"kind": kind, "zzz": 1}
    errors = list(VALIDATOR.iter_errors({"authenticators": [table]}))
    assert any("zzz" in one.message for one in errors)
