"""What reads an answer: however its bytes are cut, the same pieces come, and then the same error or none."""

from __future__ import annotations

import json
from itertools import chain

import httpx2
import pytest

from agentcore_mcp.errors import AgentError
from agentcore_mcp.runtime.readers import EventData, invocation_body
from agentcore_mcp.runtime.replies import Reply
from agentcore_mcp.wire.sse import NamedData
from tests.support.codecs import decode, decode_every_way, ways_to_cut

FAILURE = json.dumps({"error": "oh", "error_type": "KeyError", "message": "An error occurred during streaming"})


def test_events_are_their_data() -> None:
    stream = 'data: "größer"\r\n\r\n: a comment\n\ndata: 1\ndata: 2\n\ndata: last'.encode()

    decode_every_way(EventData, stream, ['"größer"', "1\n2", "last"])


@pytest.mark.parametrize("end", ["\n\ndata: never seen\n\n", ""])
def test_the_report_of_a_failure_ends_the_stream(end: str) -> None:
    stream = f"data: 1\n\ndata: {FAILURE}{end}".encode()

    said = decode_every_way(EventData, stream, ["1"], error=AgentError)

    assert said == "KeyError: oh (An error occurred during streaming)"


def test_a_failure_is_raised_by_every_further_call() -> None:
    reader = EventData()

    assert reader.feed(f"data: 1\n\ndata: {FAILURE}\n\n".encode()) == ["1"]
    assert reader.failed
    for _ in range(2):
        with pytest.raises(AgentError, match="KeyError: oh"):
            reader.feed(b"data: 2\n\n")
        with pytest.raises(AgentError, match="KeyError: oh"):
            reader.close()


@pytest.mark.parametrize(
    ("content_type", "pieces"),
    [
        ("text/event-stream", ["1"]),
        ("Text/Event-Stream ; charset=utf-8", ["1"]),
        ("text/event-streams", ["data: 1\n\n"]),
        ("application/json", ["data: 1\n\n"]),
        ("", ["data: 1\n\n"]),
    ],
)
def test_the_type_of_an_answer_says_how_it_is_read(content_type: str, pieces: list[str]) -> None:
    body = invocation_body(Reply(httpx2.Response(200, headers={"content-type": content_type}), "s-1"))

    assert [*chain.from_iterable(body.feed(b"data: 1\n\n")), *body.close()] == pieces


def test_an_event_of_the_type_error_is_a_failure() -> None:
    """As the BedrockAgentCoreApp for TypeScript sends it."""
    stream = b'data: "It is"\n\nevent: error\ndata: {"error":"boom"}\n\nevent: done\ndata: {}\n\n'

    assert decode_every_way(EventData, stream, ['"It is"'], error=AgentError) == "boom"


def test_the_type_and_the_id_of_an_event_come_with_its_data() -> None:
    reader = EventData()
    plain, named, last = [*reader.feed(b"data: 1\n\nevent: done\nid: 7\ndata: {}\n\ndata: 2"), *reader.close()]

    assert type(plain) is str
    assert isinstance(named, NamedData)
    assert isinstance(last, NamedData)
    assert (named, named.event, named.id) == ("{}", "done", "7")
    assert (last, last.event, last.id) == ("2", "message", "7")


@pytest.mark.parametrize(
    ("body", "pieces"),
    [
        (b"Hello", ["Hello"]),
        (b'{"a": 1}', ['{"a": 1}']),
        (b'\xef\xbb\xbf{"a": 1}\n{"b": 2}\n', ['{"a": 1}', '{"b": 2}']),
        (b"Hello: you", ["Hello: you"]),
        (b'{"a":\n1}', ['{"a":\n1}']),
        (b"", []),
        (b"\n\n", []),
        (b": a comment\n\n", []),
        (b"other: x\ndata: 1\n\n", ["1"]),
        (b"\xef\xbb\xbf\n\ndata: 1\n\n", ["1"]),
    ],
)
def test_a_body_without_one_field_of_an_event_is_read_as_what_it_is(body: bytes, pieces: list[str]) -> None:
    for chunks in [[body], *ways_to_cut(body)]:
        found, error = decode(EventData(), chunks)

        assert error is None
        assert "".join(found) == "".join(pieces)


def test_text_that_is_no_event_stream_comes_as_it_arrives() -> None:
    reader = EventData()

    assert [reader.feed(b"Hell"), reader.feed(b"o, w"), reader.feed(b"orld")] == [[], ["Hello, w"], ["orld"]]


def test_a_blank_is_text_if_the_encoder_writes_none_of_its_own() -> None:
    """As Spring's does for a ``Flux<String>``."""
    decode_every_way(EventData, b"data:Hello\n\ndata: big\n\ndata:a\ndata:  b\n\n", ["Hello", " big", "a\n  b"])
    decode_every_way(EventData, b"data: Hello\n\ndata: big\n\n", ["Hello", "big"])
    decode_every_way(EventData, b"data:\n\ndata: x\n\n", ["", "x"])


@pytest.mark.parametrize(
    ("content_type", "body", "pieces"),
    [
        ("application/x-ndjson", b'{"a": 1}\n{"b": 2}', ['{"a": 1}', '{"b": 2}']),
        ("application/json; charset=ISO-8859-1", '{"a": "größer"}'.encode("latin-1"), ['{"a": "größer"}']),
        ('text/plain; charset="windows-1252"', "„größer“".encode("cp1252"), ["„größer“"]),
        ("text/event-stream; charset=utf-16le", "data: größer\n\n".encode("utf-16-le"), ["größer"]),
        ("text/plain; charset=cp99999", "größer".encode(), ["größer"]),
        ("text/plain; charset=unicode_escape", b"\\u0041", ["\\u0041"]),
        ("image/png", b"\x89PNG\0", ["(the agent answered with image/png, 5 bytes)"]),
        ("application/octet-stream", b"only words", ["only words"]),
    ],
)
def test_other_types_and_encodings_are_read_as_they_say(content_type: str, body: bytes, pieces: list[str]) -> None:
    for chunks in [[body], *ways_to_cut(body)]:
        reader = invocation_body(Reply(httpx2.Response(200, headers={"content-type": content_type}), "s-1"))
        found = [*chain.from_iterable(chain.from_iterable(reader.feed(part)) for part in chunks), *reader.close()]

        assert "".join(found) == "".join(pieces)
