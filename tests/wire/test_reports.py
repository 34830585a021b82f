"""What the type of an event tells: a failure, an end, a sign of life, and what a list of raw events shows of it."""

from __future__ import annotations

import json

import pytest

from agentcore_mcp.wire.reports import event_line, says_nothing, stream_failure
from agentcore_mcp.wire.sse import NamedData


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        ('{"error": "boom"}', ("boom", "", "")),
        ('{"error": "boom", "error_type": "ValueError"}', ("boom", "ValueError", "")),
        ('{"error": "boom", "error_type": "E", "message": "in step 2"}', ("boom", "E", "in step 2")),
        ('{"error": "ValueError", "message": "boom"}', ("boom", "ValueError", "")),
        ('{"type": "error", "error": {"type": "overloaded", "message": "boom"}}', ("boom", "overloaded", "")),
        ('{"type": "error", "code": "server_error", "message": "boom", "param": null}', ("boom", "server_error", "")),
        ('{"detail": "boom", "step": 2}', ("boom", "", '{"step": 2}')),
        ('{"step": 2}', ('{"step": 2}', "", "")),
        ('"boom"', ("boom", "", "")),
        ("boom", ("boom", "", "")),
        ("", ("the agent reported an error without a word", "", "")),
        ("null", ("the agent reported an error without a word", "", "")),
        ('{"error": "\\ud83d"}', ("\ufffd", "", "")),
    ],
)
def test_an_event_of_the_type_error_is_a_failure_whatever_its_data(data: str, failure: tuple[str, str, str]) -> None:
    assert stream_failure(NamedData.of(data, "error")) == failure


@pytest.mark.parametrize(
    ("event", "data", "expected"),
    [
        ("done", "{}", True),
        ("end", "null", True),
        ("thread.done", "[DONE]", True),
        ("done", "", True),
        ("ping", '{"t": 1}', True),
        ("keep-alive", "x", True),
        ("done", '{"text": "x"}', False),
        ("message", "{}", False),
        ("token", "", False),
    ],
)
def test_an_event_may_say_no_more_than_that_the_stream_ends_or_goes_on(event: str, data: str, expected: bool) -> None:
    assert says_nothing(NamedData.of(data, event)) is expected


@pytest.mark.parametrize(
    ("event", "data", "line"),
    [
        ("done", "{}", {"event": "done", "data": {}}),
        ("note", "two\nlines", {"event": "note", "data": "two\nlines"}),
        ("list", '["é"]', {"event": "list", "data": ["é"]}),
        ("delta", '{"type": "delta", "x": 1}', {"type": "delta", "x": 1}),
        ("delta", '{"event":\n"delta"}', {"event": "delta"}),
        ("message", '{"x": 1}', {"x": 1}),
    ],
)
def test_a_raw_event_shows_its_type_once(event: str, data: str, line: object) -> None:
    shown = event_line(NamedData.of(data, event))

    assert json.loads(shown) == line
    assert "\n" not in shown
