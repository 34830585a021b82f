"""A command's output as a reader wants it."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import example, given, settings, strategies as st

from agentcore_mcp.server.terminal import PlainText, SettledLines

# The longest state of a line that is still held back.
HELD = 4_096
# What programs write, as a whole: pieces of any text hardly ever make one of these.
WRITTEN = [
    "10%\r", "\r20%", "\r\n", "\n", "\r", "wide 漢字 😀", "e\u0301", "\x1b[1;31m", "\x1b[0m", "\x1b[K",
    "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x1b]0;never ended", "\x1b(B", "\x1b[", "\x1b", "|\b/\b", "\0", " ",
    "漢\b", "字\r", "\x1b[3G", "\x1b[2D", "\x1b[5C", "\x1b[1K", "\x1b[2K",
    "=" * (HELD - 1), "=" * HELD, "=" * (HELD + 1),
]  # fmt: skip


def cleaned(*pieces: str) -> str:
    plain, lines = PlainText(), SettledLines()
    return "".join([*(lines.feed(plain.feed(piece)) for piece in pieces), lines.feed(plain.close()), lines.close()])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[1;31mred\x1b[0m and \x1b[4munderlined\x1b[m", "red and underlined"),
        ("\x1b]0;a title\x07text\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\", "textlink"),
        ("\x1b(Btext\x1b=\x1b>", "text"),
        ("10%\r50%\r100%\n", "100%\n"),
        ("10%\r\x1b[K100%\r\ndone\r\n", "100%\ndone\n"),
        ("done\r\x1b[K\a\r\n", "done\n"),
        ("\r10%\r\r20%\r\r\n\rnext\n", "20%\nnext\n"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("progress 7\r", "progress 7"),
        ("bell\x07, null\x00, backspace\x08", "bell, null, backspace"),
        ("10%\b\b\b20%\b\b\b30%\n", "30%\n"),
        ("|\b/\b-\b\\\bdone\n", "done\n"),
        ("b\bbo\bol\bld\bd and _\bu_\bn_\bd\n", "bold and und\n"),
        ("10%\x1b[1G20%\x1b[G30%\n", "30%\n"),
        ("downloading\r\x1b[Kdone\n", "done\n"),
        ("downloading\x1b[2K\x1b[1Gdone\n", "done\n"),
        ("downloading\rdone\n", "doneloading\n"),
        ("downloading\rdone\x1b[K\nnext\n", "done\nnext\n"),
        ("downloading\rdone\x1b[0K", "done"),
        ("abcdef\x1b[3D\x1b[J\n", "abc\n"),
        ("漢字漢\r漢\x1b[K\n", "漢\n"),
        ("gone\x1b[2K\n", "gone\n"),
        ("one\x1b[2Dx\x1b[2Cy\n", "oxe y\n"),
        ("漢字\b\b語\n", "漢語\n"),
        ("漢字\rx\n", "x 字\n"),
        ("e\u0301\bx\n", "x\n"),
        ("not ours: \x11\x12\x13\x14", "not ours: "),
        ("an escape that never ends \x1b[12", "an escape that never ends [12"),
        ("", ""),
    ],
)
def test_what_moves_the_cursor_is_not_text(written: str, read: str) -> None:
    assert cleaned(written) == read
    assert cleaned(*written) == read


@pytest.mark.parametrize("ended", ["", "\n", "\r\n"])
@pytest.mark.parametrize("pieces_of", [1, 7, 100, 10_000_000])
def test_a_progress_bar_is_its_last_state_however_long_it_goes_on(pieces_of: int, ended: str) -> None:
    written = "".join([f"\r{count / 30:.0f}% {'#' * (count % 40)} \x1b[Kdownloading package" for count in range(3000)])
    written += ended

    read = cleaned(*(written[start : start + pieces_of] for start in range(0, len(written), pieces_of)))

    assert read == f"100% {'#' * (2999 % 40)} downloading package" + ended.replace("\r", "")


pieces = st.one_of(st.sampled_from(WRITTEN), st.text(alphabet="ab\r\n\x1b[0;1mK]\x07\\\b漢", max_size=12))


@settings(deadline=None)
@given(st.lists(pieces, max_size=8))
@example(["=" * HELD, "\x1b[2K", "10%\r"])
def test_any_division_into_pieces_gives_the_same_text(pieces: list[str]) -> None:
    whole = "".join(pieces)

    assert cleaned(*pieces) == cleaned(whole)
    assert cleaned(*whole) == cleaned(whole)


# pyte has its troubles with halves of wide characters.
STEPS = ["a", "bc", "10%", "\b", "\b\b", "\r", "_\ba", "\x1b[G", "\x1b[0G", "\x1b[1G", "\x1b[3G", "\x1b[C", "\x1b[4C"]
STEPS += ["\x1b[D", "\x1b[9999D", "\x1b[K", "\x1b[0K", "\x1b[1K", "\x1b[2K", "\x1b[J", "\x1b[1;31m", "\x1b]0;t\x07"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=12).map("".join))
def test_a_line_is_what_a_terminal_shows(written: str) -> None:
    """What is erased in the end is shown all the same, so something is written there."""
    screen = pyte.Screen(200, 2)
    pyte.Stream(screen).feed(f"{written}z")

    assert cleaned(f"{written}z\n").rstrip() == screen.display[0].rstrip()


@settings(deadline=None)
@given(st.lists(st.sampled_from(WRITTEN), max_size=6).map("".join), st.data())
def test_a_cut_at_any_place_gives_the_same_text(whole: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole)))

    assert cleaned(whole[:at], whole[at:]) == cleaned(whole)


def test_a_state_too_long_to_be_held_back_is_given_out_and_keeps_its_line() -> None:
    long = "x" * (HELD + 1)
    lines = SettledLines()

    assert lines.feed(f"10%\r{long}") == long
    assert lines.feed("more\r") == "more"
    assert lines.feed("20%\r30%") == "\n"
    assert lines.feed("\r\nnext\n") == "30%\nnext\n"
    assert cleaned(long + "\r\nnext") == long + "\nnext"


@pytest.mark.parametrize("endless", ["\r0123456789", "0123456789", "\r", "\x1b]0123456789", "\x1b[", "\x1b[0;"])
def test_what_never_ends_is_not_held_for_ever(endless: str) -> None:
    plain, lines = PlainText(), SettledLines()
    for _ in range(10_000):
        lines.feed(plain.feed(endless))

    assert len(plain.close()) <= HELD + 3
    assert len(lines.close()) <= HELD


def test_however_many_carriage_returns_there_are_reading_them_takes_no_longer_than_other_text() -> None:
    """Half a million of each kind of what a search might go back over again and again: minutes, if it did."""
    many = 500_000
    assert cleaned("a" + "\r" * many) == "a"
    assert cleaned("a" + "\r" * many + "b") == "b"
    assert cleaned("\x1b[" * many) == "[" * many
    assert cleaned("\x1b" * many + "[" + "0" * many) == "[" + "0" * many
    assert cleaned("a" + "\b" * many + "b") == "b"
    assert cleaned("a" + "\x1b[9999C" * 10_000 + "b\rc") == "a" + " " * (HELD - 1) + "b\nc"
