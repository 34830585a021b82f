"""What is typed for a command, and the marks in what comes of it, however it is divided."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.wire.shells import marks

if TYPE_CHECKING:
    from collections.abc import Iterator

ID = "0123456789abcdef" * 2
OTHER = "f" * 32


def mark(kind: str, command_id: str = ID) -> bytes:
    return f"\x1b]133;{kind};aid={command_id}\x07".encode()


def divided(pieces: Iterator[bytes] | list[bytes], command_id: str = ID) -> list[bytes | marks.Mark]:
    """Return texts and marks, as a reader that gets one piece after the other finds them."""
    found: list[bytes | marks.Mark] = []
    data = b""
    for piece in pieces:
        data += piece
        while True:
            text, found_mark, data = marks.divide(data, command_id)
            if text and found and isinstance(found[-1], bytes):
                text = found.pop() + text  # type: ignore[operator]
            found += [text] if text else []
            if found_mark is None:
                break
            found.append(found_mark)
    return (
        [*found[:-1], found[-1] + data]
        if data and found and isinstance(found[-1], bytes)
        else [*found, *filter(None, [data])]
    )


@pytest.mark.parametrize("shell", ["bash", "dash"])
@given(command=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=3_000))
def test_a_command_reaches_eval_as_it_is(shell: str, command: str) -> None:
    """Trailing line ends aside, which mean nothing to a shell."""
    typed = marks.typed(command).decode("ascii")
    *assignments, run = typed.rstrip("\n").split("\n")
    script = "\n".join([*assignments, 'printf "%s" "$(command printf -- "$__agentcore_command")"'])
    printed = subprocess.run([shell, "-c", script], capture_output=True, check=True).stdout

    assert printed == command.rstrip("\n").encode()
    assert run.startswith("{ __agentcore_mark C; }")
    assert max(map(len, typed.split("\n"))) < 1_000
    assert all(char == "\n" or " " <= char <= "~" for char in typed)


def test_what_is_typed_first_fits_into_the_line_of_any_terminal() -> None:
    assert max(map(len, marks.preparation(ID).split(b"\n"))) < 1_000


@given(st.lists(st.integers(1, 9)))
def test_marks_are_found_however_the_bytes_are_divided(sizes: list[int]) -> None:
    whole = b"a" + mark("A;42") + b"\x1b[0m" + mark("C") + b"out\x1b" + mark("D;0", OTHER) + mark("D;130") + b"rest\x1b"
    pieces = []
    for size in [*sizes, len(whole)]:
        pieces.append(whole[:size])
        whole = whole[size:]

    expected = [
        *(b"a", marks.Mark("A", 42), b"\x1b[0m", marks.Mark("C", None)),
        *(b"out\x1b" + mark("D;0", OTHER), marks.Mark("D", 130), b"rest\x1b"),
    ]
    assert divided(pieces) == expected


def test_what_is_no_mark_of_the_command_is_text() -> None:
    for text in (
        mark("D;0", OTHER),
        b"\x1b]133;D;$?;aid=" + ID.encode() + b"\x07",
        b"\x1b]133;E;aid=x\x07",
        b"\x1b" * 9,
    ):
        assert divided([text]) == [text]


def test_the_last_mark_tells_whether_a_command_runs_and_what_came_since() -> None:
    assert marks.last(mark("C", OTHER) + b"out") == ("C", OTHER, b"out")
    assert marks.last(mark("C") + b"out" + mark("D;0") + b"later") == ("D", ID, b"later")
    assert marks.last(b"nothing") == ("", marks.ANY_ID, b"nothing")


def test_the_marks_of_others_are_output_while_a_command_runs() -> None:
    shown = mark("A;1", OTHER) + mark("C", OTHER) + mark("D;0", OTHER)

    assert marks.last(mark("A;1") + mark("C") + shown) == ("C", ID, shown)
    assert marks.last(mark("C") + shown + mark("D;0") + shown) == ("D", OTHER, b"")


def test_what_was_typed_by_us_is_not_shown_as_printed_by_others() -> None:
    echoed = b"{ __agentcore_prompt=...; } 2>/dev/null\r\n"

    assert marks.unmarked(b"job\n" + mark("D;0") + echoed + b"done\n") == b"job\ndone\n"


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("yes", b"yes\r"),
        ("\n", b"\r"),
        ("two\nlines", b"two\rlines"),
        ("^C", b"\x03"),
        ("^d", b"\x04"),
        ("^\\", b"\x1c"),
        ("^[", b"\x1b"),
        ("\x1b[A", b"\x1b[A"),
        ("x^C", b"x^C\r"),
        ("é", "é\r".encode()),
    ],
)
def test_an_input_is_typed_with_enter_unless_it_is_a_key(text: str, typed: bytes) -> None:
    assert marks.keys(text) == typed
