"""Getting in as the owner says: tokens in pages, OAuth, scripts of steps, and a file of identities."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tornado.web import HTTPError, RequestHandler

from audit_tests.prober.servers import ALICE, BOB, KEY, Feed, probed, serving, slugs, states
from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.document import BadDocument
from stormdoor_audit.prober.entrance import ClientCredentials, Entrance, PageToken, fill
from stormdoor_audit.prober.identities import learned, read_identities
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import LoginFailed
from stormdoor_audit.prober.member import Member, entered
from stormdoor_audit.prober.recorded import read_recording
from stormdoor_audit.prober.recording import Action
from stormdoor_audit.prober.steps import read_steps
from stormdoor_audit.prober.toml import open_table

PAGES = {
    "meta": '<meta name="csrf-token" content="not-this-one-0123"><meta name="api-token" content="T">',
    "script": '<script>window.config = {"accessToken": "T", user: "alice"}</script>',
    "two": '<script>let token = "TTTTTTTTT"; let apiKey = "another-one-0123"</script>',
    "none": "<p>hello</p>",
}


class Tokens(Feed):
    def allowed(self) -> bool:
        return self.request.headers.get("Authorization") == f"Bearer {KEY}"


class Holds(RequestHandler):
    """A page for members that holds the token."""

    def get(self, name: str) -> None:
        if self.get_cookie("session") is None:
            raise HTTPError(401)
        self.finish(PAGES[name].replace("TTTTTTTTT", KEY).replace('"T"', f'"{KEY}"'))


class TokenEndpoint(RequestHandler):
    """An authorization server that takes its client's secret in one of the two ways."""

    basic = True

    def post(self) -> None:
        given = self.request.headers.get("Authorization", "").removeprefix("Basic ")
        pair = base64.b64decode(given).decode() if self.basic else ""
        form = f"{self.get_body_argument('client_id', '')}:{self.get_body_argument('client_secret', '')}"
        if (pair if self.basic else form) != "probe:s3cr%3Dt".replace(
            "%3D", "%3D" if self.basic else "="
        ):
            self.set_status(401)
            self.finish({"error": "invalid_client"})
        elif self.get_body_argument("grant_type") == "client_credentials":
            self.finish({"access_token": KEY, "token_type": "Bearer"})


class InTheForm(TokenEndpoint):
    basic = False


COOKIE = Identity("alice", cookies=(("session", "of-alice"),))


@pytest.mark.parametrize(
    ("page", "more", "said"),
    [
        ("meta", {}, ""),
        ("script", {}, ""),
        ("two", {}, "more than one token"),
        ("two", {"name": "token"}, ""),
        ("two", {"pattern": r'token = "([^"]+)"'}, ""),
        ("none", {}, "nothing that is named like a token"),
        ("meta", {"name": "nope"}, "has no nope"),
    ],
)
async def test_token_in_a_page(page: str, more: dict[str, Any], said: str) -> None:
    """It is found by its name or by a pattern; where there are two, it is not guessed which."""
    async with serving(Tokens, ("/page/(.*)", Holds)) as port:
        way = PageToken(f"http://127.0.0.1:{port}/page/{page}", **more)
        if said:
            with pytest.raises(LoginFailed, match=said):
                await entered(Member(COOKIE, entrances=(way,)), Budget())
            return
        report = await probed(port, owner=COOKIE, entrances=(way,))
    assert slugs(report) == set()
    assert states(report)["authentication"] == "guarded"
    assert KEY not in str(report)


@pytest.mark.parametrize("endpoint", [TokenEndpoint, InTheForm])
async def test_client_credentials(endpoint: Any) -> None:
    """With HTTP Basic, and where that is refused in the form; `{token}` says where the token goes."""
    async with serving(Tokens, ("/token", endpoint)) as port:
        way = ClientCredentials(f"http://127.0.0.1:{port}/token", "probe", "s3cr=t")
        assert "s3cr=t" not in repr(way)
        bearer, _ = await entered(Member(Identity("a"), entrances=(way,)), Budget())
        who = Identity("a", query=(("token", "{token}"),))
        query, _ = await entered(Member(who, entrances=(way,)), Budget())
        wrong = ClientCredentials(way.url, "probe", "wrong")
        with pytest.raises(LoginFailed, match="401 invalid_client"):
            await entered(Member(Identity("a"), entrances=(wrong,)), Budget())
    assert bearer.identity.headers == (("Authorization", f"Bearer {KEY}"),)
    assert query.identity.query == (("token", KEY),)
    assert query.identity.headers == ()
    assert {KEY, "s3cr=t"} <= set(query.identity.secrets())


NONCE = "n-0123456789"


class Challenge(RequestHandler):
    """A login that wants the password hashed with a nonce, and names its cookie after the port."""

    def get(self) -> None:
        self.finish(f'<form data-nonce="{NONCE}">{self.xsrf_token.decode()}</form>')

    def post(self) -> None:
        body = json.loads(self.request.body)
        good = hashlib.sha256(f"{NONCE}hunter2-and-more".encode()).hexdigest()
        if body != {"user": {"name": "alice"}, "digest": good}:
            raise HTTPError(403)
        self.set_cookie(f"session-{self.request.host.rpartition(':')[2]}", KEY)


class ByPort(Feed):
    def allowed(self) -> bool:
        return self.get_cookie(f"session-{self.request.host.rpartition(':')[2]}") == KEY


STEPS = """\
at = "http://127.0.0.1:{port}"
secret = {{ password = "env:STEP_PASSWORD" }}

[[step]]
get = "/login"
capture = {{ nonce = {{ pattern = 'data-nonce="([^"]+)"' }}, xsrf = {{ cookie = "_xsrf" }} }}

[[step]]
make = {{ digest = ["sha256", "{{nonce}}{{password}}"] }}
post = "/login"
json = {{ user = {{ name = "alice" }}, digest = "{{digest}}" }}
header = {{ X-XSRFToken = "{{xsrf}}" }}
expect = 200
"""


async def _stepped(port: int, text: str, tmp_path: Path) -> Entrance:
    file = tmp_path / "steps.toml"
    file.write_text(text.format(port=port))
    return read_steps(open_table(file))


async def test_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login of two steps answers a challenge with a hash, and keeps a cookie of any name."""
    monkeypatch.setenv("STEP_PASSWORD", "hunter2-and-more")
    async with serving(ByPort, ("/login", Challenge), xsrf_cookies=True) as port:
        way = await _stepped(port, STEPS, tmp_path)
        report = await probed(port, entrances=(way,), listen=0.08)
        assert states(report)["authentication"] == "guarded"
        assert "hunter2" not in str(report)
        assert "hunter2" not in repr(way)
        for text, said in (
            (
                STEPS.replace("hunter2", "x").replace('"sha256"', '"sha1"'),
                "step 2 .* was answered 403",
            ),
            (STEPS.replace("data-nonce", "data-none"), "step 1: its answer has no pattern"),
            (STEPS.replace("{{xsrf}}", "{{other}}"), "step 2 uses {other}"),
        ):
            with pytest.raises(LoginFailed, match=said):
                broken = await _stepped(port, text, tmp_path)
                await entered(Member(Identity("a"), entrances=(broken,)), Budget())


def test_fill() -> None:
    """Only what is known is replaced: braces of JSON stay."""
    assert fill('{"a": "{token}", "{b}": {}}', {"token": "t"}) == '{"a": "t", "{b}": {}}'


IDENTITIES = """\
[identity.alice]
cookie = { session = "@alice.txt" }
ids = { doc = ["4711", "4713"] }
private = ["the plan of alice"]
replay = "talk.txt"

[identity.bob]
bearer = "env:BOB"
ids = { doc = "4712" }
allow = ["list", "read*"]

[identity.nobody]
allow = []

[action.count]
allow = ["alice"]
reads = true
"""


def test_identities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file declares identities with secrets from other files, and their permissions."""
    monkeypatch.setenv("BOB", "b-0123456789")
    (tmp_path / "alice.txt").write_text("alice-session-0123456789\n")
    file = tmp_path / "identities.toml"
    file.write_text(IDENTITIES)
    found = read_identities(file)
    assert found.owner.identity == ALICE
    assert found.owner.ids == (("doc", "4711"), ("doc", "4713"))
    assert found.owner.recordings == (str(tmp_path / "talk.txt"),)
    bob, nobody = found.others
    assert bob.identity.headers == (("Authorization", "Bearer b-0123456789"),)
    policy = found.policy
    assert policy.meant("count #2", "bob", bob.allow) == "refused"
    assert policy.meant("reads", "bob", bob.allow) == "allowed"
    assert policy.meant("say", "bob", bob.allow) == "refused"
    assert policy.meant("list", "nobody", nobody.allow) == "refused"
    assert policy.meant("say", "alice", None) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[identity.alice]\ncookies = {}", "did you mean `cookie`"),
        ("[identity.alice]\nallow = []", "say how alice gets in"),
        ("[identity.nobody]\nbearer = 'x'", "the identity `nobody` has no credential"),
        ("", r"no \[identity.NAME\]"),
        ("[identity.a]\nbearer = 'x'\nids = ['7']", "too short"),
        ("[identity.a]\nbearer = 'x'\n[action.b]\nallow = ['c']", "no identity 'c'"),
        ("[identity.a]\nbearer = 7", "`bearer` is a text"),
        ("[identity.a]\nbearer = '@nothing'", "cannot be read"),
        ("[identity.a]\nbearer = 'env:STORMDOOR_NOT_THERE'", "has no STORMDOOR_NOT_THERE"),
        ("[identity.a]\ntoken = { from = 'x', pattern = '(' }", "no regular expression"),
        ("[identity", "is no TOML"),
    ],
)
def test_bad_identities(text: str, said: str, tmp_path: Path) -> None:
    """A misspelt, missing or mistyped entry is named."""
    file = tmp_path / "identities.toml"
    file.write_text(text)
    with pytest.raises(BadDocument, match=said):
        read_identities(file)


TALK = """\
# What alice said.
>? {"type":"list"}
<  {"type":"documents"}
>  {"type":"say","text":"hi"}
>  {"type":"say","text":"ho"}
>  {"type":"say","text":"hi"}
"""


def test_recordings(tmp_path: Path) -> None:
    """Text and JSON lines say the same; what is not marked is no read, and is sent once."""
    text, lines = tmp_path / "talk.txt", tmp_path / "talk.jsonl"
    text.write_text(TALK)
    lines.write_text(
        '{"send": {"type": "list"}, "reads": true}\n{"receive": {"type": "documents"}}\n'
        '{"send": "{\\"type\\":\\"say\\"}", "name": "speak"}\n'
    )
    [one], [two] = read_recording(text), read_recording(lines)
    assert [(a.name, a.reads) for a in one.actions] == [
        ("list", True),
        ("say", False),
        ("say #2", False),
    ]
    assert [(a.name, a.reads) for a in two.actions] == [("list", True), ("speak", False)]
    assert [a.reads for a in one.declared(["say*"]).actions] == [True, True, True]
    for wrong in ("say hi", "# nothing"):
        text.write_text(wrong)
        with pytest.raises(BadDocument):
            read_recording(text)
    lines.write_text('{"sent": 1}')
    with pytest.raises(BadDocument, match="line 1"):
        read_recording(lines)


def test_ids_that_differ() -> None:
    """Two recordings of one action differ in one field: that is the object, and no request's id."""
    own = [Action("read", '{"type":"read","doc":"4711","request_id":"a1"}')]
    others = [Action("read", '{"type":"read","doc":"4712","request_id":"b2"}')]
    alice, bob = Member(ALICE), Member(BOB)
    assert learned(alice, own, bob, others) == (("doc", "4711"), ("doc", "4712"))
    assert learned(Member(ALICE, ids=(("doc", "1"),)), own, bob, others) == ()
    assert learned(alice, own, bob, own) == ()
