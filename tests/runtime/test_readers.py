"""What reads an answer: however its bytes are cut, the same pieces come, and then the same error or none."""

from __future__ import annotations

import json
from itertools import chain

import httpx2
import pytest

from agentcore_mcp.errors import AgentError, ProtocolError
from agentcore_mcp.runtime.readers import ANSWER_MAX_BYTES, EventData, WholeText, invocation_body
from tests.support.codecs import decode_every_way

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


def test_any_other_answer_is_one_text() -> None:
    decode_every_way(WholeText, "größer\n\nthan ".encode() + b"\xff", ["größer\n\nthan \ufffd"])
    decode_every_way(WholeText, b"", [])


def test_a_whole_text_has_a_limit() -> None:
    reader = WholeText()
    reader.feed(bytes(ANSWER_MAX_BYTES))

    with pytest.raises(ProtocolError, match=f"more than the {ANSWER_MAX_BYTES} bytes that are allowed"):
        reader.feed(b"x")


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
    body = invocation_body(httpx2.Response(200, headers={"content-type": content_type}), "s-1")

    assert [*chain.from_iterable(body.feed(b"data: 1\n\n")), *body.close()] == pieces
