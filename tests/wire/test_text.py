"""AnswerText on plain text, Converse and Strands, the objects that authors return, and what nobody knows."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from agentcore_mcp.wire.characters import valid_unicode
from agentcore_mcp.wire.text import AnswerText, event_line, stream_failure


def words(*data: str) -> list[str]:
    """Return what each event's data adds, and at last what the end adds."""
    answer = AnswerText()
    return [*map(answer.feed, data), answer.close()]


def text(*values: Any) -> str:
    """Return the whole text of an answer whose events are these JSON values."""
    return "".join(words(*(json.dumps(value, ensure_ascii=False) for value in values)))


def delta(text: str) -> dict[str, Any]:
    return {"event": {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}}}


def message(*parts: str, role: str = "assistant") -> dict[str, Any]:
    return {"role": role, "content": [{"text": part} for part in parts]}


# --- plain


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("Hello, world", "Hello, world"),
        (" leading and trailing ", " leading and trailing "),
        ("two\nlines\n", "two\nlines\n"),
        ("", ""),
        ('"a JSON string"', "a JSON string"),
        ('"two\\nlines \\u00e9"', "two\nlines é"),
        ('""', ""),
        ("null", ""),
        ("[DONE]", ""),
        ("3", "3"),
        (" 3", " 3"),
        ("3.10", "3.10"),
        ("true", "true"),
        ("NaN", "NaN"),
        ("9" * 5000, "9" * 5000),
        ("{not json}", "{not json}"),
        ("{'python': 'dict'}", "{'python': 'dict'}"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_plain_text_and_json_scalars_are_passed_on(data: str, expected: str) -> None:
    assert words(data) == [expected, ""]


def test_pieces_of_plain_text_are_joined_as_they_are() -> None:
    assert words("There", " are", " 3", " apples", ".") == ["There", " are", " 3", " apples", ".", ""]


def test_strings_that_look_like_a_dictionary_are_words() -> None:
    values = ["{'", "data': 'x'", "}", "{'data': 'x', 'delta': {}}", "{'result': 'AgentResult(...)'}"]

    assert text(*values) == "".join(values)


# --- Bedrock Converse and Strands


@pytest.mark.parametrize("wrap", [lambda event: {"event": event}, lambda event: event], ids=["strands", "converse"])
def test_a_converse_stream_reads_as_its_text_deltas(wrap: Any) -> None:
    stream: list[dict[str, Any]] = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "hm"}}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 1}},
        {"contentBlockDelta": {"delta": {"text": ", world"}, "contentBlockIndex": 1}},
        {"contentBlockStop": {"contentBlockIndex": 1}},
        {"contentBlockStart": {"start": {"toolUse": {"name": "add", "toolUseId": "t"}}, "contentBlockIndex": 2}},
        {"contentBlockDelta": {"delta": {"toolUse": {"input": "{}"}}, "contentBlockIndex": 2}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 1}, "metrics": {"latencyMs": 2}}},
    ]

    assert text(*map(wrap, stream)) == "Hello, world"


def test_a_message_that_begins_after_a_line_end_needs_no_other() -> None:
    start = {"event": {"messageStart": {"role": "assistant"}}}

    assert text(start, delta("a"), start, delta(""), delta("b\n"), start, start, delta("c")) == "a\nb\nc"


@pytest.mark.parametrize(
    "event",
    [
        {"init_event_loop": True},
        {"init_event_loop": True, "custom": 1},
        {"start": True},
        {"start_event_loop": True},
        {"reasoningText": "hm", "reasoning": True, "delta": {}, "event_loop_cycle_id": "x"},
        {"type": "tool_use_stream", "current_tool_use": {}, "delta": {}, "event_loop_cycle_id": "x"},
    ],
)
def test_events_of_the_strands_loop_carry_no_words(event: dict[str, Any]) -> None:
    assert text(event) == ""
    assert text({"data": "a"}, event, {"data": "b"}) == "ab"


@pytest.mark.parametrize(
    "event",
    [
        {"message": {"role": "user", "content": [{"toolResult": {"content": [{"text": "3"}]}}]}},
        {"message": {"role": "assistant", "content": [{"toolUse": {"name": "add"}}]}},
    ],
)
def test_words_after_a_message_of_strands_begin_on_a_new_line(event: dict[str, Any]) -> None:
    assert text(event) == ""
    assert text({"data": "a"}, event, {"data": "b"}) == "a\nb"


def test_data_events_are_words() -> None:
    full = {"data": " world", "delta": {"text": " world"}, "event_loop_cycle_id": "x", "request_state": {}}

    assert text({"data": "Hello"}, full) == "Hello world"


def test_copies_of_words_are_dropped_wherever_they_come_from() -> None:
    """Delta, data, message and result say the same in turn: the first kind that comes is the one that counts."""
    copies = [delta("Hi"), {"data": "Hi"}, {"message": message("Hi")}, {"result": "Hi"}]
    for i in range(len(copies)):
        assert text(*copies[i:]) == "Hi"


def test_data_events_are_dropped_only_after_deltas_of_the_model() -> None:
    assert text({"data": "a"}, delta("b"), {"data": "c"}, delta("d")) == "abd"


def test_a_string_is_never_a_copy() -> None:
    assert text(delta("a"), "b", {"data": "c"}, "d") == "abd"


def test_messages_without_deltas_are_paragraphs() -> None:
    tool_result = {"message": message("3", role="user")}

    assert text({"message": message("Let me", " add.")}, tool_result, {"message": message("It's 3.")}) == (
        "Let me add.\nIt's 3."
    )


@pytest.mark.parametrize("cut", ["{'data': 'x", "{'data': '\\x', 'delta': {}, 'event_loop_cycle_id': UUID('x')}"])
def test_a_strands_repr_that_cannot_be_read_is_still_words(cut: str) -> None:
    assert text(cut) == cut


def test_a_strands_result_object_that_cannot_be_read_is_still_words() -> None:
    value = "{'result': AgentResult(stop_reason='end_turn', message={'content': <object>}, metrics=x)}"

    assert text(value) == value


def test_a_strands_result_object_after_deltas_is_a_copy() -> None:
    result = (
        """{'result': AgentResult(stop_reason='end_turn', message={'role': 'assistant', 'content': """
        """[{'text': "It's Hi"}]}, metrics=EventLoopMetrics(cycle_count=2), state={})}"""
    )

    assert text(delta("It's Hi"), result) == text(result) == "It's Hi"


# --- what agents return


@pytest.mark.parametrize(
    "value",
    [
        {"result": "words"},
        {"result": message("wor", "ds")},
        {"result": {"stop_reason": "end_turn", "message": message("words"), "metrics": {}, "state": {}}},
        {"response": "words"},
        {"response": message("words")},
        {"output": "words"},
        {"output": {"message": message("words"), "timestamp": "…", "model": "m"}},
        {"output": {"message": "words"}},
        {"message": "words"},
        {"text": "words"},
        {"type": "token", "text": "words"},
        message("words"),
        {"result": {"role": "assistant", "content": [{"image": {}}, {"text": "wor"}, "ds", {"text": None}]}},
    ],
)
def test_the_shapes_that_samples_return_read_as_their_words(value: Any) -> None:
    assert text(value) == "words"
    assert words(json.dumps(value, indent=2) + "\n") == ["words", ""]


def test_pieces_in_such_shapes_are_joined_as_they_are() -> None:
    assert text({"response": "Working"}, {"response": " on it"}, {"type": "token", "text": "."}) == "Working on it."


@pytest.mark.parametrize("name", ["result", "response", "output", "message", "text"])
def test_an_empty_answer_is_empty(name: str) -> None:
    assert text({name: None}) == text({name: ""}) == ""


def test_what_comes_with_the_words_follows_them() -> None:
    value = {"result": "It's 3.", "sources": ["é"], "cost": 0.1}

    assert text(value) == 'It\'s 3.\n{"sources": ["é"], "cost": 0.1}'
    assert text(value, {"result": "Bye"}) == 'It\'s 3.\n{"sources": ["é"], "cost": 0.1}\nBye'


# --- what nobody knows is never dropped


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": 1},
        {"error": "no query"},
        {"result": {"total": 3}},
        {"result": 3},
        {"response": [1, 2]},
        {"data": {"rows": []}},
        {"data": "x", "chart": "pie"},
        {"event": "started"},
        {"event": {"contentBlockDelta": "x"}},
        {"event": {"metadata": {"mine": 1}}},
        {"contentBlockDelta": {"text": "x"}},
        {"metadata": {"mine": 1}},
        {"start": "now"},
        {"result": {"role": "assistant", "content": [{"image": {}}]}},
        [],
        [{"text": "x"}],
    ],
)
def test_what_is_not_recognised_is_passed_as_its_json_on_a_line_of_its_own(value: Any) -> None:
    as_json = json.dumps(value)

    assert words(as_json) == [as_json, ""]
    assert words("before", as_json, "after") == ["before", f"\n{as_json}", "\nafter", ""]
    assert words("before\n", f" {as_json}\n", as_json) == ["before\n", as_json, f"\n{as_json}", ""]


def test_json_is_passed_on_as_it_was_written() -> None:
    assert words('{"b":NaN,  "a":"\\u00e9"}') == ['{"b":NaN,  "a":"\\u00e9"}', ""]


def test_json_as_deep_as_the_parser_goes_is_passed_on() -> None:
    """A value may be nested so deeply that it can be parsed but not written again."""
    for depth in range(sys.getrecursionlimit() - 200, sys.getrecursionlimit() + 10):
        for data in (
            '{"text": "a", "x": ' + "[" * depth + "]" * depth + "}",
            '{"message": ' * depth + "1" + "}" * depth,
        ):
            assert "".join(words(data)) in (data, "a\n" + data.replace('"text": "a", ', ""))


# --- characters


def test_a_surrogate_pair_that_an_agent_cut_in_two_is_joined() -> None:
    assert words('"a\\ud83d"', '"\\ude00b"') == ["a", "😀b", ""]
    assert words('{"data": "\\ud83d"}', "null", '{"data": "\\ude00"}') == ["", "", "😀", ""]


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    assert words('"a\\ud83d"', '"b"') == ["a", "\ufffdb", ""]
    assert words('"\\ude00b"', '"\\ud83d"') == ["\ufffdb", "", "\ufffd"]


def test_a_pause_can_always_be_written() -> None:
    answer = AnswerText()
    interrupt = {"id": "i\ud83d", "name": "n", "reason": "pay\ud83d?", "response_schema": ["\ud83d"]}
    answer.feed(json.dumps({"interrupts": [interrupt]}))

    (pause,) = answer.pauses
    assert pause.id == "i\ufffd"
    assert "pay\ufffd?" in pause.question
    assert "\\ud83d" not in json.dumps(asdict(pause))


@pytest.mark.parametrize("schema", ["[" * 900 + "]" * 900, json.dumps({"description": "x" * 1_000_000})])
def test_a_schema_too_large_or_too_deep_to_be_passed_on_is_left_out(schema: str) -> None:
    answer = AnswerText()
    answer.feed(f'{{"interrupts": [{{"id": "i", "reason": "pay?", "response_schema": {schema}}}]}}')

    (pause,) = answer.pauses
    assert "pay?" in pause.question
    assert asdict(pause)["schema"] is None


def test_the_end_is_settled_once() -> None:
    answer = AnswerText()

    assert answer.feed('"\\ud83d"') == ""
    assert [answer.close(), answer.close()] == ["\ufffd", ""]


@given(st.lists(st.text(st.characters()), max_size=6))
@example(["data: "])
@example(["id: 7\nevent: "])
def test_words_can_always_be_written_and_none_is_lost(pieces: list[str]) -> None:
    written = "".join(words(*map(json.dumps, pieces)))

    assert written == valid_unicode("".join(pieces))
    assert written.encode().decode() == written


names = st.sampled_from(
    "event data delta message role content text result output start contentBlockDelta metadata x".split()  # noqa: SIM905
)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=4))
def test_any_json_gives_text(values: list[Any]) -> None:
    written = text(*values)

    assert written.encode().decode() == written


# --- the report of a failure

STREAM_FAILURE_MESSAGE = "An error occurred during streaming"
FAILURE = {"error": "it broke", "error_type": "ValueError", "message": STREAM_FAILURE_MESSAGE}


def test_the_three_key_event_is_a_failure() -> None:
    assert stream_failure(json.dumps(FAILURE)) == ("it broke", "ValueError", STREAM_FAILURE_MESSAGE)
    assert stream_failure(json.dumps(FAILURE | {"error": "\ud83d", "error_type": ""})) == (
        "\ufffd",
        "",
        STREAM_FAILURE_MESSAGE,
    )
    assert stream_failure(json.dumps(FAILURE | {"message": "in step 3"})) == ("it broke", "ValueError", "in step 3")


@pytest.mark.parametrize(
    "value",
    [
        {"error": "it broke"},
        {"error": "it broke", "error_type": "ValueError"},
        FAILURE | {"code": 1},
        FAILURE | {"error": None},
        FAILURE | {"error_type": 7},
        FAILURE | {"message": [STREAM_FAILURE_MESSAGE]},
        [FAILURE],
        STREAM_FAILURE_MESSAGE,
        json.dumps(FAILURE),
        "fine",
        None,
    ],
)
def test_nothing_else_is_a_failure(value: Any) -> None:
    assert stream_failure(json.dumps(value)) is None


@pytest.mark.parametrize("data", [STREAM_FAILURE_MESSAGE, "[" * 100_000 + STREAM_FAILURE_MESSAGE])
def test_text_that_is_not_json_is_no_failure(data: str) -> None:
    assert stream_failure(data) is None


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('{"a":\n1}', '{"a": 1}'),
        ('{\r\n"a": "x\\ny\u2028z"\r\n}\r\n', '{  "a": "x\\ny\u2028z"  }'),
        ('{"a": 1}\n{"a": 2}\n', '{"a": 1}\n{"a": 2}\n'),
        ("a poem\nof two lines", "a poem\nof two lines"),
        ("[" * 100_000 + "\n", "[" * 100_000 + "\n"),
        ('"\ud83d"', '"\ufffd"'),
    ],
)
def test_json_of_several_lines_is_the_same_on_one_and_nothing_else_is_touched(data: str, line: str) -> None:
    assert event_line(data) == line
