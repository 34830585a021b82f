"""A command as input for an interactive shell, and the marks that delimit its output on the terminal.

The marks are the escape sequences of shell integration (``OSC 133``, invisible on terminals): A, the shell is ready for
input, with its process id; C, the output begins; D, the command has ended, with its exit code. Each mark carries the
command's random id, so other output can't contain one; and the input spells marks differently from the output, so its
echo contains none. After C, the prompt prints D too, for a shell that drops the rest of a line (at Ctrl-C; dash at a
syntax error).

A command is sent as one quoted word for ``eval``: incomplete code (a missing quote or ``done``) can't swallow later
input, and no input is left over for programs that the command runs. It is printable ASCII in lines of less than 1,024
bytes, the limit of the terminal's line editor on macOS (4,096 on Linux). For bash, dash and other POSIX shells.
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
# Echoed lines of our own input, after a command has switched echo on again.
_OURS = re.compile(rb"[^\n]*__agentcore_[^\n]*\n?")
# As terminals show control characters.
_KEY = re.compile(r"\^[@-_a-z]")
_PIECES = re.compile(r"\\\d{3}|%%|.")

# One line, and in braces to discard the trace of `set -x`. `set` turns the shell's line editor off; `command` before it
# makes it an ordinary built-in, whose failure doesn't abort the line in shells without that option.
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
        kind: A, C or D.
        number: The shell's process id in A, the exit code in D.
    """

    kind: str
    number: int | None


def preparation(command_id: str) -> bytes:
    """Return the input that prepares the shell, which then prints A: no echo, raw line ends, no pager, no history.

    Args:
        command_id: 32 hexadecimal digits.
    """
    # Begins with an empty line: bash doesn't recognise `{` on the line after an unterminated quote.
    return f"\n{_PREPARATION.replace('ID', command_id)}\n".encode()


def typed(command: str) -> bytes:
    """Return the input for a command once the shell is prepared."""
    lines, line = ["__agentcore_command=\n"], ""
    for piece in [*_PIECES.findall("".join(map(_quoted, command.encode("utf-8", "replace")))), ""]:
        if not piece or len(line) + len(piece) > _LINE_CHARS:
            lines.append(f"__agentcore_command=$__agentcore_command'{line}'\n")
            line = ""
        line += piece
    return "".join([*lines, _RUN]).encode()


def divide(data: bytes, command_id: str = ANY_ID) -> tuple[bytes, Mark | None, bytes]:
    """Return the output before the first mark of a command, the mark, and the output after it.

    Without a mark: the output that can't be part of one, None, and the rest, to be passed again with more output.
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
    """Return the kind and the id of the last mark, and the output after it; "", ``ANY_ID`` and all output if none.

    While a command runs, marks with other ids are part of its output.
    """
    kind, command_id, end = "", ANY_ID, 0
    for found in _ANY_MARK.finditer(data):
        if kind != "C" or found[3].decode() == command_id:
            kind, command_id, end = found[1].decode(), found[3].decode(), found.end()
    return kind, command_id, data[end:]


def unmarked(data: bytes) -> bytes:
    """Return output without our marks and echoed input, such as that of a background job."""
    return _OURS.sub(b"", _ANY_MARK.sub(b"", data))


def is_key(text: str) -> bool:
    """Tell whether a text names a key, such as ``^C``."""
    return _KEY.fullmatch(text) is not None


def keys(text: str) -> bytes:
    """Return the keyboard input for a text: a key's name alone, such as ``^C``, is that key; other text gets an Enter.

    A text that contains a control character, such as a line end, gets no Enter. Enter is a carriage return, as on a
    keyboard.
    """
    if is_key(text):
        return bytes([ord(text[1].upper()) ^ 0x40])
    is_whole = any(char < " " for char in text)
    return (text if is_whole else f"{text}\n").replace("\r\n", "\n").replace("\n", "\r").encode("utf-8", "replace")


def _quoted(byte: int) -> str:
    """Return a byte escaped for a single-quoted format of printf."""
    if byte == ord("%"):
        return "%%"
    return chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\!" else f"\\{byte:03o}"
