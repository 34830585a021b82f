"""A command's output as a reader wants it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentcore_mcp.server.terminal import TerminalText


def cleaned(*pieces: str) -> str:
    terminal = TerminalText()
    return "".join([*map(terminal.feed, pieces), terminal.close()])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[1;31mred\x1b[0m and \x1b[4munderlined\x1b[m", "red and underlined"),
        ("\x1b]0;a title\x07text\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\", "textlink"),
        ("\x1b(Btext\x1b=\x1b>", "text"),
        ("10%\r50%\r100%\n", "100%\n"),
        ("10%\r\x1b[K100%\r\ndone\r\n", "100%\ndone\n"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("progress 7\r", "progress 7"),
        ("bell\x07, null\x00, backspace\x08", "bell, null, backspace"),
        ("an escape that never ends \x1b[12", "an escape that never ends [12"),
        ("", ""),
    ],
)
def test_what_moves_the_cursor_is_not_text(written: str, read: str) -> None:
    assert cleaned(written) == read


@given(st.lists(st.text(alphabet="ab\r\n\x1b[0;1mK]\x07\\", max_size=12), max_size=8))
def test_any_division_into_pieces_gives_the_same_text(pieces: list[str]) -> None:
    assert cleaned(*pieces) == cleaned("".join(pieces))


def test_a_line_that_never_ends_is_not_held_for_ever() -> None:
    terminal = TerminalText()
    read = "".join(terminal.feed("\r0123456789") for _ in range(10_000))

    assert read
    assert len(terminal.close()) < 10_000
