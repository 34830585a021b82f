"""FrameReader and encode_frame, held against botocore's parser of the same format."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from zlib import crc32

import botocore.eventstream
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, strategies as st

from agentcore_mcp.errors import ProtocolError
from agentcore_mcp.wire.eventstream.frames import (
    MAX_FRAME_BYTES,
    MAX_HEADERS_BYTES,
    MAX_PAYLOAD_BYTES,
    FrameReader,
    encode_frame,
)
from tests.support.codecs import ways_to_cut
from tests.support.frames import MAX_HEADER_VALUE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

# What botocore's parser raises for headers that it can't read: its own errors, and whatever its look-ups raise.
BOTOCORE_ERRORS = (botocore.eventstream.ParserError, KeyError, UnicodeDecodeError, struct.error)

Frame = tuple[dict[str, str], bytes]


def read(chunks: Iterable[bytes]) -> list[Frame]:
    reader = FrameReader()
    return [frame for chunk in chunks for frame in reader.feed(chunk)]


def botocore_read(raw: bytes) -> list[Frame]:
    """Return the same as ``read``, from botocore: an empty text stands for headers that are not strings."""
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    return [
        ({name: value if isinstance(value, str) else "" for name, value in message.headers.items()}, message.payload)
        for message in buffer
    ]


def frame(block: bytes, payload: bytes = b"", *, length_error: int = 0) -> bytes:
    """Return a frame with right checksums around whatever it is given."""
    lengths = struct.pack("!II", 16 + len(block) + len(payload) + length_error, len(block))
    message = lengths + struct.pack("!I", crc32(lengths)) + block + payload
    return message + struct.pack("!I", crc32(message))


def header(name: bytes, kind: int, value: bytes) -> bytes:
    return bytes((len(name),)) + name + bytes((kind,)) + value


def sized(value: bytes) -> bytes:
    return struct.pack("!H", len(value)) + value


# The ten value types of the format, each with a value of its size.
VALUES = {
    "true": (0, b""),
    "false": (1, b""),
    "byte": (2, b"\xff"),
    "short": (3, struct.pack("!h", -2)),
    "integer": (4, struct.pack("!i", -3)),
    "long": (5, struct.pack("!q", -4)),
    "bytes": (6, sized(b"\x00\xff")),
    "string": (7, sized("höre".encode())),
    "timestamp": (8, struct.pack("!q", 1_700_000_000_000)),
    "uuid": (9, bytes(range(16))),
}

FRAMES: dict[str, tuple[Frame, bytes]] = {
    "bare": (({}, b""), frame(b"")),
    "payload": (({}, b"{}"), frame(b"", b"{}")),
    "headers": (
        ({":message-type": "event", "näme": "välue", "": ""}, b"x" * 300),
        frame(
            header(b":message-type", 7, sized(b"event"))
            + header("näme".encode(), 7, sized("välue".encode()))
            + header(b"", 7, sized(b"")),
            b"x" * 300,
        ),
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_is_encoded_as_the_table_says(name: str) -> None:
    (headers, payload), raw = FRAMES[name]

    assert encode_frame(headers, payload) == raw


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_is_read_as_the_table_says_and_as_botocore_reads_it(name: str) -> None:
    expected, raw = FRAMES[name]

    assert botocore_read(raw) == [expected]
    for chunks in ways_to_cut(raw):
        assert read(chunks) == [expected]


@pytest.mark.parametrize("name", VALUES)
def test_headers_of_every_type_are_stepped_over_and_only_strings_are_kept(name: str) -> None:
    raw = frame(header(b"a", *VALUES[name]) + header(b"last", 7, sized(b"z")), b"payload")

    expected = [({"a": "höre" if name == "string" else "", "last": "z"}, b"payload")]
    assert read([raw]) == expected == botocore_read(raw)


@pytest.mark.parametrize("name", [name for name, (_, value) in VALUES.items() if value])
def test_a_header_that_is_cut_short_is_an_error(name: str) -> None:
    kind, value = VALUES[name]

    with pytest.raises(ProtocolError, match=r"^a frame's headers (can't be read|end \d+ bytes too early): b'"):
        read([frame(header(b"a", kind, value[:-1]))])


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x05abc", id="name_cut"),
        pytest.param(b"\x01", id="no_name"),
        pytest.param(b"\x01a", id="no_type"),
        pytest.param(header(b"a", 7, b"\x00"), id="length_cut"),
        pytest.param(header(b"a", 10, b""), id="unknown_type"),
        pytest.param(header(b"\xff", 0, b""), id="name_not_utf_8"),
        pytest.param(header(b"a", 7, sized(b"\xff")), id="value_not_utf_8"),
    ],
)
def test_headers_that_make_no_sense_are_an_error(block: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^a frame's headers can't be read: b'"):
        read([frame(block)])


def test_two_headers_of_one_name_are_an_error() -> None:
    raw = frame(header(b"a", 0, b"") + header(b"a", 7, sized(b"b")))

    with pytest.raises(ProtocolError, match=r"^a frame has two headers 'a'$"):
        read([raw])
    with pytest.raises(botocore.eventstream.DuplicateHeader):
        botocore_read(raw)


def test_frames_follow_each_other_however_they_are_cut() -> None:
    expected = [frame for frame, _ in FRAMES.values()] * 3
    raw = b"".join(raw for _, raw in FRAMES.values()) * 3

    assert botocore_read(raw) == expected
    for chunks in ways_to_cut(raw):
        assert read(chunks) == expected


# --- damage


def test_a_flipped_bit_anywhere_is_found() -> None:
    _, raw = FRAMES["headers"]
    for i in range(len(raw)):
        damaged = bytearray(raw)
        damaged[i] ^= 0x10

        with pytest.raises(
            ProtocolError, match=r"^(the prelude of )?a frame is damaged: its checksum is 0x[0-9a-f]{8}"
        ):
            read([bytes(damaged)])


def test_a_damaged_prelude_is_found_before_its_length_is_waited_for() -> None:
    with pytest.raises(
        ProtocolError, match=r"^the prelude of a frame is damaged: its checksum is 0x00000000, computed"
    ):
        read([b"\xff" * 8 + b"\0" * 4])


def test_frames_before_the_damage_are_read() -> None:
    _, raw = FRAMES["headers"]
    reader, seen = FrameReader(), []

    with pytest.raises(ProtocolError):
        for headers, _ in reader.feed(raw + raw[:-1] + b"\0"):
            seen.append(headers)

    assert len(seen) == 1


@pytest.mark.parametrize("length_error", [-1, -16, -300])
def test_a_frame_too_short_for_its_headers_is_an_error(length_error: int) -> None:
    raw = frame(b"\x01a\x00" * 100, length_error=length_error)

    with pytest.raises(
        ProtocolError, match=rf"^a frame of {316 + length_error} bytes can't hold 300 bytes of headers$"
    ):
        read([raw])


# --- limits


def test_the_limits_are_those_of_botocore() -> None:
    assert MAX_HEADERS_BYTES == botocore.eventstream._MAX_HEADERS_LENGTH
    assert MAX_PAYLOAD_BYTES == botocore.eventstream._MAX_PAYLOAD_LENGTH


def test_a_frame_may_be_exactly_as_large_as_the_limit() -> None:
    payload = bytes(MAX_FRAME_BYTES - 16)

    assert read([frame(b"", payload)]) == [({}, payload)]
    with pytest.raises(
        ProtocolError, match=rf"^a frame has {MAX_FRAME_BYTES + 1} bytes, at most {MAX_FRAME_BYTES} are"
    ):
        read([frame(b"", payload + b"x")[:12]])


def test_headers_may_be_exactly_as_large_as_the_limit() -> None:
    value = sized(b"x" * MAX_HEADER_VALUE_BYTES)
    block = b"".join(header(bytes((65 + i,)), 7, value) for i in range(3))
    rest = MAX_HEADERS_BYTES - len(block) - len(header(b"Z", 7, sized(b"")))

    assert len(read([frame(block + header(b"Z", 7, sized(b"x" * rest)))])) == 1
    with pytest.raises(ProtocolError, match=r"^a frame has 131073 bytes of headers, at most 131072 are allowed$"):
        read([frame(block + header(b"Z", 7, sized(b"x" * (rest + 1))))])


def test_a_large_frame_in_small_chunks_costs_linear_time() -> None:
    """If each chunk cost a copy of all before it, as in botocore, this would run into the test's timeout."""
    payload = bytes(16_000_000)
    raw = encode_frame({"a": "b"}, payload)

    (only,) = read(raw[i : i + 128] for i in range(0, len(raw), 128))
    assert only == ({"a": "b"}, payload)


def test_how_much_of_a_frame_has_arrived_is_told() -> None:
    reader, raw = FrameReader(), frame(b"", b"x" * 84)

    assert reader.unfinished == ""
    assert list(reader.feed(raw[:5])) == []
    assert reader.unfinished == "5 bytes of a frame"
    assert list(reader.feed(raw[5:40])) == []
    assert reader.unfinished == "40 of 100 bytes of a frame"
    assert len(list(reader.feed(raw[40:]))) == 1
    assert reader.unfinished == ""


# --- whatever comes

value_types = st.sampled_from(list(VALUES.values())) | st.tuples(
    st.just(7), st.text(max_size=5).map(str.encode).map(sized)
)
headers_blocks = st.lists(
    st.tuples(st.text(max_size=3).map(str.encode), value_types).map(lambda pair: header(pair[0], *pair[1])), max_size=5
).map(b"".join)


@given(blocks=st.lists(st.tuples(headers_blocks, st.binary(max_size=20)), max_size=3), size=st.integers(1, 50))
def test_valid_frames_are_read_as_botocore_reads_them(blocks: list[tuple[bytes, bytes]], size: int) -> None:
    raw = b"".join(frame(block, payload) for block, payload in blocks)
    try:
        expected = botocore_read(raw)
    except botocore.eventstream.DuplicateHeader:
        with pytest.raises(ProtocolError, match="two headers"):
            read([raw])
    else:
        assert read(raw[i : i + size] for i in range(0, len(raw), size)) == expected


@given(block=headers_blocks, insert=st.binary(max_size=4), position=st.integers(0, 40), cut=st.integers(0, 4))
def test_headers_are_never_read_otherwise_than_by_botocore(
    block: bytes, insert: bytes, position: int, cut: int
) -> None:
    """Ours refuses more, such as values that are cut short; what it does not refuse, it reads the same."""
    raw = frame(block[:position] + insert + block[position + cut :])
    try:
        frames = read([raw])
    except ProtocolError:
        return
    assert botocore_read(raw) == frames


@given(block=headers_blocks, insert=st.binary(max_size=4), position=st.integers(0, 40), cut=st.integers(0, 4))
def test_headers_that_botocore_refuses_are_refused(block: bytes, insert: bytes, position: int, cut: int) -> None:
    raw = frame(block[:position] + insert + block[position + cut :])
    try:
        botocore_read(raw)
    except BOTOCORE_ERRORS:
        with pytest.raises(ProtocolError):
            read([raw])
