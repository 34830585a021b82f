"""A command as it is typed into an interactive shell, and the marks that tell its output from all else on the screen.

The marks are the escape sequences of shell integration (``OSC 133``; terminals show nothing of them): A, the shell
reads what is typed and has this process id; C, the output begins; D, it has ended with this exit code. Each has the
command's own random id, so no output that was not written for it is one; and none is typed as it is printed, so an
echo is none. From C on, D is the prompt, too: a shell that drops the rest of a line (Ctrl-C; dash at a syntax error)
shows it.

A command is typed as one quoted word for ``eval``: what it lacks (a quote, ``done``) can't take in what is typed after
it, and nothing is left to be read by what it runs. It is made of printable ASCII in lines of less than 1,024 bytes,
the most that a terminal's own line editor takes on macOS (4,096 on Linux). For bash, dash and other POSIX shells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE_CHARS = 800
_MARK = r"\x1b\]133;([ACD]);(?:(\d{1,10});)?aid=(%s)\x07"
ANY_ID = "[0-9a-f]{32}"
_ANY_MARK = re.compile(_MARK.encode() % ANY_ID.encode())
_INTRODUCER = b"\x1b]133;"
_MARK_MAX_BYTES = 64
# Of ours, and echoed where a command has switched echo on again.
_OURS = re.compile(rb"[^\n]*__agentcore_[^\n]*\n?")
# As terminals show control characters.
_KEY = re.compile(r"\^[@-_a-z]")
_PIECES = re.compile(r"\\\d{3}|%%|.")

# One line, and in braces: with `set -x`, what is traced goes nowhere. `set` turns the shell's line editor off, and is
# no special built-in with `command` before it, which would end the line in shells that have no such option.
_PREPARATION = r"""
{ __agentcore_prompt="$(command printf '\033]133;D;$?;aid=%s\007' ID)";
__agentcore_mark() { unset PS1 PROMPT_COMMAND; PS1=$__agentcore_prompt PS2=;
set -- "$1${2+;$2}" ID; __agentcore_print "$@" >/dev/tty || __agentcore_print "$@"; };
__agentcore_print() { command printf '\033]133;%s;aid=%s\007' "$@"; };
command set +o emacs +o vi; stty sane -echo -onlcr; unset HISTFILE;
export PAGER="${PAGER-cat}" GIT_PAGER="${GIT_PAGER-cat}"; __agentcore_mark A "$$"; PS1=; } 2>/dev/null
""".strip().replace("\n", " ")
_RUN = """\
{ __agentcore_mark C; } 2>/dev/null; eval "$(command printf -- "$__agentcore_command")"; \
{ __agentcore_mark D "$?"; } 2>/dev/null
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark.

    Attributes:
        kind: Which one.
        number: The shell's process id in A, the exit code in D.
    """

    kind: str
    number: int | None


def preparation(command_id: str) -> bytes:
    """Return what is typed first, for which the shell prints A: no echo, line ends as they are, no pager, no history.

    Args:
        command_id: 32 hexadecimal digits.
    """
    # After an empty line: bash knows no `{` on the line after an unterminated quote.
    return f"\n{_PREPARATION.replace('ID', command_id)}\n".encode()


def typed(command: str) -> bytes:
    """Return what is typed for a command once the shell is prepared."""
    lines, line = ["__agentcore_command=\n"], ""
    for piece in [*_PIECES.findall("".join(map(_quoted, command.encode("utf-8", "replace")))), ""]:
        if not piece or len(line) + len(piece) > _LINE_CHARS:
            lines.append(f"__agentcore_command=$__agentcore_command'{line}'\n")
            line = ""
        line += piece
    return "".join([*lines, _RUN]).encode()


def divide(data: bytes, command_id: str = ANY_ID) -> tuple[bytes, Mark | None, bytes]:
    """Return what comes before the first mark of a command, the mark, and what comes after it.

    Without one, that is what is certainly no part of one, None, and what has to be looked at again with what follows.
    """
    if found := re.search(_MARK.encode() % command_id.encode(), data):
        kind, number, _ = found.groups()
        return data[: found.start()], Mark(kind.decode(), int(number) if number else None), data[found.end() :]
    begun = data.rfind(b"\x1b", -_MARK_MAX_BYTES)
    rest = data[begun:] if begun >= 0 else b""
    if rest and b"\x07" not in rest and rest.startswith(_INTRODUCER[: len(rest)]):
        return data[:begun], None, rest
    return data, None, b""


def last(data: bytes) -> tuple[str, str, bytes]:
    """Return the kind and the id of the last mark, and what follows it; "", ``ANY_ID`` and all if there is none.

    While a command runs, the marks of others are its output.
    """
    kind, command_id, end = "", ANY_ID, 0
    for found in _ANY_MARK.finditer(data):
        if kind != "C" or found[3].decode() == command_id:
            kind, command_id, end = found[1].decode(), found[3].decode(), found.end()
    return kind, command_id, data[end:]


def unmarked(data: bytes) -> bytes:
    """Return what others than us have written, such as a job in the background."""
    return _OURS.sub(b"", _ANY_MARK.sub(b"", data))


def is_key(text: str) -> bool:
    """Tell whether a text names a key, such as ``^C``."""
    return _KEY.fullmatch(text) is not None


def keys(text: str) -> bytes:
    """Return what is typed for an input: ``^C`` or another such name alone is that key, a text ends with Enter.

    A text with a control character of its own, as a line end is one, is typed as it is. Enter is a carriage return, as
    on a keyboard.
    """
    if is_key(text):
        return bytes([ord(text[1].upper()) ^ 0x40])
    is_whole = any(char < " " for char in text)
    return (text if is_whole else f"{text}\n").replace("\r\n", "\n").replace("\n", "\r").encode("utf-8", "replace")


def _quoted(byte: int) -> str:
    """Return a byte as in a format of printf, and between single quotes."""
    if byte == ord("%"):
        return "%%"
    return chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\!" else f"\\{byte:03o}"
