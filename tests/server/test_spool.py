"""The whole of a long output."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st

from agentcore_mcp.server.output import Output
from agentcore_mcp.server.spool import Spool
from tests.support.processes import nameless_files

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_everything_can_be_read_in_pages_that_cut_no_character() -> None:
    text = "".join(chr(code) for code in (0x61, 0xE4, 0x20AC, 0x1F600)) * 500
    spool = Spool()
    spool.append(text[:700])
    spool.append(text[700:])
    pages: list[str] = []
    offset = 0
    while offset < spool.kept_bytes:
        page, offset = spool.read(offset, 77)
        pages.append(page)

    assert "".join(pages) == text
    assert all(len(page) <= 77 for page in pages)


def test_an_offset_inside_a_character_means_the_one_after_it() -> None:
    spool = Spool()
    spool.append("€uro")

    assert spool.read(1, 10) == ("uro", 6)


def test_what_is_over_the_limit_is_counted_and_not_kept() -> None:
    spool = Spool(max_bytes=10)
    spool.append("0123456")
    spool.append("789abc")

    assert spool.read(0, 100) == ("0123456789", 10)
    assert (spool.kept_bytes, spool.dropped_bytes) == (10, 3)


def test_a_long_output_is_in_a_file_without_a_name_and_a_short_one_in_none() -> None:
    before = nameless_files()
    spool = Spool()
    spool.append("x" * 65_536)
    assert nameless_files() == before
    spool.append("x")

    assert len(nameless_files() - before) == 1
    assert spool.read(65_535, 10) == ("xx", 65_537)
    spool.close()
    assert nameless_files() == before


def test_a_spool_that_nobody_closes_takes_its_file_with_it() -> None:
    before = nameless_files()
    spool = Spool()
    spool.append("x" * 100_000)
    assert nameless_files() > before
    del spool

    assert nameless_files() == before


def test_a_text_that_one_result_shows_whole_needs_no_file() -> None:
    output = Output(Spool(), 10)
    output.add("0123456789")

    assert output.text() == "0123456789"
    assert output.spool.kept_bytes == 0

    output.add("ab")
    assert output.omitted_chars == 2
    assert output.spool.read(0, 100)[0] == "0123456789ab"


def test_the_next_result_shows_what_came_since_and_the_spool_has_all() -> None:
    output = Output(Spool(), 10)
    output.add("first")
    output.begin_next()
    output.add("second")

    assert output.text() == "second"
    assert output.spool.read(0, 100)[0] == "firstsecond"


def test_a_limit_inside_a_character_is_before_it_and_nothing_is_kept_after_it() -> None:
    spool = Spool(max_bytes=4)
    spool.append("€€")
    spool.append("a")

    assert spool.read(0, 100) == ("€", 3)
    assert (spool.kept_bytes, spool.dropped_bytes) == (3, 4)


@contextmanager
def limited(resource_id: int, to: int) -> Iterator[None]:
    """Lower what this process may have of a resource."""
    soft, hard = resource.getrlimit(resource_id)  # type: ignore[attr-defined, unused-ignore]
    resource.setrlimit(resource_id, (to, hard))  # type: ignore[attr-defined, unused-ignore]
    try:
        yield
    finally:
        resource.setrlimit(resource_id, (soft, hard))  # type: ignore[attr-defined, unused-ignore]


def test_what_a_full_disk_does_not_take_is_counted_and_the_output_goes_on() -> None:
    spool = Spool()
    # Inside a character.
    with limited(resource.RLIMIT_FSIZE, 100_001):  # type: ignore[attr-defined, unused-ignore]
        for _ in range(4):
            spool.append("ä" * 40_000)

    assert (spool.kept_bytes, spool.dropped_bytes) == (100_000, 220_000)
    assert spool.read(99_998, 10) == ("ä", 100_000)
    spool.close()


def test_without_a_file_to_be_had_the_output_goes_on() -> None:
    spool = Spool()
    with limited(resource.RLIMIT_NOFILE, 0):  # type: ignore[attr-defined, unused-ignore]
        for _ in range(3):
            spool.append("x" * 100_000)

    assert (spool.kept_bytes, spool.dropped_bytes) == (0, 300_000)
    assert spool.read(0, 10)[0] == ""


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("aä€😀"), max_size=30_000), max_size=8), st.integers(1, 300_000))
def test_written_in_any_pieces_and_read_meanwhile_it_is_the_text_up_to_the_limit(pieces: list[str], limit: int) -> None:
    spool = Spool(limit)
    whole = ""
    for piece in pieces:
        spool.append(piece)
        whole += piece
        kept = whole.encode()[: spool.kept_bytes].decode()
        assert spool.read(0, limit) == (kept, spool.kept_bytes)

    assert spool.kept_bytes + spool.dropped_bytes == len(whole.encode())
    assert spool.kept_bytes > limit - 4 or not spool.dropped_bytes
    spool.close()


@pytest.mark.parametrize("offset", [5, 100, 2**62, 2**63, 10**30])
def test_past_the_end_there_is_nothing_and_reading_goes_on_at_the_end(offset: int) -> None:
    spool = Spool()
    spool.append("hello")

    assert spool.read(offset, 10) == ("", 5)
