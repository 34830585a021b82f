"""Logging to standard error: one line per record, no control characters, and no floods of one library message."""

from __future__ import annotations

import json
import logging
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agentcore_mcp.wire.characters import visible

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE_MAX_CHARS = 2_000
_ERROR_MAX_CHARS = 200
# Session ids have up to 256.
_FIELD_MAX_CHARS = 300
# Not logged: a client has disconnected, or streams are cut at shutdown.
_NO_NEWS = ("ClientDisconnect", "CancelledError")
_CUT = "Cancel %s running task(s), timeout graceful shutdown exceeded"
# How long a library's further records from one place are only counted. Clients can provoke as many as they like.
_SILENCE_S = 10.0


class Line(logging.Formatter):
    """Writes a record on one line, an exception as its type, text and place."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return f"agentcore-mcp: {self.text(record)}"

    def text(self, record: logging.LogRecord) -> str:
        """Return what a record says, on one line and not too long."""
        text = record.getMessage()
        if record.exc_info and (error := record.exc_info[1]) is not None:
            told = f"{type(error).__name__}: {error}"[:_ERROR_MAX_CHARS]
            for frame in traceback.extract_tb(record.exc_info[2])[-1:]:
                told += f", {Path(frame.filename).name}:{frame.lineno}"
            text = f"{text.partition(chr(10))[0]} ({told})"
        return visible(text[:_LINE_MAX_CHARS])


class JsonLine(Line):
    """Writes a record as a JSON object on one line, with the fields of ``extra={"fields": …}``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": at, "level": record.levelname, "logger": record.name, "message": self.text(record)}
        # Some come from callers, in any length; most JSON parsers refuse a lone surrogate even as an escape.
        for name, value in getattr(record, "fields", {}).items():
            line[name] = visible(value[:_FIELD_MAX_CHARS]) if isinstance(value, str) else value
        return json.dumps(line)


class Seldom(logging.Filter):
    """Passes a library's record and drops further ones from the same place for a while; always passes our own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._silent: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write a record; the next one written counts those that were dropped."""
        if record.name.startswith("agentcore_mcp"):
            return True
        if record.msg == _CUT or (record.exc_info and getattr(record.exc_info[0], "__name__", "") in _NO_NEWS):
            return False
        place = record.pathname, record.lineno
        until, kept_back = self._silent.get(place, (0.0, 0))
        now = self._clock()
        if now < until:
            self._silent[place] = until, kept_back + 1
            return False
        self._silent[place] = now + _SILENCE_S, 0
        if kept_back:
            record.msg, record.args = f"{kept_back + 1} times: {record.getMessage()}", ()
        return True


def log_to_stderr(*, as_json: bool = False) -> None:
    """Write warnings and errors of this process to standard error, before a library configures its own handler.

    Args:
        as_json: Write JSON objects, including one for each tool call.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine() if as_json else Line())
    handler.addFilter(Seldom())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=as_json)
    if as_json:
        logging.getLogger("agentcore_mcp").setLevel(logging.INFO)
