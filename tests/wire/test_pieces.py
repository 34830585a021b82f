"""Bodies that are no event stream: however their bytes are cut, they come as the same text, and live where they can."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.errors import ProtocolError
from agentcore_mcp.wire.pieces import ANSWER_MAX_BYTES, Binary, Text, TextPieces, is_text_type, whole
from tests.support.codecs import decode, decode_every_way, ways_to_cut


def pieces(*chunks: bytes) -> list[str]:
    found, error = decode(TextPieces(), chunks)
    assert error is None
    return found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b'{"a": 1}', ['{"a": 1}']),
        (b'{"a": 1}\n{"b": 2}\n', ['{"a": 1}', '{"b": 2}']),
        (b'{"a": 1}\r\n\r\n{"b": 2}', ['{"a": 1}', '{"b": 2}']),
        (b'\xef\xbb\xbf{"a": 1}\n[2]\n', ['{"a": 1}', "[2]"]),
        (b'{"a": 1}\nplain\nwords', ['{"a": 1}', "plain\n", "words"]),
        (b'{\n  "a": 1,\n  "b": {}\n}\n', ['{\n  "a": 1,\n  "b": {}\n}\n']),
        (b'{"a": 1', ['{"a": 1']),
        (b'"a string"', ['"a string"']),
        (b"null", ["null"]),
        (b"[Note]", ["[Note]"]),
        (b'0:"It is"\nd:{"finishReason":"stop"}\n', ['0:"It is"', 'd:{"finishReason":"stop"}']),
        (b'data: {"a": 1}\n\ndata: 2\n\n', ['data: {"a": 1}\n\n', "data: 2\n\n"]),
        (b'event: x\r\ndata: {"a": 1}\r\n\r\nid: 7', ['event: x\ndata: {"a": 1}\n\n', "id: 7"]),
        ("\ufeff{}".encode("utf-16-le"), ["{}"]),
        (b"\x89PNG\r\n\0\0", ["(the agent answered with image/png, 8 bytes)"]),
    ],
)
def test_a_body_is_cut_where_its_beginning_says(body: bytes, expected: list[str]) -> None:
    decode_every_way(TextPieces, body, expected)


@pytest.mark.parametrize(
    "body",
    [b"Hello, world", b"<html>\n<p>", b"dat", b"eventually", b"7 apples", b"n", b"a: b", b"\n\n", b" x\xc3\xa9\n"],
)
def test_text_comes_as_it_arrives(body: bytes) -> None:
    for chunks in ways_to_cut(body):
        assert "".join(pieces(*chunks)) == body.decode()
    assert pieces(b"Hello", b", ", b"w\xc3", b"\xb6") == ["Hello", ", ", "w", "ö"]
    assert all(isinstance(piece, Text) for piece in pieces(b"Hello", b' "x"'))


def test_text_that_only_begins_as_json_does_is_text_as_soon_as_that_is_sure() -> None:
    reader = TextPieces()

    assert reader.feed(b"[Note] ") == []
    assert reader.feed(b"that this is no JSON") == ["[Note] that this is no JSON"]
    assert reader.feed(b"\nbut a text") == ["\nbut a text"]
    assert pieces(b'"Quoted," he said.\n', b"More.") == ['"Quoted," he said.\n', "More."]
    assert pieces(b'"A title"\n', b"More.") == ['"A title"\n', "More."]


def test_lines_are_complete_as_soon_as_they_end() -> None:
    reader = TextPieces("application/x-ndjson")

    assert reader.feed(b'{"a": ') == []
    assert reader.feed(b'1}\nworking\n\x1e{"b"') == ['{"a": 1}', "working\n"]
    assert reader.feed(b": 2}\n") == ['{"b": 2}']
    assert reader.close() == []


@given(
    st.lists(
        st.sampled_from([b'{"a": 1}', b"\n", b"x", b"[", b'"', b"data: ", b"0:", b"\xc3\xa9", b" ", b"\xff", b"\0"])
    )
)
def test_however_a_body_is_cut_its_text_is_the_same(parts: list[bytes]) -> None:
    at_once = "".join(pieces(b"".join(parts)))

    assert "".join(pieces(*parts)) == at_once
    assert "".join(pieces(*(bytes([byte]) for byte in b"".join(parts)))) == at_once


def test_a_text_has_a_limit_and_lines_have_none() -> None:
    reader = TextPieces()
    reader.feed(b"{" + bytes(1))
    with pytest.raises(ProtocolError, match=f"more than the {ANSWER_MAX_BYTES} bytes that are allowed"):
        reader.feed(bytes(ANSWER_MAX_BYTES))

    lines = TextPieces("application/x-ndjson")
    for _ in range(110):
        assert lines.feed(b"1" * 1_000_000 + b"\n")


def test_a_body_that_is_no_text_keeps_its_bytes() -> None:
    image = whole(b"\x89PNG" + bytes(66), "image/png")

    assert image == "(the agent answered with image/png, 70 bytes)"
    assert isinstance(image, Binary)
    assert (image.content, image.content_type) == (b"\x89PNG" + bytes(66), "image/png")
    assert whole(b"\xff\xfe", "application/pdf") == "(the agent answered with application/pdf, 2 bytes)"
    assert whole(b"\0", "application/json") == "(the agent answered with binary data, 1 bytes)"
    assert whole(b"only its type says so", "audio/wav") == "(the agent answered with audio/wav, 21 bytes)"


@pytest.mark.parametrize(
    ("body", "media_type", "text"),
    [
        (b"\xef\xbb\xbf{}", "application/json", "{}"),
        ("\ufeffgrößer".encode("utf-16-be"), "text/plain", "größer"),
        (b"<svg/>", "application/octet-stream", "<svg/>"),
        (b"cut \xc3", "text/html", "cut \ufffd"),
        (b"a;b", "", "a;b"),
    ],
)
def test_a_body_that_is_text_is_its_text(body: bytes, media_type: str, text: str) -> None:
    assert whole(body, media_type) == text


def test_types_say_whether_a_body_is_text() -> None:
    texts = ("", "text/html", "application/json", "application/problem+json", "application/xml", "application/x-ndjson")
    assert all(map(is_text_type, texts))
    assert not any(map(is_text_type, ("image/png", "image/svg+xml", "application/pdf", "application/octet-stream")))


@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/jsonl", "application/stream+json"])
def test_some_types_say_that_each_line_is_a_piece(media_type: str) -> None:
    decode_every_way(lambda: TextPieces(media_type), b'working\n{"a": 1}\n', ["working\n", '{"a": 1}'])


@pytest.mark.parametrize("media_type", ["image/png", "application/pdf", "application/octet-stream"])
def test_a_body_of_a_type_that_is_no_text_is_one_piece(media_type: str) -> None:
    decode_every_way(lambda: TextPieces(media_type), b"\0\1\n\n", [f"(the agent answered with {media_type}, 4 bytes)"])
    decode_every_way(lambda: TextPieces(media_type), b"", [])
