"""Pages that repeat a fact say what the code says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from stormdoor import (
    ConfigurationError,
    Guard,
    JwtIssuer,
    Limits,
    Target,
    guarded_server,
)
from stormdoor.auth.password.common_passwords import common_passwords
from stormdoor.auth.password.passwords import _MOST_THREADS, OWASP, Passwords
from stormdoor.auth.session.service import SessionService
from stormdoor.auth.ticket.service import TicketService
from stormdoor.config.file import read_options
from stormdoor.core.backoff import FAMILIAR_SECONDS, OWN
from stormdoor.core.condition import _OPERATORS
from stormdoor.core.credential import MAX_SECRET
from stormdoor.core.decision import Environment
from stormdoor.core.limits import COMMAND_LIMITS, OWN_PROTOCOL_LIMITS
from stormdoor.core.ticket import MAX_TICKET_SECONDS
from stormdoor.core.trail_budget import DAY_BYTES
from stormdoor.guard import store_space
from stormdoor.guard import trail as trail_module
from stormdoor.guard.credential_resolver import CredentialResolver
from stormdoor.guard.handshake import list_steps
from stormdoor.guard.handshake_checks import HandshakeChecks
from stormdoor.guard.rate_limiter import KeyedRateLimiter
from stormdoor.guard.registration import Registration
from stormdoor.guard.trail import Trail
from stormdoor.runtime import maintenance_loop
from stormdoor.stores import open_store
from stormdoor.tornado import session_handler
from stormdoor.tornado.fast import compat
from tests.config.files import write
from tests.docs.tables import threats
from tests.docs.test_links import anchors
from tests.matrix import PYTHONS
from tests.support.project import AUDIT, PACKAGE, ROOT, metadata
from tests.support.tornado_releases import RELEASES

REFERENCE = ROOT / "docs" / "reference"
EXPLANATION = ROOT / "docs" / "explanation"


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _section(page: Path, heading: str) -> str:
    [text] = re.findall(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", _text(page), re.MULTILINE | re.DOTALL
    )
    return str(text)


def _cells(text: str) -> dict[str, list[str]]:
    """The rows of the tables in `text`: the other cells by the first one, without its quotes."""
    rows = re.findall(r"^\| ([^|\n]+?) \|(.+)\|$", text, re.MULTILINE)
    return {
        first.strip().strip("`") if first.count("`") == 2 and first[0] == "`" else first: [
            one.strip() for one in rest.split("|")
        ]
        for first, rest in rows
    }


# -- compatibility.md ----------------------------------------------------------------------------

COMPATIBILITY = REFERENCE / "compatibility.md"


def test_supported_pythons() -> None:
    """The page and the classifiers name the same, and the matrix of tests has them all."""
    shown = _cells(_text(COMPATIBILITY))["Python"][0]
    versions = re.findall(r"3\.\d+", shown)
    classified = [
        found[1]
        for one in metadata()["project"]["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", one))
    ]
    assert versions == classified
    assert set(versions) <= set(PYTHONS)
    assert metadata()["project"]["requires-python"] == f">={versions[0]}"


def test_supported_tornados() -> None:
    """The page names the minor versions that the tests run on and that the fast protocol knows."""
    tested = sorted({".".join(one.split(".")[:2]) for one in RELEASES})
    shown = re.findall(r"\b\d\.\d+\b", _cells(_text(COMPATIBILITY))["Tornado"][0])
    assert shown == tested
    fast = _section(COMPATIBILITY, "The fast protocol")
    known = sorted(".".join(map(str, one)) for one in compat._KNOWN)
    assert re.findall(r"\b\d\.\d+\b", _cells(fast)["Tornado"][0]) == known == tested


def test_extras() -> None:
    """Each extra is there with what it brings; those for work on stormdoor are named apart."""
    section = _section(COMPATIBILITY, "Extras")
    rows = _cells(section)
    extras = metadata()["project"]["optional-dependencies"]
    own = {"bench", "docs", "dev"}
    assert [name for name in rows if name in extras] == [name for name in extras if name not in own]
    for name in set(extras) - own:
        brought = [re.split(r"[><=\[]", one)[0].lower() for one in extras[name]]
        assert rows[name][0].lower().split(", ") == brought, name
    [apart] = re.findall(
        r"^(`.*) are for the development of stormdoor itself\.$", section, re.MULTILINE
    )
    assert set(re.findall(r"`(\w+)`", apart)) == own


def test_extras_that_pages_name_exist() -> None:
    """`pip install 'stormdoor[...]'` names extras that there are, on every page."""
    extras = set(metadata()["project"]["optional-dependencies"])
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {
        name
        for page in pages
        for group in re.findall(r"stormdoor\[([\w,-]+)\]", _text(page))
        for name in group.split(",")
    }
    assert named
    assert named <= extras


def test_advice_to_install_is_for_an_environment() -> None:
    """A page with a command `pip install` makes a virtual environment, or leads to the page that does."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs" / "how-to").glob("*.md")]:
        text = _text(page)
        if re.search(r"^ *pip install ", text, re.MULTILINE):
            assert "-m venv" in text or "#in-a-virtual-environment" in text, page


def test_no_page_installs_a_name_that_is_not_published() -> None:
    """By such a name, pip fetches a package from its index that is not of this project."""
    by_name = re.compile(
        r"pip install (?:\S+ )*?['\"]?stormdoor(?:-audit)?(?:[\[=<>~'\"\s]|$)", re.MULTILINE
    )
    pages = [*ROOT.glob("*.md"), ROOT / "audit" / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = {
        page.name: by_name.findall(_text(page)) for page in pages if page.parent.name != "decisions"
    }
    assert {name: len(some) for name, some in found.items() if some} == {"installation.md": 1}


def test_messages_name_the_python_that_needs_a_package() -> None:
    """Debian's own Python refuses a bare `pip install`; `install_command` names one that works."""
    sources = [*PACKAGE.rglob("*.py"), *(ROOT / "audit" / "src").rglob("*.py")]
    bare = [
        path for path in sources if "pip install" in _text(path) and path.name != "installation.py"
    ]
    assert bare == []


def test_the_steps_of_a_handshake() -> None:
    """The page of the two paths has each step of a handshake, in order."""
    parts: Any = (HandshakeChecks, CredentialResolver, Registration)
    steps = list_steps(*parts)
    of_a_handshake: list[Any] = [
        *(*steps.request, *steps.credential, steps.beat, steps.authentication, steps.bond),
        *(*steps.registration, steps.account),
    ]
    section = _section(EXPLANATION / "architecture.md", "A connection").partition("### Each step")[
        2
    ]
    rows = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    assert rows[0] == "step"
    assert rows[2:] == [one.name for one in of_a_handshake]


# -- asvs.md -------------------------------------------------------------------------------------

_ITEM = r"\d{1,2}\.\d{1,2}\.\d{1,2}"


def _claimed() -> dict[str, set[str]]:
    """The requirements that docstrings and comments of the package cite, and where."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for cited in re.findall(rf"ASVS ({_ITEM}(?:(?:, | and | to ){_ITEM})*)", _text(path)):
            items = re.findall(_ITEM, cited)
            if " to " in cited:
                head, first = items[0].rsplit(".", 1)
                last = items[-1].rsplit(".", 1)[1]
                items = [f"{head}.{number}" for number in range(int(first), int(last) + 1)]
            for item in items:
                found.setdefault(item, set()).add(path.relative_to(PACKAGE).as_posix())
    return found


def test_every_requirement_that_the_code_cites_is_listed() -> None:
    """Each requirement that the code cites is listed as met, and not below "Not met"."""
    met, _, not_met = _text(REFERENCE / "asvs.md").partition("## Not met")
    claimed = _claimed()
    assert len(claimed) > 20
    assert {item for item in claimed if f"| {item} |" not in met} == set()
    assert {item for item in claimed if f"| {item} |" in not_met} == set()
    assert set(re.findall(_ITEM, met)) & set(re.findall(_ITEM, not_met)) == set()


def test_common_passwords_are_as_many_as_the_page_says() -> None:
    """ASVS 6.2.4 asks for 3000."""
    row = _cells(_text(REFERENCE / "asvs.md"))["6.2.4"]
    [said] = re.findall(r"the (\d+) most common", row[1])
    assert int(said) <= len(common_passwords()) < int(said) * 1.02


# -- threat-model.md and SECURITY.md -------------------------------------------------------------

MISSING = {
    "Rates and caps across processes.": "class ValkeyRateLimits",
    "A list of breached passwords.": "breached_passwords",
}
"""Each thing that is said to be missing, and a text that would stand in the package if it were built."""


def test_what_is_missing_is_missing() -> None:
    """The page lists exactly the features that are missing; a change that adds one must correct it."""
    section = _section(EXPLANATION / "threat-model.md", "What is missing")
    assert re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE) == list(MISSING)
    sources = "\n".join(_text(path) for path in PACKAGE.rglob("*.py"))
    assert {name for name, text in MISSING.items() if text in sources} == set()
    for url in ("valkey://localhost", "redis://localhost"):
        with pytest.raises(ConfigurationError):
            open_store(url)
    for name in ("rate_limits", "breached"):
        assert name not in inspect.signature(Guard).parameters


def test_security_policy_leads_somewhere() -> None:
    """The links of the security policy name existing headings."""
    targets = re.findall(r"\]\(([^)#\s]+)#([\w-]+)\)", _text(ROOT / "SECURITY.md"))
    assert targets
    for path, anchor in targets:
        assert anchor in anchors(ROOT / path), f"{path}#{anchor}"


# -- configuration.md ----------------------------------------------------------------------------

_NAMES = "orgins = []\nhosst = []\n"
_TYPES = 'ticket_seconds = "a"\ntrail_days = "b"\n'
_VALUES = 'origins = ["x"]\nhosts = ["a b"]\n'


def _found(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_options(write(tmp_path, text))
    return str(caught.value).splitlines()


def test_mistakes_of_all_kinds_are_reported_at_once(tmp_path: Path) -> None:
    """The page says that one round reports names, types and values, each with its line."""
    page = _text(REFERENCE / "configuration.md")
    assert "All mistakes are reported in one round, each with its line" in page
    found = [line.split(": ")[:2] for line in _found(tmp_path, _NAMES + _TYPES + _VALUES)]
    assert [place.rpartition(":")[2] for place, _ in found] == ["1", "2", "3", "4", "5", "6"]
    options = [option.partition("[")[0] for _, option in found]
    assert options == ["orgins", "hosst", "ticket_seconds", "trail_days", "origins", "hosts"]


# -- python.md, events.md ------------------------------------------------------------------------


def test_paths_and_operators_of_conditions() -> None:
    """The page lists each part of the circumstances, and each operator."""
    page = _text(REFERENCE / "python.md")
    section = page.partition("### Conditions as text")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(?:environment)?\.(\w+)`", section))
    fields = {*Environment.__dataclass_fields__, "hour", "weekday"}
    assert fields <= named
    operators = section.partition("The operators are ")[2].partition("\n")[0]
    assert set(re.findall(r"`([^`]+)`", operators)) == set(_OPERATORS)


def test_targets_of_a_revocation() -> None:
    """The page lists the targets that an operator may revoke."""
    page = _text(REFERENCE / "python.md")
    section = page.partition("## Administration")[2].partition("```")[0]
    named = set(re.findall(r"`([A-Z]+)`", section))
    assert named <= {one.name for one in Target}
    assert {"PRINCIPAL", "SESSION", "CREDENTIAL", "EVERYTHING"} <= named


# -- limits.md -----------------------------------------------------------------------------------


def _default(made_by: object, name: str) -> Any:
    return inspect.signature(made_by).parameters[name].default  # type: ignore[arg-type]


def _number(text: str) -> list[float]:
    """The numbers in a cell; a space or underscore inside of one does not count."""
    return [float(one.replace(" ", "")) for one in re.findall(r"\d[\d ]*\d|\d", text)]


def test_limits_beside_the_table() -> None:
    """Each bound beside the table has the value that the page states."""
    rows = _cells(_section(REFERENCE / "limits.md", "Other limits"))
    desk = {name: _default(SessionService, name) for name in ("idle_seconds", "absolute_seconds")}
    waiting = _default(Trail, "capacity")
    assert isinstance(waiting, int)
    expected: dict[str, list[object]] = {
        "the length of a credential": [MAX_SECRET],
        "the life of a session: unused, at most": [*desk.values(), 30],
        "sessions of one principal": [_default(SessionService, "max_sessions")],
        "the life of a ticket": [_default(TicketService, "seconds"), MAX_TICKET_SECONDS],
        "the life of an issued token": [_default(JwtIssuer, "seconds")],
        "the body of a request to `login_routes` or another `SessionHandler`": [
            session_handler._MAX_BODY // 1024,
            session_handler._MAX_READ // 1024,
        ],
        "passwords verified at once, and waiting": [
            _MOST_THREADS,
            _default(Passwords, "queue"),
        ],
        "entries of the trail that wait": [waiting, waiting // 4],
        "entries of the trail that unauthenticated clients cause": [
            trail_module._EACH_SECOND,
            DAY_BYTES // 2**20,
            24,
        ],
    }
    for name, numbers in expected.items():
        assert _number(rows[name][1]) == numbers, name
    counted = _section(REFERENCE / "limits.md", "Where limits are counted")
    remembered = _default(KeyedRateLimiter, "capacity")
    assert f"{remembered:,}".replace(",", " ") in counted
    assert "10" in rows["the time for the headers of a handshake"][1]
    assert "10 seconds" in (inspect.getdoc(guarded_server) or "")


_LIMITS = Limits()
_COUNTED = {17: "Seventeen"}
_WORD = {2: "two", 5: "five", 20: "Twenty"}
_HOUR = 3600
_SESSION = {name: _default(SessionService, name) for name in ("idle_seconds", "absolute_seconds")}
_TICKET = f"{_default(TicketService, 'seconds'):.0f} seconds"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (
            "reference/wire.md",
            (
                f"{_LIMITS.first_message_seconds:.0f} seconds and "
                f"{_LIMITS.first_message_bytes // 1024} KiB"
            ),
        ),
        (
            "reference/wire.md",
            f"`limits.expiry_notice_seconds` ({_LIMITS.expiry_notice_seconds:.0f})",
        ),
        ("reference/wire.md", f"within a minute ({_LIMITS.offences})"),
        ("reference/threats/message-flood.md", f"after {_LIMITS.offences} refusals"),
        (
            "reference/threats/message-flood.md",
            f"{_WORD[int(COMMAND_LIMITS.hold_seconds or 0)]} seconds of each minute",
        ),
        (
            "reference/threats/message-flood.md",
            f"it is {OWN_PROTOCOL_LIMITS.hold_seconds:.0f} seconds of each minute",
        ),
        ("reference/threats/message-injection.md", f"After {_LIMITS.offences} within a minute"),
        (
            "reference/threats/session-hijacking.md",
            (
                f"{_SESSION['idle_seconds'] // 60:.0f} minutes without use and "
                f"{_SESSION['absolute_seconds'] // _HOUR:.0f} hours"
            ),
        ),
        (
            "reference/threats/stale-authorization.md",
            f"{(_LIMITS.connection_seconds or 0) // _HOUR:.0f} hours unless",
        ),
        (
            "reference/threats/token-theft-and-replay.md",
            f"within {_TICKET} ({MAX_TICKET_SECONDS:.0f} at most)",
        ),
        (
            "reference/threats/token-theft-and-replay.md",
            f"{_WORD[int(_default(JwtIssuer, 'seconds') // 60)]} minutes unless",
        ),
        (
            "explanation/architecture.md",
            f"{_WORD[_LIMITS.offences]} refused messages within a minute",
        ),
        (
            "reference/threats/credential-stuffing.md",
            f"Argon2id ({OWASP.memory_kib // 1024} MiB, {OWASP.passes} passes)",
        ),
        (
            "reference/threats/credential-stuffing.md",
            f"after {_WORD[OWN.free]}, with delays that double up to {OWN.cap // 60:.0f} minutes",
        ),
        (
            "reference/threats/credential-stuffing.md",
            f"in the last {FAMILIAR_SECONDS // 86_400:.0f} days",
        ),
        (
            "reference/threats/credential-stuffing.md",
            (
                f"at most {_WORD[_MOST_THREADS]} at a time with "
                f"{_default(Passwords, 'queue')} waiting"
            ),
        ),
        ("explanation/which-credential.md", f"one handshake within {_TICKET}"),
        (
            "explanation/threat-model.md",
            f"[{_COUNTED[len(threats())]}](../reference/threats/index.md)",
        ),
    ],
)
def test_numbers_in_sentences(page: str, said: str) -> None:
    """A default that a sentence repeats is the default."""
    assert said in re.sub(r"\s+", " ", _text(ROOT / "docs" / page))


def test_room_of_the_store() -> None:
    """The pages say when the alarm is raised."""
    for page in (REFERENCE / "configuration.md", ROOT / "docs" / "how-to" / "trail.md"):
        assert "ten times `trail_budget_bytes`" in _text(page)
        assert "four fifths" in _text(page)
    assert store_space._FREE_DAYS == 10
    assert f"({10 * DAY_BYTES // 2**20} MiB)" in _text(page)
    assert store_space._NEARLY == 4 / 5


# -- layers.md, architecture.md ------------------------------------------------------------------

_WORDS = ("Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


def test_contracts_are_counted() -> None:
    """The page about layers lists as many contracts as import-linter keeps."""
    contracts = metadata()["tool"]["importlinter"]["contracts"]
    page = _text(EXPLANATION / "layers.md")
    assert f"{_WORDS[len(contracts) - 6]} contracts" in page
    assert len(re.findall(r"^\d+\. \*\*", page, re.MULTILINE)) == len(contracts)


def _layers(project: Path, container: str) -> list[set[str]]:
    """The rooms of a contract, from the top down."""
    [layers] = [
        one["layers"]
        for one in metadata(project)["tool"]["importlinter"]["contracts"]
        if one["type"] == "layers" and one.get("containers") == [container]
    ]
    order = [{name.strip("() ") for name in re.split(r"[|:]", row)} for row in layers]
    return [rooms for rooms in order if rooms != {"__main__"}]  # it starts the command


@pytest.mark.parametrize(
    ("page", "project", "container"),
    [("layers.md", ROOT, "stormdoor"), ("auditor.md", AUDIT, "stormdoor_audit.auditor")],
)
def test_rooms_are_listed_in_their_order(page: str, project: Path, container: str) -> None:
    """A contract and its page name the same rooms."""
    if not project.is_dir():
        pytest.skip("a source distribution has no audit/")
    text = _text(EXPLANATION / page).partition("| --- | --- |")[2].partition("\n\n")[0]
    shown = [
        {name.removesuffix(".py") for name in re.findall(r"`([\w.]+)`", row.split("|")[1])}
        for row in text.strip().splitlines()
    ]
    assert shown == _layers(project, container)


def test_the_heartbeat() -> None:
    """The page says how often it beats."""
    assert 1 / maintenance_loop._TICK_SECONDS == 4
    assert "four times a second" in _text(EXPLANATION / "architecture.md")
