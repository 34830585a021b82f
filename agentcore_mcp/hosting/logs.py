"""The app's log lines: one JSON object each, on stderr, with the ids of request and session.

CloudWatch reads them, so the names of the fields are fixed. Lines hold ids, durations and errors, never payloads.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime

from agentcore_mcp.hosting.context import BedrockAgentCoreContext
from agentcore_mcp.hosting.failures import text_of

LOGGER_NAME = "agentcore_mcp.app"


class JSONLines(logging.Formatter):
    """Formats a record as a JSON object on one line, with the request's and the session's id."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        entry: dict[str, object] = {
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if request_id := BedrockAgentCoreContext.get_request_id():
            entry["requestId"] = request_id
        if session_id := BedrockAgentCoreContext.get_session_id():
            entry["sessionId"] = session_id
        if record.exc_info and record.exc_info[0]:
            entry["errorType"] = record.exc_info[0].__name__
            entry["errorMessage"] = text_of(record.exc_info[1])
            entry["stackTrace"] = traceback.format_exception(*record.exc_info)
            entry["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        return json.dumps(entry, ensure_ascii=False)


def app_logger(*, debug: bool) -> logging.Logger:
    """Return the app's logger, which writes JSON lines to stderr unless the program has configured its handlers."""
    logger = logging.getLogger(LOGGER_NAME)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(JSONLines())
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG if debug else logging.INFO)
    return logger
