"""What the commands log: a line of its own for each kind of trouble, and nothing that a terminal obeys."""

from __future__ import annotations

import json
import logging

from hypothesis import given, strategies as st

from agentcore_mcp._logs import JsonLine, Line, Seldom


def record(text: str, *args: object, name: str = "agentcore_mcp.server", line: int = 1) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "module.py", line, text, args, None)


@given(st.text())
def test_whatever_is_logged_is_one_line_that_a_terminal_shows_as_it_is(text: str) -> None:
    line = Line().format(record("the session %s", f"{text}\x1b]52;c;ZXZpbA==\x07\u202e\x9b\r\n"))

    assert line.startswith("agentcore-mcp: the session ")
    assert line.isprintable()
    if text.isprintable() and text.isascii():
        assert line.endswith(rf"{text}\x1b]52;c;ZXZpbA==\x07\u202e\x9b\r\n")


@given(st.text(), st.text())
def test_a_line_of_json_says_the_same_and_keeps_to_itself(text: str, session_id: str) -> None:
    told = record("the session %s", text)
    told.fields = {"session_id": session_id, "bytes": 7}
    line = JsonLine().format(told)
    said = json.loads(line)

    assert line.isascii()
    assert line.isprintable()
    assert f"agentcore-mcp: {said['message']}" == Line().format(told)
    assert (said["level"], said["logger"], said["bytes"]) == ("WARNING", "agentcore_mcp.server", 7)
    if session_id.isprintable() and session_id.isascii():
        assert said["session_id"] == session_id[:300]


def test_a_line_has_an_end() -> None:
    assert len(Line().format(record("x" * 1_000_000))) < 2_100


def test_an_exception_is_its_type_text_and_place() -> None:
    failed = record("it failed\nfor this socket: %s", "\x1b[2J")
    try:
        int("no\x1bumber")
    except ValueError as error:
        failed.exc_info = type(error), error, error.__traceback__
    line = Line().format(failed)

    assert line.startswith(
        "agentcore-mcp: it failed (ValueError: invalid literal for int() with base 10: 'no\\x1bumber'"
    )
    assert ", test_logs.py:" in line
    assert "socket" not in line


def test_a_library_is_heard_once_at_each_place_and_we_are_always() -> None:
    seldom = Seldom()
    heard = [seldom.filter(record("flood", name="asyncio")) for _ in range(1_000)]
    other = seldom.filter(record("flood", name="asyncio", line=2))
    ours = [seldom.filter(record("session %s was not stopped", number)) for number in range(3)]

    assert heard == [True] + [False] * 999
    assert other
    assert ours == [True, True, True]


def test_how_often_a_library_was_not_heard_is_said_with_its_next_line() -> None:
    times = [0.0, 1.0, 2.0, 11.0, 30.0]
    seldom = Seldom(clock=iter(times).__next__)
    heard = []
    for _ in times:
        said = record("flood of %s", "x", name="uvicorn.error")
        if seldom.filter(said):
            heard.append(said.getMessage())

    assert heard == ["flood of x", "3 times: flood of x", "flood of x"]
