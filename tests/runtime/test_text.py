"""The helpers that take text out of what agents answer with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.errors import AgentError, InvalidRequestError
from agentcore_mcp.runtime import iter_text, parse_sse_data
from agentcore_mcp.runtime.text import EventText
from agentcore_mcp.wire.pieces import Text
from agentcore_mcp.wire.sse import NamedData
from tests.support.agentcore import Boto, new_session_id
from tests.support.sse import encode_sse

if TYPE_CHECKING:
    from agentcore_mcp.local.agentcore import LocalAgentCore

# As in the seeds' example: a stream of Bedrock Converse events, of Strands' own, and of plain strings.
STREAM = b"""\
data: {"init_event_loop": true}

data: {"start": true}

data: {"event": {"contentBlockDelta": {"delta": {"text": "Hello"}}}}

: keep-alive

data: {"event": {"contentBlockDelta": {"delta": {"text": " w\xc3\xb6rld"}}}}

data: {"event": {"contentBlockDelta": {"delta": {"text": "!"}}}}
"""


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'data: {"a": 1}', {"a": 1}),
        (b'data: {"a": 1}\n\n', {"a": 1}),
        (b'data:{"a": 1}\r\n\r\n', {"a": 1}),
        ('data: "größer\u2028"\n\n', "größer\u2028"),
        (b'event: message\nid: 7\ndata: {"a":\ndata: 1}\n\n', {"a": 1}),
        (b'{"a": 1}', {"a": 1}),
        (b' {"a":\n 1}\n', {"a": 1}),
        ('"a string"', "a string"),
        (b"data: plain words\n\n", "plain words"),
        (b"data: [DONE]\n\n", "[DONE]"),
        (b"data: null\n\n", None),
        (b"data: \n\n", ""),
        (b"", None),
        (b"\n", None),
        (b": a comment\n\n", None),
        (b"event: ping\n\n", None),
        (b"data: " + b"[" * 100_000, "[" * 100_000),
        (None, None),
    ],
)
def test_an_event_is_its_value(data: bytes | str | None, value: Any) -> None:
    assert parse_sse_data(data) == value


def test_of_two_events_none_is_chosen() -> None:
    with pytest.raises(InvalidRequestError, match="2 events where one was expected"):
        parse_sse_data(b"data: 1\n\ndata: 2\n\n")


@pytest.mark.parametrize("size", [1, 2, 7, 1024])
def test_words_come_out_of_a_stream_however_it_is_cut(size: int) -> None:
    chunks = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]

    assert "".join(iter_text(chunks)) == "Hello wörld!"
    assert all(iter_text(chunks))


def test_words_come_out_as_soon_as_they_are_there() -> None:
    words = iter_text([b'data: "one"\n\n', b'data: "two"\n\n', b"never read"])

    assert [next(words), next(words)] == ["one", "two"]


def test_an_agents_failure_is_no_text() -> None:
    failure = {"error": "no", "error_type": "ValueError", "message": "An error occurred during streaming"}
    words = iter_text([b'data: "one"\n\n' + encode_sse(json.dumps(failure))])

    assert next(words) == "one"
    with pytest.raises(AgentError, match="ValueError: no"):
        next(words)


def test_boto3s_answer_is_a_stream_too(local_agentcore: LocalAgentCore) -> None:
    with Boto.of(local_agentcore) as boto:
        answer = boto.invoke({"prompt": "hello"}, new_session_id())

        assert "".join(iter_text(answer["response"])).startswith('You said "hello".')


@given(st.lists(st.text(st.characters(exclude_categories=()))))
def test_strings_that_were_cut_anywhere_join_to_what_they_were(texts: list[str]) -> None:
    """Between the halves of a surrogate pair too; a half that stays alone can't be text."""
    whole = "".join(texts).encode("utf-16-le", "surrogatepass")
    reader = EventText()
    # Each UTF-16 unit of it in an event of its own, as a JavaScript agent might send it.
    units = (chr(int.from_bytes(whole[start : start + 2], "little")) for start in range(0, len(whole), 2))

    assert "".join(map(reader.feed, map(json.dumps, units))) + reader.close() == whole.decode("utf-16-le", "replace")


def test_an_answer_that_is_no_stream_of_events_has_words_too() -> None:
    assert "".join(iter_text([b'{"text": "It', b'"}\n{"text": " is"}\n'])) == "It is"
    assert list(iter_text([b"It", b" is"])) == ["It is"]


def test_what_waits_for_the_end_of_an_answer_comes_before_its_failure() -> None:
    words = iter_text([b'data: {"text": "It", "run": "r"}\n\nevent: error\ndata: {"error": "boom"}\n\n'])

    assert [next(words), next(words)] == ["It", '\n{"run": "r"}']
    with pytest.raises(AgentError, match="boom"):
        next(words)


def test_the_string_of_a_text_is_the_text_and_an_end_has_none() -> None:
    reader = EventText()

    assert [reader.feed(Text('"x"')), reader.feed('"x"'), reader.feed(NamedData.of("{}", "done"))] == ['"x"', "x", ""]
