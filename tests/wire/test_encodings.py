"""Bodies that were compressed on their way: whole, cut, damaged, in several members, and far larger than they look."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.errors import AgentCoreError, ProtocolError, StreamInterruptedError
from agentcore_mcp.wire.encodings import PIECE_MAX_BYTES, GzipReader, is_gzip
from tests.support.codecs import cut, ways_to_cut


def read(chunks: list[bytes]) -> bytes:
    reader = GzipReader()
    whole = b"".join(piece for chunk in chunks for piece in reader.feed(chunk))
    reader.close()
    return whole


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", b""),
        (gzip.compress(b""), b""),
        (gzip.compress(b"data: 1\n\n"), b"data: 1\n\n"),
        (gzip.compress(b"one ") + gzip.compress(b"two ") + gzip.compress(b"three"), b"one two three"),
    ],
    ids=["nothing", "empty", "one member", "several members"],
)
def test_the_bytes_come_out_however_they_are_cut(raw: bytes, expected: bytes) -> None:
    for chunks in ways_to_cut(raw):
        assert read(chunks) == expected


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2100), max_size=8))
def test_whatever_was_compressed_comes_out(data: bytes, positions: list[int]) -> None:
    assert read(cut(gzip.compress(data), sorted(positions))) == data


def test_a_body_that_is_cut_anywhere_is_told_and_what_came_before_is_there() -> None:
    data = bytes(range(256)) * 4
    raw = gzip.compress(data)
    for end in range(1, len(raw)):
        reader = GzipReader()
        there = b"".join(reader.feed(raw[:end]))

        assert data.startswith(there)
        with pytest.raises(StreamInterruptedError, match="its compressed bytes end too early"):
            reader.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"not compressed at all",
        zlib.compress(b"deflate"),
        gzip.compress(b"one") + b"and words",
        gzip.compress(b"one")[:-8] + b"\0" * 8,
    ],
    ids=["plain", "deflate", "plain after gzip", "wrong checksum"],
)
def test_what_is_no_gzip_is_told(raw: bytes) -> None:
    for chunks in ways_to_cut(raw):
        with pytest.raises(ProtocolError, match="is not the gzip that it claims to be"):
            read(chunks)


@given(st.data())
def test_no_bytes_raise_anything_else(data: st.DataObject) -> None:
    raw = bytearray(gzip.compress(b"data: some events\n\n" * 20))
    for position in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=5)):
        raw[position] = data.draw(st.integers(0, 255))
    with suppress(AgentCoreError):
        read([bytes(raw)])


def test_a_bomb_comes_out_in_pieces_of_a_bounded_size() -> None:
    compressor = zlib.compressobj(wbits=31)
    bomb = b"".join([*(compressor.compress(bytes(PIECE_MAX_BYTES)) for _ in range(64)), compressor.flush()])
    assert len(bomb) < PIECE_MAX_BYTES // 8

    sizes = [len(piece) for piece in GzipReader().feed(bomb)]

    assert sum(sizes) == 64 * PIECE_MAX_BYTES
    assert max(sizes) == PIECE_MAX_BYTES


@pytest.mark.parametrize("name", ["", "identity", " Identity "])
def test_identity_is_none(name: str) -> None:
    assert not is_gzip(name)


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "GZIP", " gzip "])
def test_gzip_is_undone(name: str) -> None:
    assert is_gzip(name)


@pytest.mark.parametrize("name", ["br", "deflate", "zstd", "gzip, gzip", "identity, gzip", "rot13"])
def test_what_was_not_asked_for_and_cant_be_undone_is_told(name: str) -> None:
    with pytest.raises(ProtocolError, match=f"has the content encoding '{name}', which was not asked for"):
        is_gzip(name)
