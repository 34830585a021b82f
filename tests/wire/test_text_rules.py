"""The rules by which AnswerText reads what no dialect knows: said once, as soon as it is there, and nothing lost."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.runtime.readers import EventData
from agentcore_mcp.wire.characters import valid_unicode
from agentcore_mcp.wire.pieces import Binary, Text, TextPieces
from agentcore_mcp.wire.sse import NamedData, SSEEvent
from agentcore_mcp.wire.text import AnswerText


def words(*values: Any) -> list[str]:
    """Return what each event adds, and at last what the end adds; strings are data as they are."""
    answer = AnswerText()
    data = (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values)
    return [*map(answer.feed, data), answer.close()]


def text(*values: Any) -> str:
    return "".join(words(*values))


def ai(content: str, message_id: str | None = "a", **others: Any) -> dict[str, Any]:
    return {"type": "ai", "content": content, "id": message_id, "additional_kwargs": {}, **others}


# --- messages that grow, or are rewritten


@pytest.mark.parametrize("wrap", [lambda m: {"messages": [m]}, lambda m: {"node": {"messages": [m]}}, lambda m: [m]])
def test_of_a_message_that_grows_what_is_new_is_said(wrap: Any) -> None:
    assert words(wrap(ai("Draft")), wrap(ai("Draft and more")), wrap(ai("Draft and more"))) == [
        *["Draft", " and more", ""],
        "",
    ]


def test_a_message_that_is_rewritten_is_said_anew_on_its_own_line() -> None:
    first, second = {"messages": [ai("Draft")]}, {"messages": [ai("Another text")]}

    assert words(first, second, first, second) == ["Draft", "\nAnother text", "", "", ""]


def test_what_grows_after_other_words_begins_on_a_new_line() -> None:
    assert text(
        {"messages": [ai("One")]}, {"messages": [ai("One"), ai("Two", "b")]}, {"messages": [ai("One more")]}
    ) == ("One\nTwo\n more")


def test_a_message_that_came_in_pieces_and_then_grew_is_said_by_what_is_new() -> None:
    pieces = [[ai(part) | {"type": "AIMessageChunk"}, {"langgraph_step": 1}] for part in ("Dra", "ft")]

    assert text(*pieces, {"messages": [ai("Draft")]}) == "Draft"
    assert text(*pieces, {"messages": [ai(" Draft\n")]}) == "Draft"
    assert text(*pieces, {"messages": [ai("Draft and more")]}) == "Draft and more"
    assert text(*pieces, {"messages": [ai("Other")]}) == "Draft\nOther"


def test_messages_without_ids_grow_by_their_place() -> None:
    def state(content: str) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": content}]}

    assert words(state("It"), state("It is"), state("It is")) == ["It", " is", "", ""]


# --- sums beside pieces, and texts that grow


@pytest.mark.parametrize("names", [("delta", "response"), ("token", "text"), ("chunk", "content"), ("content", "full")])
def test_a_piece_beside_the_sum_of_all_so_far_is_said_alone(names: tuple[str, str]) -> None:
    events, so_far = [], ""
    for piece in ("It", " is", " is", " noon."):
        so_far += piece
        events.append({names[0]: piece, names[1]: so_far})

    assert words(*events) == ["It", " is", " is", " noon.", ""]
    assert words(*(dict(reversed(event.items())) for event in events)) == ["It", " is", " is", " noon.", ""]


def test_a_sum_goes_on_after_another_event_or_begins_anew() -> None:
    answer = AnswerText()
    events = [
        {"delta": "It", "response": "It"},
        {"status": "thinking"},
        {"delta": " is", "response": "It is"},
        {"status": "thinking again"},
        {"delta": "So", "response": "So"},
    ]

    words = "".join(answer.feed(json.dumps(event)) for event in events) + answer.close()

    assert words == 'It\n{"status": "thinking"}\n is\n{"status": "thinking again"}\nSo'


def test_events_under_another_type_carry_strings_and_failures() -> None:
    answer = AnswerText()
    failure = {"error": "boom", "error_type": "ValueError", "message": "An error occurred"}

    pieces = ['data: "It"\n\n', 'data: " is"\n\n', f"data: {json.dumps(failure)}\n\n"]

    assert [answer.feed(piece) for piece in pieces] == ["It", " is", "\nerror: ValueError: boom: An error occurred"]


def test_a_text_that_grows_is_said_by_what_is_new() -> None:
    assert words({"text": "It"}, {"text": "It is"}, {"text": "It is noon."}, {"text": "It is noon."}) == [
        *["It", " is", " noon.", ""],
        "",
    ]
    assert text({"text": "I"}, {"text": "It"}, {"text": "It i"}, {"text": "It is"}) == "It is"


def test_pieces_that_only_begin_alike_are_pieces() -> None:
    assert text({"text": "ha"}, {"text": "haha"}, {"text": " well"}) == "hahaha well"
    assert text({"text": "ha"}, {"text": "haha"}) == "hahaha"
    assert text({"text": "no"}, {"text": "no"}, {"text": "no"}) == "nonono"


# --- what comes with every piece


def test_what_comes_with_every_piece_is_said_once_behind_them() -> None:
    events = [{"event": "token", "content": piece, "run_id": "r", "content_kind": "str"} for piece in ("It", " is")]

    assert words(*events, "[DONE]") == ["It", " is", "", '\n{"run_id": "r", "content_kind": "str"}']
    assert text(*events, {"done": True}, *events) == (
        'It is\n{"run_id": "r", "content_kind": "str"}\n{"done": true}\nIt is'
    )


def test_of_numbers_times_and_ids_that_change_with_every_piece_the_last_is_said() -> None:
    events = [{"token": piece, "index": i, "id": f"e{i}", "created_at": f"{i}:00"} for i, piece in enumerate("abc")]

    assert text(*events) == 'abc\n{"index": 2, "id": "e2", "created_at": "2:00"}'


def test_what_else_changes_is_said_where_it_changes() -> None:
    assert text({"text": "a", "node": "x"}, {"text": "b", "node": "x"}, {"text": "c", "node": "y"}) == (
        'ab\n{"node": "x"}\nc\n{"node": "y"}'
    )


def test_nothing_is_no_noise() -> None:
    assert text({"text": "a", "error": None, "sources": [], "meta": {}, "note": ""}) == "a"


# --- the type of an event


@pytest.mark.parametrize(
    ("event", "data", "expected"),
    [
        ("token", "It is", "It is"),
        ("token", '"It is"', "It is"),
        ("done", "{}", ""),
        ("end", "null", ""),
        ("ping", '{"t": 1}', ""),
        ("done", '{"text": "It is"}', "It is"),
        ("metadata", '{"run_id": "r", "attempt": 1}', ""),
        ("messages/metadata", '{"m": {"metadata": {"x": "y"}}}', ""),
        ("metadata", '{"sources": ["x"]}', '{"event": "metadata", "sources": ["x"]}'),
        ("progress", '{"percent": 10}', '{"event": "progress", "percent": 10}'),
        ("thinking", "hm", "thinking: hm"),
        ("status", '"Searching"', "status: Searching"),
        ("text-delta", '{"id": "1", "delta": "It is"}', "It is"),
        ("content_block_delta", '{"index": 0, "delta": {"text": "It is"}}', "It is"),
        ("values", '{"messages": [{"role": "assistant", "content": "It is"}]}', "It is"),
        ("updates|sub:1", '{"node": {"messages": [{"role": "assistant", "content": "It is"}]}}', "It is"),
        ("custom", '"It is"', "It is"),
        ("error", '{"error": "boom"}', "error: boom"),
        ("error", '{"error": "ValueError", "message": "boom"}', "error: ValueError: boom"),
    ],
)
def test_the_type_of_an_event_is_read_as_a_type_in_its_data(event: str, data: str, expected: str) -> None:
    for given_as in (SSEEvent(data, event), NamedData.of(data, event)):
        answer = AnswerText()

        assert answer.feed(given_as) + answer.close() == expected


def test_events_of_no_type_are_what_their_data_are() -> None:
    answer = AnswerText()

    assert [answer.feed(SSEEvent("It")), answer.feed(NamedData.of(" is", "message", "7"))] == ["It", " is"]


def test_text_is_said_as_it_is_and_bytes_are_told() -> None:
    answer = AnswerText()
    pieces = [Text('{"text": "x"}'), Text('"x"'), Binary.of(b"x" * 70, "image/png")]

    assert "".join(map(answer.feed, pieces)) == '{"text": "x"}"x"\n(the agent answered with image/png, 70 bytes)'


def test_events_of_plain_text_under_another_type_are_read_as_events() -> None:
    answer, reader = AnswerText(), TextPieces("text/plain")
    pieces = [
        *reader.feed(b"event: token\ndata: It\n\ndata:  is\n\nda"),
        *reader.feed(b"ta: [DONE]\n\n"),
        *reader.close(),
    ]

    assert list(map(answer.feed, pieces)) == ["It", " is", ""]
    assert answer.feed('event: error\ndata: {"error": "boom"}\n\n') == "\nerror: boom"


def test_quotes_in_plain_text_are_words() -> None:
    """As the app for TypeScript sends the pieces of a text."""
    assert text("It's", ' "3"', '"."') == 'It\'s "3""."'
    assert text('"It"', '" is"') == "It is"


# --- reprs


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{'message': {'role': 'assistant', 'content': [{'x': b'r'}, {'text': 'hi'}]}}", "hi"),
        ("{'data': 'hi', 'delta': {'text': 'hi'}, 'cost': Decimal('1.5'), 'event_loop_cycle_id': UUID('x')}", "hi"),
        ("{'choices': [{'delta': {'content': 'hi'}}], 'created': datetime.datetime(2026, 1, 2)}", "hi"),
        ("{'result': 'hi', 'price': Decimal('1.50')}", 'hi\n{"price": "1.50"}'),
        ("[{'role': 'assistant', 'content': 'hi', 'id': UUID('9fc9ea3f')}]", "hi"),
        ("{'type': 'text-delta', 'delta': 'hi', 'x': <object at 0x7f>}", "hi"),
        ("{'type': 'text-delta', 'delta': 'a > b', 'x': {1, 2}}", "a > b"),
        ("{'result': 'hi', 'rest': OrderedDict({'a': 1})}", 'hi\n{"rest": {"a": 1}}'),
        ("{'result': 'hi', 'rest': ...}", "{'result': 'hi', 'rest': ...}"),
        ("{'python': 'dict'}", "{'python': 'dict'}"),
        ("{'python': Decimal('1')}", "{'python': Decimal('1')}"),
        ("{'data': 'x', 'delta': {}}", "{'data': 'x', 'delta': {}}"),
        ("{'x': __import__('os').system('true')}", "{'x': __import__('os').system('true')}"),
        ("{'text': 'x', 'f': lambda: 1}", "{'text': 'x', 'f': lambda: 1}"),
    ],
)
def test_what_comes_as_a_repr_because_of_one_value_is_read_as_its_json_would_be(value: str, expected: str) -> None:
    assert text(json.dumps(value)) == expected


# --- nothing is lost

names = st.sampled_from(["alpha", "beta", "gamma", "text", "answer", "delta"])
leaves = st.text(st.sampled_from("abcdefgh"), min_size=3, max_size=8)
unknown = st.recursive(
    leaves | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)


def strings_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in strings_in(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in strings_in(inner)]
    return [value] if isinstance(value, str) else []


@given(st.lists(st.dictionaries(names, unknown, min_size=1, max_size=4), max_size=5))
def test_each_text_in_objects_that_nobody_knows_is_said(events: list[dict[str, Any]]) -> None:
    said = text(*events)
    pieces = "".join(said.split("\n"))

    assert [leaf for event in events for leaf in strings_in(event) if leaf not in said and leaf not in pieces] == []


@pytest.mark.parametrize(
    "value",
    [
        {"type": "response", "text": "words"},
        {"type": "agent_response", "text": "words"},
        {"event": "Running", "text": "words", "run_id": "r"},
        {"token": "words", "run_id": "r", "content_type": "str"},
        {"event": "done", "response": "words", "sources": ["s"]},
        {"event_kind": "mine", "text": "words"},
        {"tool_calls": "words", "token_usage": 3},
        {"data": "other", "delta": "words"},
        {"interrupts": True, "name": "words"},
        {"requirements": [{"name": "words"}]},
        {"answer": {"message": "text", "sources": "words"}},
        {"answer": "longer", "text": "words", "alpha": "words"},
        {"result": ["text", ["words"]]},
        {"type": "TextMessage", "text": "words"},
        {"type": "assistant", "text": "words"},
        {"type": "message", "role": "author", "content": "words"},
        {"type": "text", "data": "words"},
        {"type": "response.output_text.delta", "delta": ["words"]},
        {"object": "response", "output": "words"},
        {"node": {"messages": [{"role": "words"}]}},
        {"current_tool_use": "words"},
        {"output": "words", "is_final_answer": True, "more": 1},
        {"raw": {}, "delta": None, "additional_kwargs": {}, "text": "words"},
        {"raw": {}, "delta": None, "additional_kwargs": {}, "text": ["words"]},
    ],
)
def test_objects_that_only_look_like_a_frameworks_lose_nothing(value: dict[str, Any]) -> None:
    assert "words" in text(value)


fragments = st.sampled_from(
    [
        b'data: {"text": "It"}\n\n', b"data:plain\n\n", b"data: is\n\n", b"event: done\n", b"data: {}\n\n", b"\n",
        b'{"text": "It is"}\n', b'{"delta": "x", "id": 1}\n', b"Hello", b" ", b"[1, 2]", b'0:"It"\n', b"\xc3\xa9",
        b"\xef\xbb\xbf", b"{", b'"', b": comment\n", b"id: 7\n", b"[DONE]", b"name: x\n", b"\r\n", b"\xff",
    ]
)  # fmt: skip


@given(st.lists(fragments, max_size=8), st.sampled_from(["events", "text", "lines"]), st.randoms())
def test_however_an_answer_is_cut_its_words_are_the_same(parts: list[bytes], kind: str, chance: Any) -> None:
    body = b"".join(parts)

    def read(chunks: list[bytes]) -> str:
        reader = EventData() if kind == "events" else TextPieces({"lines": "application/jsonl"}.get(kind, ""))
        answer = AnswerText()
        pieces = [piece for chunk in chunks for piece in reader.feed(chunk)] + reader.close()
        return "".join(map(answer.feed, pieces)) + answer.close()

    cuts = sorted(chance.choices(range(len(body) + 1), k=4))
    expected = read([body])

    assert read(parts) == expected
    assert read([bytes([byte]) for byte in body]) == expected
    assert read([body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]) == expected
    assert valid_unicode(expected) == expected


# --- no input holds the event loop

SIZE = 600_000
HOSTILE = {
    "one line": b"x" * SIZE,
    "lines": b"x\n" * (SIZE // 2),
    "blanks": b" " * SIZE,
    "newlines": b"\n" * SIZE,
    "an open object": b'{"a": "' + b"x" * SIZE,
    "a list of lists": b"[\n" * (SIZE // 2),
    "a text that begins as a list": b"[Note] " + b"x " * (SIZE // 2),
    "an unknown field": b"name:" + b"x" * SIZE,
    "an event": b"data: {" + b"x" * SIZE,
    "events": b'data: {"a": "x"}\n\n' * (SIZE // 18),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_with_the_bytes_and_not_faster(name: str) -> None:
    """One byte at a time, a body of four times the size takes no more than about four times as long."""

    def took_s(size: int) -> float:
        reader, answer, body = EventData(), AnswerText(), HOSTILE[name][:size]
        began = time.process_time()
        for i in range(len(body)):
            for piece in reader.feed(body[i : i + 1]):
                answer.feed(piece)
        for piece in reader.close():
            answer.feed(piece)
        return time.process_time() - began

    assert took_s(SIZE // 4) < 12 * max(took_s(SIZE // 16), 0.05)


@pytest.mark.parametrize(
    "value",
    [
        "{'a': " * 6_000,
        "{'a': " + "(" * 32_000,
        "{'a': " + "<" * 16_000 + ">" * 16_000 + "}",
        "{'message': {'role': 'assistant', 'content': [" + "{'text': 'x'}, " * 2_000 + "b'r']}}",
        "RunOutput(a=" + "[" * 32_000,
        {f"k{i}": "x" for i in range(5_000)} | {"text": "y"},
        {"messages": [ai("x", str(i)) for i in range(3_000)]},
    ],
    ids=["dicts", "parentheses", "angles", "parts", "lists", "members", "messages"],
)
def test_no_event_of_64_ki_holds_up_whoever_reads_it(value: Any) -> None:
    answer, data = AnswerText(), [json.dumps(value)] * 3
    began = time.process_time()
    for one in data:
        answer.feed(one)

    assert time.process_time() - began < 3


def test_json_of_more_values_than_can_be_parsed_in_time_is_shown_as_it_came() -> None:
    answer = '{"result": "hello", "rows": [' + ",".join(['{"a":1}'] * 300_000) + "]}"
    text = AnswerText()

    assert text.feed(answer) + text.close() == answer


def test_a_long_text_in_json_is_read_all_the_same() -> None:
    text = AnswerText()

    assert text.feed('{"result": "' + "Hello " * 100_000 + '"}') + text.close() == "Hello " * 100_000
