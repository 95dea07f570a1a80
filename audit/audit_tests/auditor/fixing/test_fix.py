"""Safe fixes: what they write, and everything they leave alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from stormdoor_audit.auditor.fixing.fix import Known, changes, repaired, save
from stormdoor_audit.report.finding import Confidence, Finding, Level, Location

KNOWN = Known(origins=("https://app.example",), audience="chat", issuer="https://id.example")


def at(slug: str, text: str, mark: str) -> Finding:
    """A finding of this rule where `mark` first occurs."""
    before = text[: text.index(mark)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    place = Location("app.py", line, column, line, column + len(mark))
    return Finding("SD000", slug, Level.ERROR, Confidence.HIGH, "m", place, "app.B")


ORIGIN = "class W(H):\n    def check_origin(self, origin):\n        return True  # all\n"


@pytest.mark.parametrize(
    ("slug", "before", "mark", "after"),
    [
        (
            "origin-disabled",
            ORIGIN,
            "return True",
            ORIGIN.replace("return True", 'return origin in {"https://app.example"}'),
        ),
        (
            "origin-disabled",
            ORIGIN.replace("        return", '        """All."""\n        return'),
            "def check_origin",
            ORIGIN.replace(
                "        return True",
                '        """All."""\n        return origin in {"https://app.example"}',
            ),
        ),
        (
            "jwt-audience-unchecked",
            'c = jwt.decode(t, k, algorithms=["RS256"])\n',
            "jwt.decode",
            'c = jwt.decode(t, k, algorithms=["RS256"], audience="chat")\n',
        ),
        (
            "jwt-audience-unchecked",
            "ä = 'ü', jwt.decode(\n    t,\n    k,  # key\n)\n",
            "jwt.decode",
            "ä = 'ü', jwt.decode(\n    t,\n    k, audience=\"chat\",  # key\n)\n",
        ),
        (
            "jwt-issuer-unchecked",
            "jwt.decode(t, k)\n",
            "jwt.decode",
            'jwt.decode(t, k, issuer="https://id.example")\n',
        ),
        (
            "jwt-expiry-unchecked",
            "jwt.decode(t, k)\n",
            "jwt.decode",
            'jwt.decode(t, k, options={"require": ["exp"]})\n',
        ),
        (
            "jwt-expiry-unchecked",
            'jwt.decode(t, k, options={"verify_exp": False})\n',
            "jwt.decode",
            'jwt.decode(t, k, options={"verify_exp": True})\n',
        ),
        (
            "jwt-signature-unchecked",
            'jwt.decode(t, k, options={"verify_signature": False})\n',
            "jwt.decode",
            'jwt.decode(t, k, options={"verify_signature": True})\n',
        ),
        (
            "debug-on",
            "A = Application(r, debug=True)\n",
            "debug=True",
            "A = Application(r, debug=False)\n",
        ),
        (
            "cookie-flags",
            'self.set_signed_cookie("u", n, httponly=False)\n',
            "self.set_signed_cookie",
            'self.set_signed_cookie("u", n, httponly=True, secure=True, samesite="Lax")\n',
        ),
        ("unsafe-yaml", "yaml.load(m, Loader=yaml.Loader)\n", "yaml.load", "yaml.safe_load(m)\n"),
        (
            "no-ping",
            "Application(r)\n",
            "Application",
            "Application(r, websocket_ping_interval=30)\n",
        ),
        (
            "no-message-size-limit",
            "Application()\n",
            "Application",
            "Application(websocket_max_message_size=65536)\n",
        ),
    ],
)
def test_fix(slug: str, before: str, mark: str, after: str) -> None:
    """Only what must change does."""
    text, fixed = repaired(before, [at(slug, before, mark)], KNOWN)
    assert text == after
    assert len(fixed) == 1
    again, _ = repaired(after, [at(slug, after, mark)] if mark in after else [], KNOWN)
    assert again == after


@pytest.mark.parametrize(
    ("slug", "text", "mark"),
    [
        ("origin-disabled", ORIGIN.replace("return True", "return self.any"), "return"),
        ("origin-disabled", ORIGIN.replace("(self, origin)", "(*args)"), "return True"),
        ("origin-disabled", ORIGIN.replace("    def", "    @staticmethod\n    def"), "return True"),
        (
            "origin-disabled",
            ORIGIN.replace("        return", "        log()\n        return"),
            "return",
        ),
        ("jwt-audience-unchecked", "jwt.decode(t, k, **options)\n", "jwt.decode"),
        ("jwt-audience-unchecked", "jwt.decode(*arguments)\n", "jwt.decode"),
        ("jwt-audience-unchecked", 'jwt.decode(t, k, audience="x")\n', "jwt.decode"),
        ("jwt-audience-unchecked", "codec.decode(t, k)\n", "codec.decode"),
        ("jwt-signature-unchecked", 'jwt.decode(t, options={"verify_signature": False})\n', "jwt"),
        ("debug-on", "Application(r, debug=options.debug)\n", "debug"),
        ("unsafe-yaml", "load(m)\n", "load"),
        ("no-ping", "Application(r, **settings)\n", "Application"),
        ("a-rule-without-a-fix", "x = 1\n", "x"),
        ("origin-disabled", "def check_origin(self, origin:\n", "def"),
    ],
)
def test_left_alone(slug: str, text: str, mark: str) -> None:
    """What a repair does not understand stays as it is."""
    findings = [at(slug, text, mark)] if slug != "a-rule-without-a-fix" else []
    assert repaired(text, findings, KNOWN) == (text, ())


def test_two_at_one_place() -> None:
    """Both settings of an application are added at once: a second run finds nothing to do."""
    text = "app = Application([], debug=debug)\n"
    found = [at(slug, text, "Application") for slug in ("no-message-size-limit", "no-ping")]
    after, fixed = repaired(text, found, KNOWN)
    assert after == text.replace(
        "=debug", "=debug, websocket_max_message_size=65536, websocket_ping_interval=30"
    )
    assert len(fixed) == 2


def test_a_function_outside_a_class_has_no_super() -> None:
    """No fix is proposed for `Door.check_origin = check_origin`, because `super()` would fail there."""
    text = "def check_origin(self, origin):\n    return True\n"
    assert repaired(text, [at("origin-disabled", text, "def")], Known()) == (text, ())


def test_a_link_is_mended_where_it_leads(tmp_path: Path) -> None:
    """One file under two names is changed once, and the diff says what git takes."""
    (tmp_path / "app.py").write_text(ORIGIN)
    (tmp_path / "link.py").symlink_to("app.py")
    one = at("origin-disabled", ORIGIN, "return True")
    other = replace(one, location=replace(one.location, path="link.py"))
    assert [found.path for found in changes([other, one], tmp_path, KNOWN)] == ["app.py"]


def test_without_knowledge() -> None:
    """Without origins the fix is Tornado's own check; without an audience there is none."""
    text, _ = repaired(ORIGIN, [at("origin-disabled", ORIGIN, "return True")], Known())
    assert "return super().check_origin(origin)  # all" in text
    call = "jwt.decode(t, k)\n"
    assert repaired(call, [at("jwt-audience-unchecked", call, "jwt")], Known())[1] == ()


def test_several_in_one_file() -> None:
    """All that do not touch each other are mended at once."""
    text = "A = Application(r)\n" + ORIGIN
    findings = [
        at("no-ping", text, "Application"),
        at("no-message-size-limit", text, "Application"),
        at("origin-disabled", text, "return True"),
    ]
    after, fixed = repaired(text, findings, KNOWN)
    assert [one.slug for one in fixed] == ["no-ping", "no-message-size-limit", "origin-disabled"]
    assert "(r, websocket_ping_interval=30, websocket_max_message_size=65536)" in after


def test_line_ends_and_encoding_stay(tmp_path: Path) -> None:
    """A file keeps its line ends, its byte order mark and its encoding."""
    for name, coding, raw in (
        ("a.py", "", b"\xef\xbb\xbf" + ORIGIN.replace("\n", "\r\n").encode()),
        ("b.py", "latin-1", b"# coding: latin-1\n# \xe4\n" + ORIGIN.encode()),
    ):
        (tmp_path / name).write_bytes(raw)
        text = raw.decode(coding or "utf-8-sig").replace("\r\n", "\n")
        found = at("origin-disabled", text, "return True")
        found = replace(found, location=replace(found.location, path=name))
        (change,) = changes([found], tmp_path, Known())
        assert "+        return super().check_origin(origin)  # all" in change.diff()
        save(change)
        wanted = raw.replace(b"return True", b"return super().check_origin(origin)")
        assert (tmp_path / name).read_bytes() == wanted


def test_diff_applies(tmp_path: Path) -> None:
    """The diff is one that `patch` understands, also without a line end at the end."""
    text = ORIGIN.rstrip("\n")
    (tmp_path / "app.py").write_text(text)
    (change,) = changes([at("origin-disabled", text, "return True")], tmp_path, Known())
    assert change.diff().splitlines() == [
        "--- a/app.py",
        "+++ b/app.py",
        "@@ -1,3 +1,3 @@",
        " class W(H):",
        "     def check_origin(self, origin):",
        "-        return True  # all",
        "\\ No newline at end of file",
        "+        return super().check_origin(origin)  # all",
        "\\ No newline at end of file",
    ]


def test_files_that_are_gone(tmp_path: Path) -> None:
    """A file that cannot be read is not mended."""
    assert changes([at("origin-disabled", ORIGIN, "return True")], tmp_path, Known()) == []


def test_a_link_out_of_the_scan_is_not_followed(tmp_path: Path) -> None:
    """A fix changes no file outside of the scanned places, where a link in them leads to."""
    outside = tmp_path / "other" / "app.py"
    inside = tmp_path / "project" / "app.py"
    for file in (outside, inside):
        file.parent.mkdir()
    outside.write_text(ORIGIN)
    inside.symlink_to(outside)
    found = at("origin-disabled", ORIGIN, "return True")
    assert changes([found], inside.parent, Known(), [inside.parent]) == []
    assert changes([found], inside.parent, Known(), [inside.parent, outside.parent]) != []


def test_a_file_that_becomes_a_link_is_not_written(tmp_path: Path) -> None:
    """A link that takes the place of a file after the scan leads to no other file."""
    (tmp_path / "app.py").write_text(ORIGIN)
    (tmp_path / "other.py").write_text(ORIGIN)
    (change,) = changes([at("origin-disabled", ORIGIN, "return True")], tmp_path, Known())
    (tmp_path / "app.py").unlink()
    (tmp_path / "app.py").symlink_to(tmp_path / "other.py")
    with pytest.raises(OSError, match=r"app\.py"):
        save(change)
    assert (tmp_path / "other.py").read_text() == ORIGIN
