"""SSEDecoder and encode_sse against the WHATWG standard's text and examples, and against httpx2's EventSource."""

from __future__ import annotations

import json

import httpx2
import pytest
from hypothesis import example, given, strategies as st

from agentcore_mcp.errors import ProtocolError
from agentcore_mcp.wire.sse import MAX_EVENT_BYTES, SSEDecoder, SSEEvent
from tests.support.codecs import cut, decode, decode_every_way
from tests.support.sse import encode_sse

# What one event looks like on the line: read by the encoder's test and by the decoder's.
EVENTS: dict[str, tuple[SSEEvent, bytes]] = {
    "plain": (SSEEvent("hello"), b"data: hello\n\n"),
    "json": (SSEEvent('{"a": [1, "\u00e9"]}'), b'data: {"a": [1, "\xc3\xa9"]}\n\n'),
    "empty": (SSEEvent(""), b"data: \n\n"),
    "leading_space": (SSEEvent(" indented"), b"data:  indented\n\n"),
    "several_lines": (SSEEvent("one\n\nthree\n"), b"data: one\ndata: \ndata: three\ndata: \n\n"),
    "separators_that_are_no_line_ends": (
        SSEEvent("a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"),
        b"data: a\xe2\x80\xa8b\xe2\x80\xa9c\xc2\x85d\x0be\x0cf\x1cg\n\n",
    ),
    "colons": (SSEEvent(": a: b"), b"data: : a: b\n\n"),
    "type_and_id": (SSEEvent("x", "delta", "7"), b"event: delta\nid: 7\ndata: x\n\n"),
    "empty_id": (SSEEvent("x"), b"id: \ndata: x\n\n"),
}


def arguments(name: str, event: SSEEvent) -> dict[str, str]:
    given_arguments = {"event": event.event} if event.event != "message" else {}
    return given_arguments | ({"id": event.id} if event.id or name == "empty_id" else {})


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_encoded_as_the_table_says(name: str) -> None:
    event, raw = EVENTS[name]

    assert encode_sse(event.data, **arguments(name, event)) == raw


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_decoded_as_the_table_says(name: str) -> None:
    event, raw = EVENTS[name]

    decode_every_way(SSEDecoder, raw, [event])


def test_events_follow_each_other_in_any_order() -> None:
    events = [event for name, (event, _) in EVENTS.items() if name not in ("type_and_id", "empty_id")]

    decode_every_way(SSEDecoder, b"".join(encode_sse(event.data) for event in events) * 3, events * 3)


# --- the standard, 9.2.6


def test_whatwg_example_1_several_data_lines_are_one_event() -> None:
    raw = b"data: YHOO\ndata: +2\ndata: 10\n\n"

    decode_every_way(SSEDecoder, raw, [SSEEvent("YHOO\n+2\n10")])


def test_whatwg_example_2_comments_ids_and_the_unfinished_fourth_block() -> None:
    """The standard drops the fourth block; ours delivers it, because agents end their streams that way."""
    raw = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event"

    expected = [SSEEvent("first event", id="1"), SSEEvent("second event"), SSEEvent(" third event")]
    decode_every_way(SSEDecoder, raw, expected)


def test_whatwg_example_3_empty_data_lines() -> None:
    raw = b"data\n\ndata\ndata\n\ndata:"

    decode_every_way(SSEDecoder, raw, [SSEEvent(""), SSEEvent("\n"), SSEEvent("")])


def test_whatwg_example_4_one_space_after_the_colon_is_no_data() -> None:
    raw = b"data:test\n\ndata: test\n\n"

    decode_every_way(SSEDecoder, raw, [SSEEvent("test"), SSEEvent("test")])


def test_whatwg_add_and_remove_events() -> None:
    raw = b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n"

    decode_every_way(
        SSEDecoder, raw, [SSEEvent("73857293", "add"), SSEEvent("2153", "remove"), SSEEvent("113411", "add")]
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard_ends_a_line(end: bytes) -> None:
    raw = end.join([b"data: a", b"data: b", b"", b"event: e", b"data: c", b"", b""])

    decode_every_way(SSEDecoder, raw, [SSEEvent("a\nb"), SSEEvent("c", "e")])


def test_line_ends_may_be_mixed() -> None:
    raw = b"data: a\rdata: b\r\ndata: c\n\r\ndata: d\r\r\ndata: e\n\r"

    decode_every_way(SSEDecoder, raw, [SSEEvent("a\nb\nc"), SSEEvent("d"), SSEEvent("e")])


def test_an_event_does_not_wait_for_the_line_feed_after_a_carriage_return() -> None:
    decoder = SSEDecoder()

    assert decoder.feed(b"data: a\r\n\r") == [SSEEvent("a")]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: b\r") == []
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\ndata: c\r\n\r\n") == [SSEEvent("b\nc")]


def test_a_byte_order_mark_is_stripped_at_the_start_only() -> None:
    mark = b"\xef\xbb\xbf"

    decode_every_way(SSEDecoder, mark + b"data: a\n\n" + mark + b"data: b\n\n", [SSEEvent("a")])
    decode_every_way(SSEDecoder, b"data: a\n\n" + mark + b"data: b\n\ndata: c\n\n", [SSEEvent("a"), SSEEvent("c")])
    decode_every_way(SSEDecoder, mark + mark + b"data: a\n\n", [])
    decode_every_way(SSEDecoder, mark[:2], [])
    decode_every_way(SSEDecoder, b"data: " + mark + b"a\n\n", [SSEEvent("\ufeffa")])


def test_comments_and_unknown_fields_are_ignored() -> None:
    raw = b": keep-alive\n\n:\ndata: a\n:data: b\nfoo: bar\nDATA: c\n data: d\n\n"

    decode_every_way(SSEDecoder, raw, [SSEEvent("a")])


def test_an_event_without_data_is_not_dispatched_and_its_type_is_forgotten() -> None:
    raw = b"event: lost\n\ndata: a\n\n\n\nevent:\ndata: b\n\n"

    decode_every_way(SSEDecoder, raw, [SSEEvent("a"), SSEEvent("b")])


def test_an_id_lasts_until_it_is_changed_even_if_its_own_event_has_no_data() -> None:
    raw = b"id: 1\n\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"

    decode_every_way(SSEDecoder, raw, [SSEEvent("a", id="1"), SSEEvent("b", id="1"), SSEEvent("c")])


def test_an_id_with_a_null_character_is_ignored() -> None:
    decode_every_way(SSEDecoder, b"id: 1\nid: 2\x003\ndata: a\n\n", [SSEEvent("a", id="1")])


@pytest.mark.parametrize(
    ("value", "retry"),
    [
        (b"1500", 1500),
        (b"0", 0),
        (b"9" * 18, 10**18 - 1),
        *((value, None) for value in (b"", b"-1", b"1.5", b"1 ", b"\xd9\xa1", b"9" * 19, b"9" * 5000)),
    ],
)
def test_retry_is_a_number_of_ascii_digits_and_nothing_else(value: bytes, retry: int | None) -> None:
    raw = b"retry: " + value + b"\ndata: a\n\ndata: b\n\n"

    decode_every_way(SSEDecoder, raw, [SSEEvent("a", retry=retry), SSEEvent("b")])


def test_bytes_that_are_not_utf_8_become_replacement_characters() -> None:
    raw = b"data: \xff\ndata: \xc3\ndata: \xa9\nevent: \xfe\nid: \xfd\n\ndata: cut \xe2\x82\n\ndata: next\n\n"

    expected = [SSEEvent("\ufffd\n\ufffd\n\ufffd", "\ufffd", "\ufffd")]
    expected += [SSEEvent("cut \ufffd", id="\ufffd"), SSEEvent("next", id="\ufffd")]
    decode_every_way(SSEDecoder, raw, expected)


# --- the end of the stream


@pytest.mark.parametrize("raw", [b"data: a\n\ndata: b", b"data: a\n\ndata: b\n", b"data: a\r\n\r\ndata: b\r"])
def test_an_event_without_its_blank_line_is_delivered_at_the_end(raw: bytes) -> None:
    decoder = SSEDecoder()

    assert decoder.feed(raw) == [SSEEvent("a")]
    assert decoder.close() == [SSEEvent("b")]
    decode_every_way(SSEDecoder, raw, [SSEEvent("a"), SSEEvent("b")])


@pytest.mark.parametrize("raw", [b"", b"\n", b": comment", b"event: x\n", b"dat", b"\r"])
def test_a_stream_that_ends_without_data_adds_nothing(raw: bytes) -> None:
    decode_every_way(SSEDecoder, raw, [])


# --- limits


def limited() -> SSEDecoder:
    return SSEDecoder(max_event_bytes=20)


def test_an_event_may_be_exactly_as_large_as_the_limit() -> None:
    raw = b"data: 34567890123456\n\n: comments are free\ndata: 1234\ndata: 1234\n\n"

    decode_every_way(limited, raw * 2, [SSEEvent("34567890123456"), SSEEvent("1234\n1234")] * 2)


@pytest.mark.parametrize(
    "excess",
    [
        b"data: 345678901234567\n\n",
        b"data: 345678901234567",
        b"data: 1234\ndata: 12345\n\n",
        b"event: 890\nid: 56789\nxy",
        b": a comment of 21 byt\n",
    ],
    ids=["one_line", "unfinished_line", "two_lines", "other_fields", "comment"],
)
def test_an_event_over_the_limit_is_an_error_after_the_events_before_it(excess: bytes) -> None:
    raw = b"data: a\n\ndata: b\n\n" + excess

    message = decode_every_way(limited, raw, [SSEEvent("a"), SSEEvent("b")], error=ProtocolError)

    assert message == "an event of at least 21 bytes arrived, at most 20 are allowed"


def test_an_error_after_complete_events_is_raised_by_every_later_call() -> None:
    decoder = limited()

    assert decoder.feed(b"data: a\n\ndata: 345678901234567") == [SSEEvent("a")]
    assert decoder.failed
    with pytest.raises(ProtocolError, match="at most 20"):
        decoder.feed(b"\n\n")
    with pytest.raises(ProtocolError, match="at most 20"):
        decoder.close()


def test_an_error_before_any_event_is_raised_at_once() -> None:
    decoder = limited()

    assert not decoder.failed
    with pytest.raises(ProtocolError, match="at most 20"):
        decoder.feed(b"data: 345678901234567")
    assert decoder.failed


def test_many_events_in_one_chunk_are_measured_one_by_one() -> None:
    decode_every_way(limited, b"data: 1234\n\n" * 10, [SSEEvent("1234")] * 10)


def test_the_default_limit_stops_a_line_that_never_ends() -> None:
    """In linear time: if each small chunk cost a look at all before it, this would run into the test's timeout."""
    decoder, chunk = SSEDecoder(), b"x" * 128
    for _ in range(MAX_EVENT_BYTES // len(chunk)):
        assert decoder.feed(chunk) == []

    with pytest.raises(ProtocolError, match=f"{MAX_EVENT_BYTES + 1} bytes arrived, at most {MAX_EVENT_BYTES}"):
        decoder.feed(b"x")


# --- the encoder


@pytest.mark.parametrize("data", ["a\nb\nc", "a\r\nb\r\nc", "a\rb\rc", "a\rb\r\nc"])
def test_each_line_end_in_the_data_begins_a_new_data_line(data: str) -> None:
    assert encode_sse(data) == b"data: a\ndata: b\ndata: c\n\n"


def test_a_lone_surrogate_goes_out_as_the_escape_that_json_has_for_it() -> None:
    value = {"text": "half \ud83d of a pair"}

    raw = encode_sse(json.dumps(value, ensure_ascii=False))

    (event,), _ = decode(SSEDecoder(), [raw])
    assert json.loads(event.data) == value


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\r\ndata: injected"])
def test_a_line_end_in_type_or_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="have no line ends"):
        encode_sse("x", event=text)
    with pytest.raises(ValueError, match="have no line ends"):
        encode_sse("x", id=text)


# --- whatever comes

FRAGMENTS = [b"data: ", b"data:", b"data", b"event: e", b"event", b"id: 1", b"id", b"retry: 5", b": c", b"x", b"\0"]
FRAGMENTS += [b"\n", b"\n\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\xa9", b"\n\ndata: z\n\n"]

raw_streams = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=3), max_size=20).map(b"".join)
positions = st.lists(st.integers(0, 80), max_size=6).map(sorted)


@given(raw=raw_streams, positions=positions, max_event_bytes=st.sampled_from([12, 30, 1000]))
@example(raw=b"data: z\n\n" + b"data: 1234567\n\n", positions=[10], max_event_bytes=12)
def test_however_bytes_are_cut_the_outcome_is_the_same(raw: bytes, positions: list[int], max_event_bytes: int) -> None:
    def outcome(chunks: list[bytes]) -> tuple[list[SSEEvent], bool]:
        events, error = decode(SSEDecoder(max_event_bytes=max_event_bytes), chunks)
        return events, error is not None

    assert outcome(cut(raw, positions)) == outcome([raw])


@given(raw=raw_streams, positions=positions, max_event_bytes=st.sampled_from([12, 30, 1000]))
def test_the_data_alone_is_what_the_events_have(raw: bytes, positions: list[int], max_event_bytes: int) -> None:
    class DataAlone:
        def __init__(self) -> None:
            self._decoder = SSEDecoder(max_event_bytes=max_event_bytes)
            self.feed, self.close = self._decoder.feed_data, self._decoder.close_data

        @property
        def failed(self) -> bool:
            return self._decoder.failed

    events, error = decode(SSEDecoder(max_event_bytes=max_event_bytes), cut(raw, positions))
    data, other_error = decode(DataAlone(), cut(raw, positions))

    assert data == [event.data for event in events]
    assert type(other_error) is type(error)


fields = st.sampled_from(["event: e", "event", "id: 1", "id: 2", "id", "retry: 5", ": comment", "unknown: x", "data"])
values = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=8)
blocks = st.tuples(st.lists(fields, max_size=3), st.lists(values, min_size=1, max_size=3))


@given(blocks=st.lists(blocks, max_size=6), end=st.sampled_from(["\n", "\r", "\r\n"]), positions=positions)
def test_valid_streams_are_read_as_httpx2_reads_them(
    blocks: list[tuple[list[str], list[str]]], end: str, positions: list[int]
) -> None:
    lines = [line for others, data in blocks for line in [*others, *(f"data: {value}" for value in data), ""]]
    raw = "".join(line + end for line in lines).encode()
    request = httpx2.Request("POST", "http://127.0.0.1")
    response = httpx2.Response(200, content=raw, headers={"content-type": "text/event-stream"}, request=request)
    expected = [SSEEvent(event.data, event.event, event.id, event.retry) for event in httpx2.EventSource(response)]

    assert decode(SSEDecoder(), cut(raw, positions)) == (expected, None)


@given(data=st.text(max_size=30))
def test_what_is_encoded_is_decoded_but_for_its_line_ends(data: str) -> None:
    text = data.replace("\r\n", "\n").replace("\r", "\n")

    (event,), _ = decode(SSEDecoder(), [encode_sse(data)])
    assert event.data == text.encode("utf-8", "backslashreplace").decode()
