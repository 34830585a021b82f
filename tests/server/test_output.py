"""How much text a result shows."""

from __future__ import annotations

from hypothesis import given, strategies as st

from agentcore_mcp.server.output import RESULT_MAX_CHARS, OutputWindow


def test_a_text_within_the_budget_is_shown_whole() -> None:
    window = OutputWindow(10)
    window.add("01234")
    window.add("56789")

    assert window.text() == "0123456789"
    assert window.omitted_chars == 0


def test_a_longer_text_keeps_its_beginning_and_its_end_and_counts_the_gap() -> None:
    window = OutputWindow(10)
    for piece in ("abc", "defgh", "ijklmnop", "qrstuvwxyz"):
        window.add(piece)

    assert window.text() == "abcde\n[... 16 characters left out ...]\nvwxyz"
    assert window.omitted_chars == 16


@given(st.lists(st.text(max_size=30), max_size=30), st.integers(min_value=0, max_value=50))
def test_however_the_text_arrives_the_same_is_kept(pieces: list[str], max_chars: int) -> None:
    in_pieces, at_once = OutputWindow(max_chars), OutputWindow(max_chars)
    for piece in pieces:
        in_pieces.add(piece)
    at_once.add("".join(pieces))

    assert in_pieces.text() == at_once.text()
    assert in_pieces.omitted_chars == max(0, len("".join(pieces)) - max_chars)


@given(
    st.lists(st.text(max_size=30), max_size=30),
    st.integers(min_value=0, max_value=50),
    st.integers(min_value=0, max_value=50),
)
def test_a_window_that_shrinks_is_the_one_that_was_small_from_the_beginning(
    pieces: list[str], large: int, small: int
) -> None:
    shrunk, always = OutputWindow(max(large, small)), OutputWindow(min(large, small))
    for piece in pieces:
        shrunk.add(piece)
        always.add(piece)

    assert shrunk.within(min(large, small)).text() == always.text()


def test_the_budget_stays_below_what_hosts_cut() -> None:
    assert RESULT_MAX_CHARS <= 40_000
