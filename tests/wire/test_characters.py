"""Characters that were cut in two come out whole, halves as U+FFFD, and nothing is lost or doubled."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.wire.characters import WholeCharacters, valid_unicode, visible

HALVES = st.sampled_from(["\ud83d", "\ude00", "a", "ö", "😀"])


@given(st.lists(st.lists(HALVES, max_size=3).map("".join)))
def test_however_a_text_is_cut_the_same_characters_come(pieces: list[str]) -> None:
    characters = WholeCharacters()

    given_out = [characters.feed(piece) for piece in pieces] + [characters.close()]

    assert "".join(given_out) == valid_unicode("".join(pieces))
    "".join(given_out).encode()


def test_only_a_half_is_waited_for() -> None:
    characters = WholeCharacters()

    assert [characters.feed("one \ud83d"), characters.feed("\ude00 two"), characters.close()] == ["one ", "😀 two", ""]


def test_a_second_half_alone_is_replaced_at_once() -> None:
    characters = WholeCharacters()

    assert [characters.feed("\ude00"), characters.feed("\ud83d"), characters.close()] == ["\ufffd", "", "\ufffd"]


@given(st.text())
def test_what_is_visible_can_be_shown_and_says_what_it_was(text: str) -> None:
    shown = visible(text)

    assert shown.isprintable()
    if "\\" not in text and text.isascii():
        assert shown.encode().decode("unicode_escape") == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("make install # grün 日本 😀", "make install # grün 日本 😀"),
        ("\x1b[2J\r\t\x00\x7f\x9b", r"\x1b[2J\r\t\x00\x7f\x9b"),
        ("a\u202eb\u2066c\u200fd", r"a\u202eb\u2066c\u200fd"),
        ("a\u200bb\u200dc\u2060d\ufeffe\u00adf", r"a\u200bb\u200dc\u2060d\ufeffe\xadf"),
        ("a\xa0b\u3000c\u2028d\u3164e\ufe0ff", r"a\xa0b\u3000c\u2028d\u3164e\ufe0ff"),
        ("a\U000e0041b\ud800", r"a\U000e0041b\ud800"),
    ],
)
def test_what_is_not_seen_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
