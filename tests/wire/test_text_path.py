"""AnswerText with a path: the words are where the configuration says, and nothing is lost if it is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentcore_mcp.wire.text import AnswerText


def words(path: str, *values: Any) -> list[str]:
    """Return what each event's data adds, and at last what the end adds."""
    answer = AnswerText(path=path)
    return [*(answer.feed(json.dumps(value, ensure_ascii=False)) for value in values), answer.close()]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("text", {"text": "words"}),
        ("result.text", {"result": {"text": "words", "n": 1}, "cost": 2}),
        ("choices.0.delta.content", {"choices": [{"delta": {"content": "words"}}]}),
        ("messages.-1.content", {"messages": [{"content": "no"}, {"content": "words"}]}),
        ("0", ["words"]),
        ("0", {"0": "words"}),
        ("a", '{"a": "words"}'),
        ("message", {"message": {"role": "assistant", "content": [{"text": "words"}]}}),
        ("out", {"out": {"result": "words"}}),
        ("out", {"out": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "words"}]}),
    ],
)
def test_the_words_are_at_the_path(path: str, value: Any) -> None:
    assert words(path, value) == ["words", ""]


@pytest.mark.parametrize(("value", "expected"), [(None, ""), (3, "3"), (True, "true"), ({"a": 1}, '{"a": 1}')])
def test_what_is_at_the_path_and_no_text_is_read_as_it_would_be_by_itself(value: Any, expected: str) -> None:
    assert words("x", {"x": value}) == [expected, ""]


def test_pieces_at_the_path_are_said_as_they_are() -> None:
    assert words("x.y", {"x": {"y": "ha"}}, {"x": {"y": "ha"}}, {"x": {"y": " haha"}}) == ["ha", "ha", " haha", ""]


def test_events_without_the_path_are_left_out_once_it_was_found() -> None:
    assert words("x", {"status": "begun"}, "plain", {"x": "a"}, {"n": 1}, [1], "plain", {"x": "b"}) == [
        *["", "", "a", "", "", "", "b"],
        "",
    ]


def test_failures_are_said_and_tools_noted_all_the_same() -> None:
    answer = AnswerText(path="x")
    tool = {"current_tool_use": {"name": "f", "toolUseId": "t"}}
    failure = {"type": "RUN_ERROR", "message": "it broke"}
    pieces = [answer.feed(json.dumps(event)) for event in (tool, failure, {"x": "a"}, {"y": "b"}, failure)]

    assert [*pieces, answer.close()] == ["", "", "error: it broke\na", "", "\nerror: it broke", ""]
    assert answer.take_notes() == ["using tool f()"]


def test_a_path_that_no_event_has_changes_nothing_but_when() -> None:
    events = ["plain ", {"data": "words"}, {"n": 1}]

    assert words("x", *events) == ["", "", "", 'plain words\n{"n": 1}']


def test_events_wait_for_the_path_only_so_long() -> None:
    long = "x" * 65_536

    assert words("x", {"n": 1}, long, " more", {"x": "found"}, {"n": 2}) == [
        "",
        f'{{"n": 1}}\n{long}',
        " more",
        "found",
        "",
        "",
    ]


@pytest.mark.parametrize("path", ["b", "a.b", "a.2", "a.-3", "a.x", "a.²", "a.0.b", "a.-", "0"])
def test_a_path_is_absent_if_a_step_of_it_leads_nowhere(path: str) -> None:
    assert words(path, {"a": ["b", None]}) == ["", '{"a": ["b", null]}']


def test_the_end_settles_the_last_character() -> None:
    assert words("x", {"x": "\ud83d"}, {"x": "\ude00\ud83d"}) == ["", "😀", "\ufffd"]
