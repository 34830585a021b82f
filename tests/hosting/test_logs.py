"""The app's log lines, as a log reader gets them."""

from __future__ import annotations

import json
import logging
from contextvars import Context
from typing import Any

from agentcore_mcp.hosting.context import BedrockAgentCoreContext
from agentcore_mcp.hosting.logs import LOGGER_NAME, JSONLines, app_logger


def _line(record: logging.LogRecord) -> dict[str, Any]:
    text = JSONLines().format(record)
    assert "\n" not in text
    entry: dict[str, Any] = json.loads(text)
    return entry


def _record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("agentcore_mcp.app", logging.INFO, "file.py", 7, message, args, exc_info, "work")


def test_a_line_says_when_how_bad_what_and_who() -> None:
    record = _record("streamed %d pieces\nof %s", 3, "ü")
    record.created = 1_700_000_000.25

    assert Context().run(_line, record) == {
        "timestamp": "2023-11-14T22:13:20.250Z",
        "level": "INFO",
        "message": "streamed 3 pieces\nof ü",
        "logger": "agentcore_mcp.app",
    }


def test_within_a_request_a_line_carries_its_ids() -> None:
    context = Context()
    context.run(BedrockAgentCoreContext.set_request_context, "r-1", "s-1")

    entry = context.run(_line, _record("hello"))

    assert (entry["requestId"], entry["sessionId"]) == ("r-1", "s-1")


def test_an_error_comes_with_its_type_text_and_stack() -> None:
    try:
        raise LookupError("lost")
    except LookupError as error:
        entry = _line(_record("failed", error=error))

    assert (entry["errorType"], entry["errorMessage"]) == ("LookupError", "lost")
    assert entry["stackTrace"][-1] == "LookupError: lost\n"
    assert entry["location"] == "file.py:work:7"


def test_every_app_shares_one_logger_with_one_handler() -> None:
    first, second = app_logger(debug=False), app_logger(debug=False)

    assert first is second is logging.getLogger(LOGGER_NAME)
    assert len(first.handlers) == 1
