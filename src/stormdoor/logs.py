"""A formatter that writes each log record as one line of JSON, with its structured fields."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

__all__ = ["JsonFormatter", "LogFormat", "log_as_json"]

LogFormat = Literal["text", "json"]
"""The option `--log-format`."""

_OF_EACH_RECORD = frozenset(
    {*vars(logging.makeLogRecord({})), "asctime", "message", "taskName", "exc_text"}
)
"""Attributes that every record has. Any other attribute came by `extra=`."""


class JsonFormatter(logging.Formatter):
    """Format a record as one JSON object in ASCII on one line.

    Its fields are `time` (UTC, ISO 8601), `level`, `logger`, `message`, then those of `extra=`, then
    `exception` and `stack` if there are any. No text of a client can begin a line or a field, since
    JSON escapes line ends, control characters and quotes.

    Use it as the formatter of any handler, for example `handler.setFormatter(JsonFormatter())`.

    Args:
        process: Add the id of the process, as `process`.
    """

    def __init__(self, *, process: bool = False) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`, without a line end. Values that JSON lacks are written as text."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if self._process:
            fields["process"] = record.process
        for name, value in vars(record).items():
            if name not in _OF_EACH_RECORD:
                fields.setdefault(name, value)
        # As `logging.Formatter` does: a filter may have put a redacted traceback into `exc_text`.
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            fields["exception"] = record.exc_text
        if record.stack_info:
            fields["stack"] = self.formatStack(record.stack_info)
        try:
            return json.dumps(fields, allow_nan=False, default=str)
        except (TypeError, ValueError, RecursionError):
            # A key that is no text, a number that JSON lacks, or an object that contains itself.
            return json.dumps({name: str(value) for name, value in fields.items()})


def log_as_json() -> None:
    """Let the log of this process be lines of JSON, with the id of the process in each.

    It changes the formatter of each handler that writes to standard output or standard error, of each logger.
    Handlers with another target, such as a file, keep theirs. If the root logger has none, it gets one.
    """
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler())
    named = [one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    formatter = JsonFormatter(process=True)
    for handler in [handler for one in (root, *named) for handler in one.handlers]:
        if isinstance(handler, logging.StreamHandler) and handler.stream in streams:
            handler.setFormatter(formatter)
