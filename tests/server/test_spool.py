"""The whole of a long output."""

from __future__ import annotations

import stat

from agentcore_mcp.server.output import Output
from agentcore_mcp.server.spool import Spool, SpoolFolder


def test_everything_can_be_read_in_pages_that_cut_no_character() -> None:
    text = "".join(chr(code) for code in (0x61, 0xE4, 0x20AC, 0x1F600)) * 500
    with SpoolFolder() as folder:
        spool = Spool(folder)
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
    with SpoolFolder() as folder:
        spool = Spool(folder)
        spool.append("€uro")

        assert spool.read(1, 10) == ("uro", 6)
        assert spool.read(100, 10) == ("", 100)


def test_what_is_over_the_limit_is_counted_and_not_kept() -> None:
    with SpoolFolder() as folder:
        spool = Spool(folder, max_bytes=10)
        spool.append("0123456")
        spool.append("789abc")

        assert spool.read(0, 100) == ("0123456789", 10)
        assert (spool.kept_bytes, spool.dropped_bytes) == (10, 3)


def test_the_folder_is_private_made_when_needed_and_removed_at_the_end() -> None:
    with SpoolFolder() as folder:
        spool = Spool(folder)
        first = folder.new_file()
        spool.append("x" * 100_000)

        assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
        assert list(first.parent.iterdir())
        spool.close()
        assert not list(first.parent.iterdir())
    assert not first.parent.exists()


def test_a_text_that_one_result_shows_whole_needs_no_file() -> None:
    with SpoolFolder() as folder:
        output = Output(Spool(folder), 10)
        output.add("0123456789")

        assert output.text() == "0123456789"
        assert output.spool.kept_bytes == 0

        output.add("ab")
        assert output.omitted_chars == 2
        assert output.spool.read(0, 100)[0] == "0123456789ab"


def test_the_next_result_shows_what_came_since_and_the_spool_has_all() -> None:
    with SpoolFolder() as folder:
        output = Output(Spool(folder), 10)
        output.add("first")
        output.begin_next()
        output.add("second")

        assert output.text() == "second"
        assert output.spool.read(0, 100)[0] == "firstsecond"
