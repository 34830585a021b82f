"""AnswerText's notes: which tools an agent says it uses, in lines that fit anywhere, each use once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentcore_mcp.wire.text import AnswerText
from agentcore_mcp.wire.tooluse import NOTE_MAX_CHARS


def notes(*values: Any, at_end: bool = True) -> list[str]:
    """Return the notes on an answer whose events are these JSON values."""
    answer = AnswerText()
    for value in values:
        answer.feed(json.dumps(value))
    if at_end:
        answer.close()
    return answer.take_notes()


def call(name: Any, arguments: Any, call_id: str | None = None) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"toolUse": {"name": name, "input": arguments, "toolUseId": call_id}}]}


def agui(kind: str, call_id: str, **members: Any) -> dict[str, Any]:
    return {"type": f"TOOL_CALL_{kind}", "toolCallId": call_id, **members}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"a": 1, "b": "two", "c": [3], "d": None}, 'using tool f(a=1, b="two", c=[3], d=null)'),
        ({}, "using tool f()"),
        (None, "using tool f()"),
        ("", "using tool f()"),
        ('{"a": 1}', "using tool f(a=1)"),
        ("plain words", "using tool f(plain words)"),
        ('{"a": "cut', 'using tool f({"a": "cut)'),
        ([1, 2], "using tool f([1, 2])"),
        ({"query": "é\nü"}, 'using tool f(query="é\\nü")'),
        ("two\nlines", "using tool f(two lines)"),
    ],
)
def test_a_call_reads_as_one(arguments: Any, expected: str) -> None:
    assert notes(call("f", arguments)) == [expected]


def test_a_long_call_is_cut_to_one_short_line() -> None:
    assert notes(call("f", {"path": "x", "content": "words " * 1000})) == [
        'using tool f(path="x", content="words words words words words words words words words word…)'
    ]
    (many,) = notes(call("f", {f"name{i}": i for i in range(1000)}))
    (named,) = notes(call("f\n" * 1000, {"a": 1}))

    assert len(many) == NOTE_MAX_CHARS
    assert many.endswith("…)")
    assert named == f"using tool {'f ' * 39}f…(a=1)"


def test_a_note_can_always_be_written() -> None:
    assert notes(call("f\ud83d", {"a": "\ude00"})) == ['using tool f\ufffd(a="\ufffd")']


@pytest.mark.parametrize("name", ["", None, 3, ["f"]])
def test_a_call_without_a_name_is_none(name: Any) -> None:
    assert notes(call(name, {})) == []
    assert notes(agui("START", "t", toolCallName=name), agui("END", "t")) == []


def test_a_call_is_noted_once_its_arguments_are_complete() -> None:
    answer = AnswerText()
    taken = []
    for event in (
        agui("START", "1", toolCallName="f"),
        agui("START", "2", toolCallName="g"),
        agui("ARGS", "1", delta='{"a":'),
        agui("ARGS", "2", delta='{"b":2}'),
        agui("ARGS", "1", delta="1}"),
        agui("ARGS", "3", delta="of nothing"),
        agui("END", "2"),
        agui("END", "1"),
        agui("END", "1"),
    ):
        answer.feed(json.dumps(event))
        taken.append(answer.take_notes())

    assert taken == [[], [], [], [], [], [], ["using tool g(b=2)"], ["using tool f(a=1)"], []]


def test_a_call_that_never_ends_is_noted_at_the_end_of_the_turn_or_of_the_answer() -> None:
    begin, piece = agui("START", "1", toolCallName="f"), {"type": "TEXT_MESSAGE_CHUNK", "messageId": "m", "delta": "x"}

    assert notes(begin, piece, at_end=False) == ["using tool f()"]
    assert notes(begin, at_end=False) == []
    assert notes(begin) == ["using tool f()"]


def test_a_call_that_is_reported_by_its_id_again_is_noted_once() -> None:
    assert notes(agui("START", "1", toolCallName="f"), call("f", {"a": 1}, "1"), call("f", {"a": 1}, "1")) == [
        "using tool f(a=1)"
    ]


def test_calls_without_an_id_are_calls_of_their_own() -> None:
    assert notes(call("f", {}), call("f", {})) == ["using tool f()"] * 2


def test_calls_that_share_an_index_are_told_apart_by_their_ids() -> None:
    chunks = [
        {"type": "AIMessageChunk", "content": "", "tool_call_chunks": [{"name": n, "args": a, "id": i, "index": None}]}
        for n, a, i in (("f", '{"a": 1}', "1"), ("g", "{}", "2"))
    ]

    assert notes(*chunks) == ["using tool f(a=1)", "using tool g()"]


def test_what_is_no_index_is_no_failure() -> None:
    delta = {"contentBlockIndex": [], "delta": {"toolUse": {"input": {}}}}
    start = {"contentBlockIndex": {}, "start": {"toolUse": {"name": "f"}}}

    assert notes({"contentBlockStart": start}, {"contentBlockDelta": delta}) == ["using tool f()"]


def test_of_endless_arguments_only_the_beginning_is_kept() -> None:
    fragments = [agui("ARGS", "1", delta="x" * 1500) for _ in range(100)]

    (note,) = notes(agui("START", "1", toolCallName="f"), *fragments)
    assert note == f"using tool f({'x' * (NOTE_MAX_CHARS - 15)}…)"


def test_calls_without_end_are_noted_before_there_are_too_many() -> None:
    begun = notes(*(agui("START", str(i), toolCallName=f"f{i}") for i in range(150)), at_end=False)

    assert begun == [f"using tool f{i}()" for i in range(50)]


def test_notes_that_nobody_takes_are_forgotten_oldest_first() -> None:
    assert notes(*(call(f"f{i}", {}) for i in range(150))) == [f"using tool f{i}()" for i in range(50, 150)]


def test_nested_arguments_as_deep_as_the_parser_goes_are_left_out() -> None:
    for depth in range(800, 1000, 10):
        arguments = '{"a": ' * depth + "1" + "}" * depth
        answer = AnswerText()
        answer.feed(json.dumps(call("f", arguments)))
        (note,) = answer.take_notes()
        assert note.startswith(("using tool f(a=…)", 'using tool f(a={"a": {"a": ', 'using tool f({"a": {"a": '))


@pytest.mark.parametrize(
    "event",
    [
        {"message": call("f", {"a": 1}, "t")},
        {"current_tool_use": {"name": "f", "toolUseId": "t", "input": ""}, "delta": {}},
        {
            "type": "assistant",
            "message": {"model": "m", "content": [{"type": "tool_use", "name": "f", "input": {"a": 1}}]},
        },
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"a":1}'}}]},
        {
            "choices": [
                {"message": {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"a":1}'}}]}}
            ]
        },
        {"event": "on_tool_start", "name": "f", "data": {"input": {"a": 1}}, "run_id": "r"},
        {"parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}], "role": "model"},
        {"tool_name": "f", "tool_kwargs": {"a": 1}, "tool_id": "t"},
        {"chunk_type": "tool_call", "content": "", "tool_call": {"tool_name": "f", "arguments": '{"a":1}', "index": 0}},
        {"type": "tool-call", "payload": {"toolName": "f", "toolCallId": "t", "args": {"a": 1}}},
    ],
)
def test_calls_are_noted_in_the_form_of_each_framework(event: dict[str, Any]) -> None:
    answer = AnswerText()

    assert answer.feed(json.dumps(event)) + answer.close() == ""
    assert answer.take_notes() in (["using tool f(a=1)"], ["using tool f()"])
