"""The prober beside the public tools for WebSockets that install here, on the same targets.

    python bench/probers.py [--page] [--frames] [NAME ...]

Targets are the twins of the lab with a hole that a prober can see, and the real programs of `make
probe-real`. The expected results come from the lab's attacks and the raw client, and from the source of a
twin that accepts every origin. wshawk sends shell commands to its target: programs that run a shell for
unauthenticated clients are left out for it. It runs without its out-of-band server, and each of its
connections to another machine fails at once (bench/loopback).

kosoku runs the cases of the Autobahn test suite, which are about frames alone: beside it stands SP606, on
servers that echo (bench/frame_servers.py). Those cases are run in which a client breaks the protocol.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from audit_tests.prober.real.programs import Case, cases, environment, started  # noqa: E402
from stormdoor_audit.prober import engine  # noqa: E402 - the path comes first
from stormdoor_audit.prober.engine import CannotProbe, Plan, run  # noqa: E402
from stormdoor_audit.prober.identity import Identity  # noqa: E402
from stormdoor_audit.prober.login import Login  # noqa: E402
from stormdoor_audit.prober.probes import PROBES  # noqa: E402

WSHAWK = "wshawk==4.0.2"
KOSOKU = "kosoku==0.1.0"
BREAKS = ("2.5", "3.*", "4.*", "5.*", "6.3.*", "6.4.*", "7.3.2", "7.5.1", "7.9.*")
"""Cases of Autobahn's: control frames, reserved bits and opcodes, fragments, UTF-8, close frames."""
ECHOES = {"by-hand": True, "Tornado": True, "websockets": False, "stormdoor": False}
"""Servers, and whether they accept what breaks the protocol: by their source, or their documentation."""
HOME = ROOT / "build" / "rivals" / "env"
PAGE = ROOT / "docs" / "reference" / "prober-quality.md"
MARK = "<!-- What follows is written by `python bench/probers.py --page`. -->"
SHELLS = {"terminado", "jupyter-no-token", "jupyter-no-token-any-origin"}
PLAIN = {"tornado-echo", "tornado-chat"}
TORNADO = {"rebound-host"}
ASKED = ("no-credential", "foreign-origin")
SAY = ('{"type": "say", "text": "probe"}',)
TWINS = {
    "direct_connection": ("/ws/book", frozenset({"no-credential"})),
    "client_side_only_checks": ("/ws/game", frozenset({"no-credential"})),
    "cross_site_websocket_hijacking": ("/ws/chat", frozenset({"foreign-origin"})),
    "session_hijacking": ("/ws/turbines", frozenset({"session-fixation"})),
    "weak_token_verification": ("/ws/dashboard", frozenset({"forged-token"})),
    "message_flood": ("/ws/chat", frozenset({"message-rate", "foreign-origin"})),
    "credential_stuffing": ("/ws/chat", frozenset({"password-guessing", "foreign-origin"})),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A probed target.

    Args:
        name: Of it.
        url: Of its endpoint.
        truth: Slugs of the holes that it has.
        plan: How our prober is told to look.
        guarded: Whether nothing at all may be found.
    """

    name: str
    url: str
    truth: frozenset[str]
    plan: Plan
    guarded: bool = False


@dataclass(slots=True)
class Outcome:
    """The result of a tool for a target: our slugs, and its own words for everything else."""

    said: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    seconds: float = 0.0
    note: str = ""


@dataclass(slots=True)
class Sum:
    """Of one tool."""

    found: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    seconds: float = 0.0
    targets: int = 0


@contextmanager
def twin(threat: str, kind: str) -> Iterator[Target]:
    """A server of the lab, in a process of its own."""
    path, holes = TWINS[threat]
    with subprocess.Popen(
        [sys.executable, "-m", "lab.harness.serve", f"lab.threats.{threat}.{kind}"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            _, port = process.stdout.readline().split()
            module = __import__(f"lab.threats.{threat}.{kind}", fromlist=["USERS"])
            name, password = next(iter(module.USERS.items()))
            base = f"http://127.0.0.1:{port}"
            fields = (("username", name), ("password", password))
            active = bool(holes & {"message-rate", "password-guessing"})
            url = f"ws://127.0.0.1:{port}{path}"
            plan = Plan(
                urls=(url,),
                login=Login(f"{base}/auth/login", fields, as_json=True),
                active=active,
                say=SAY if "message-rate" in holes else (),
            )
            truth = holes if kind == "vulnerable" else frozenset()
            yield Target(f"lab {threat} {kind}", url, truth, plan, kind == "guarded")
        finally:
            process.kill()


@contextmanager
def real(case: Case, home: Path) -> Iterator[Target]:
    """A real program."""
    with started(case, home) as at:
        shown = at.credential
        owner = Identity(
            "the owner", cookies=shown.cookies, headers=shown.headers, protocols=case.protocols
        )
        say = [*case.say, *(f"hex:{one}" for one in case.hex)]
        plan = Plan(urls=(at.url,), owner=owner, say=say)
        truth = {one for one in ASKED if case.truth[one]}
        if case.truth["other-port"]:
            truth.add("foreign-origin")
        yield Target(case.name, at.url, frozenset(truth), plan)


def ours(target: Target) -> Outcome:
    """Our own."""
    began = time.monotonic()
    try:
        report = asyncio.run(run(target.plan))
    except CannotProbe as error:
        return Outcome(seconds=time.monotonic() - began, note=str(error))
    slugs = {one.slug for one in report.findings}
    known = frozenset({*ASKED, "malformed-frames"}).union(*(h for _, h in TWINS.values()))
    return Outcome(frozenset(slugs & known), frozenset(slugs - known), time.monotonic() - began)


_MEANS = (
    (re.compile(r"cswsh|cross-site websocket|origin", re.IGNORECASE), "foreign-origin"),
    (
        re.compile(r"auth\w* bypass|missing auth|unauthenticated|no auth", re.IGNORECASE),
        "no-credential",
    ),
    (re.compile(r"fixation", re.IGNORECASE), "session-fixation"),
    (re.compile(r"rate limit", re.IGNORECASE), "message-rate"),
    (re.compile(r"jwt|token forg|alg.?none", re.IGNORECASE), "forged-token"),
)
_VULN = re.compile(r"^\s*\[VULN\] ([A-Za-z -]+?)(?: possible| \[|:|!)", re.MULTILINE)
_DEFENSIVE = re.compile(r"^\[(?:CRITICAL|HIGH|MEDIUM|LOW|INFO)\] (.+)$", re.MULTILINE)
_PATIENCE = 120
_STOPPED = "(stopped)"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _environment() -> Path:
    wanted = {"wshawk-advanced", "kosoku"}
    if not all((HOME / "bin" / name).exists() for name in wanted):
        uv = Path(sys.executable).with_name("uv")
        shutil.rmtree(HOME, ignore_errors=True)
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, HOME], check=True)
        python = HOME / "bin" / "python"
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", python, WSHAWK, KOSOKU], check=True
        )
    return HOME


def kosoku(target: Target) -> Outcome:
    """One word if one of the cases failed; which ones is the note."""
    tool = _environment() / "bin" / "kosoku"
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stormdoor-rival-") as place:
        cases = [word for case in BREAKS for word in ("--include", case)]
        done = subprocess.run(
            [tool, target.url, *cases, "--outdir", place],
            capture_output=True,
            text=True,
            timeout=2 * _PATIENCE,
            check=False,
        )
        seconds = time.monotonic() - began
        index = Path(place) / "index.json"
        if not index.exists():
            raise RuntimeError(f"kosoku has no result: {done.stderr[-500:]}")
        [results] = json.loads(index.read_text("utf-8")).values()
    failed = [case for case, one in results.items() if one["behavior"] == "FAILED"]
    said = {"malformed-frames"} if failed else set()
    return Outcome(
        frozenset(said),
        seconds=seconds,
        note=f"{len(failed)} of {len(results)} cases failed: {' '.join(failed)}",
    )


@contextmanager
def echo(name: str) -> Iterator[Target]:
    """A server that echoes, in a process of its own."""
    with subprocess.Popen(
        [sys.executable, ROOT / "bench" / "frame_servers.py", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if line.strip().isdecimal())
            url = f"ws://127.0.0.1:{line.strip()}/"
            truth = frozenset({"malformed-frames"}) if ECHOES[name] else frozenset()
            yield Target(name, url, truth, Plan(urls=(url,), active=True), guarded=True)
        finally:
            process.kill()


def only_frames(target: Target) -> Outcome:
    """Our own, as far as it is about frames."""
    chosen = [one for one in PROBES if one.meta.slug == "malformed-frames"]
    with patch.object(engine, "in_turn", lambda **_: chosen):
        one = ours(target)
    return replace(one, others=frozenset())


def frames() -> dict[str, Sum]:
    """Both tools on each server."""
    sums = {
        "stormdoor probe, SP606": Sum(),
        f"{KOSOKU.replace('==', ' ')} (Autobahn's cases)": Sum(),
    }
    for name in ECHOES:
        for tool, run_it in zip(sums, (only_frames, kosoku), strict=True):
            with echo(name) as target:
                one = run_it(target)
                judged(target, one, sums[tool])
                print(
                    f"{name}: {tool}: {sorted(one.said)}, {one.seconds:.0f} s {one.note}",
                    flush=True,
                )
    return sums


def wshawk(target: Target) -> Outcome:
    """Both of its commands, with what they say taken for our slugs as kindly as possible."""
    home = _environment()
    began = time.monotonic()
    words: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="stormdoor-rival-") as place:
        surroundings = {
            "PATH": os.environ["PATH"],
            "HOME": place,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT / "bench" / "loopback"),
        }

        def call(name: str, *arguments: str) -> str:
            with (Path(place) / "shown.txt").open("wb") as out:
                try:
                    subprocess.run(
                        [home / "bin" / name, target.url, *arguments],
                        cwd=place,
                        env=surroundings,
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=subprocess.STDOUT,
                        timeout=_PATIENCE,
                        check=False,
                    )
                except subprocess.TimeoutExpired:
                    out.write(_STOPPED.encode())
            text = (Path(place) / "shown.txt").read_text("utf-8", "replace")
            return _COLOURS.sub("", text)

        file = Path(place) / "out.json"
        shown = call("wshawk-advanced", "--no-oast", "--format", "json", "--output", str(file))
        if file.exists():
            words |= {one["type"] for one in json.loads(file.read_text("utf-8"))["vulnerabilities"]}
        else:
            words |= set(_VULN.findall(shown)) - {"Payload"}
        words |= set(_DEFENSIVE.findall(call("wshawk-defensive")))
    said, others = set(), set()
    for word in words:
        slug = next((slug for pattern, slug in _MEANS if pattern.search(word)), None)
        (said if slug else others).add(slug or word)
    note = f"stopped after {_PATIENCE} s" if _STOPPED in shown else ""
    return Outcome(frozenset(said), frozenset(others), time.monotonic() - began, note)


def judged(target: Target, one: Outcome, total: Sum) -> None:
    """Add what is right and what is wrong to the sum of the tool."""
    total.targets += 1
    total.seconds += one.seconds
    total.found += [f"{target.name}: {slug}" for slug in sorted(target.truth & one.said)]
    total.missed += [f"{target.name}: {slug}" for slug in sorted(target.truth - one.said)]
    wrong = {slug for slug in one.said - target.truth if target.guarded or slug in ASKED}
    # Of other kinds of hole the truth is known for the guarded twins, and for programs of ten lines that
    # have no session, no database, no XML and no page: there is none but what Tornado leaves open.
    if target.guarded or target.name in PLAIN:
        wrong |= one.others - TORNADO
        wrong |= one.said - target.truth
    total.alarms += [f"{target.name}: {slug}" for slug in sorted(wrong)]


def targets(names: Sequence[str]) -> Iterator[AbstractContextManager[Target]]:
    """Each of them, to be started."""
    for threat in TWINS:
        for kind in ("vulnerable", "guarded"):
            if not names or threat in names:
                yield twin(threat, kind)
    home = environment(cases())
    for case in cases():
        if not names or case.name in names:
            yield real(case, home)


def _rows(sums: dict[str, Sum]) -> list[str]:
    lines = [
        "| tool | targets | found | missed | false alarms | seconds each |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, one in sums.items():
        lines.append(
            f"| {name} | {one.targets} | {len(one.found)} of {len(one.found) + len(one.missed)} | "
            f"{len(one.missed)} | {len(one.alarms)} | {one.seconds / max(one.targets, 1):.0f} |"
        )
    return lines


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these threats and programs")
    parser.add_argument("--frames", action="store_true", help="only the part about frames")
    parser.add_argument(
        "--page", action="store_true", help="write the table into the documentation"
    )
    given = parser.parse_args()
    sums = {"stormdoor probe": Sum(), WSHAWK.replace("==", " "): Sum()}
    shells = 0
    for starting in [] if given.frames else targets(given.names):
        with starting as target:
            for name, tool in zip(sums, (ours, wshawk), strict=True):
                if tool is wshawk and target.name in SHELLS:
                    shells += 1
                    continue
                one = tool(target)
                judged(target, one, sums[name])
                print(
                    f"{target.name}: {name}: {sorted(one.said)}, others {sorted(one.others)}, "
                    f"{one.seconds:.0f} s {one.note}",
                    flush=True,
                )
    about_frames = frames() if given.frames or not given.names else {}
    lines = [
        *_rows(sums),
        "",
        f"{shells} programs run a shell for every client: wshawk was not pointed at them.",
        "",
        "About frames that break the protocol:",
        "",
        *_rows(about_frames),
    ]
    print("\n".join(lines))
    for name, total in {**sums, **about_frames}.items():
        print(f"\n{name}\n  missed: {total.missed}\n  false alarms: {total.alarms}")
    if given.page:
        before, _, after = PAGE.read_text("utf-8").partition(MARK)
        rest = after[after.index("\n## ") :] if "\n## " in after else ""
        table = "\n".join(lines)
        PAGE.write_text(f"{before}{MARK}\n\n{table}\n{rest}", encoding="utf-8")


if __name__ == "__main__":
    main()
