"""A formatter that writes each log record as one line of JSON, with its structured fields."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

__all__ = ["JsonFormatter"]

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
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`, without a line end. Values that JSON lacks are written as text."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
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
