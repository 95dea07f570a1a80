"""Files with a recorded conversation: HAR, JSON lines, or text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stormdoor_audit.prober.document import BadDocument, parse_json, read_text
from stormdoor_audit.prober.har import read_har
from stormdoor_audit.prober.recording import Recording, of_talk

__all__ = ["read_recording"]


def _text(message: Any) -> str:
    return message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)


def _lines(text: str, path: str) -> Recording:
    """`> sent`, `>? sent, and only reads`, `< received`; `#` begins a comment."""
    talk: list[tuple[str, str, bool, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        one = line.strip()
        if not one or one.startswith("#"):
            continue
        if one[0] not in "><":
            raise BadDocument(
                f"{path}, line {number}: a line begins with `>` (sent), `>?` (sent, and only reads), "
                "`<` (received) or `#`"
            )
        reads = one.startswith(">?")
        talk.append((one[0], one[2 if reads else 1 :].strip(), reads, ""))
    return of_talk("", talk, path)


def _json_lines(text: str, path: str) -> Recording:
    """`{"send": …, "reads": true, "name": …}` and `{"receive": …}`, one in a line."""
    talk: list[tuple[str, str, bool, str]] = []
    url = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        found = parse_json(line, where)
        if not isinstance(found, dict) or not {"send", "receive", "url"} & set(found):
            raise BadDocument(
                f'{where}: write {{"send": …}}, {{"receive": …}} or {{"url": "ws://…"}}'
            )
        if not isinstance(found.get("reads", False), bool):
            raise BadDocument(f"{where}: `reads` is true or false")
        url = str(found.get("url", url))
        name = str(found.get("name", ""))
        if "send" in found:
            talk.append((">", _text(found["send"]), found.get("reads", False), name))
        if "receive" in found:
            talk.append(("<", _text(found["receive"]), False, ""))
    return of_talk(url, talk, path)


def read_recording(path: Path) -> list[Recording]:
    """The conversations in a file: HAR, JSON lines, or text.

    Raises:
        BadDocument: It is none of them, or nothing was sent in it.
    """
    text = read_text(path)
    if path.suffix.lower() == ".har" or text.lstrip()[:200].replace(" ", "").startswith('{"log"'):
        found = [one for one in read_har(path).recordings if one.actions]
    elif path.suffix.lower() in {".jsonl", ".ndjson", ".json"}:
        found = [_json_lines(text, str(path))]
    else:
        found = [_lines(text, str(path))]
    if not any(one.actions for one in found):
        raise BadDocument(f"{path} has no message that was sent on a WebSocket")
    return found
