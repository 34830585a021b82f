"""The pieces of a body other than an event stream: lines of JSON, text as it arrives, or the whole body.

A piece is always a string. ``Text`` is plain text, even if it looks like JSON; ``Binary`` has bytes other than text;
any other piece is a value in itself, like the data of an event. Used by ``runtime.readers``; ``wire.sse`` has the
pieces of event streams.
"""

from __future__ import annotations

import codecs
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from agentcore_mcp.errors import ProtocolError
from agentcore_mcp.wire.headers import JSON_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

# A body that can only be read as a whole is held in memory. This is the service's limit for a request's payload, so
# that an agent may echo one.
ANSWER_MAX_BYTES = 100_000_000

_WHITE_SPACE = "[ \\t\\r\\n]{0,1000}"  # allowed before the bytes that show the kind of a body
_VALUE = re.compile(_WHITE_SPACE + r'[{["]')
_EVENT = re.compile(_WHITE_SPACE + r"(?:data|event|id): ")
# The AI SDK's data stream protocol, version 1: a character for the kind, a colon, and JSON.
DATA_STREAM_LINE = re.compile(r'[0-9a-k]:(?=["{\[])')
_DATA_STREAM = re.compile(_WHITE_SPACE + DATA_STREAM_LINE.pattern)
# Prefixes of these, or of null: more bytes are needed to decide what the body is.
_UNDECIDED = re.compile(
    _WHITE_SPACE + r"(?:d(?:a(?:t(?:a:?)?)?)?|e(?:v(?:e(?:n(?:t:?)?)?)?)?|id?:?|n(?:u(?:ll?)?)?|[0-9a-k]:?)?\Z"
)
_TOKEN_CHARS = 16  # a parse error this close to the end of incomplete JSON may only mean that the rest is missing
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TYPE_OF_MAGIC = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"%PDF-": "application/pdf",
    b"PK\3\4": "application/zip",
}
_MAGIC = (*_UTF16_MARKS, *_TYPE_OF_MAGIC)  # the first bytes of bodies that are not UTF-8
_TEXT_TYPES = re.compile(
    r"(?:text/.*|.*[/+](?:x-)?(?:json|xml|yaml|toml|javascript|ndjson|nd-json|jsonl|jsonlines|json-lines|json-seq)"
    r"|application/x-www-form-urlencoded|)"
)
_LINE_TYPES = re.compile(r"application/(?:(?:x-)?(?:ndjson|nd-json|jsonl|jsonlines|json-lines|json-seq)|stream\+json)")
_BINARY_FAMILIES = ("image/", "audio/", "video/", "font/")


class Text(str):
    """A piece that is plain text."""

    __slots__ = ()


class Binary(str):
    """A body other than text: a string that says so, with the bytes themselves.

    Attributes:
        content: The bytes.
        content_type: The media type that came with them, in lower case and without parameters, or "".
    """

    __slots__ = ("content", "content_type")
    content: bytes
    content_type: str

    @classmethod
    def of(cls, content: bytes, content_type: str = "") -> Binary:
        """Return the piece for these bytes."""
        binary = cls(f"(the agent answered with {content_type or 'binary data'}, {len(content):,} bytes)")
        binary.content, binary.content_type = content, content_type
        return binary


def is_text_type(media_type: str) -> bool:
    """Return whether a body of this type is text, as far as its type says."""
    return _TEXT_TYPES.fullmatch(media_type) is not None and media_type != "image/svg+xml"


def whole(body: bytes, media_type: str = "") -> str:
    """Return a whole body as one piece."""
    is_text = is_text_type(media_type)
    if is_text and body.startswith(_UTF16_MARKS):
        return body.decode("utf-16", "replace")
    if is_text:  # or so its type says
        media_type = next((kind for magic, kind in _TYPE_OF_MAGIC.items() if body.startswith(magic)), "")
    if not media_type.startswith(_BINARY_FAMILIES) and b"\0" not in body:
        with suppress(UnicodeDecodeError):
            return body.decode("utf-8-sig", "replace" if is_text and not media_type else "strict")
    return Binary.of(body, media_type)


class TextPieces:
    """Cuts a body into pieces, according to its type or, for a type of text, its first bytes.

    If it begins with a line of JSON, each line is a piece; with an event, each event. A body that begins as other JSON
    or as a binary format is one piece. Anything else is text, in pieces as they arrive.

    Args:
        media_type: The type of the body, in lower case and without parameters, or "".
    """

    failed = False
    finished = False

    def __init__(self, media_type: str = "") -> None:
        self._media_type = media_type
        self._begin = bytearray()  # of the body, until the way to cut it is known
        self._cut: Callable[[str], list[str]] | None = self._lines if _LINE_TYPES.fullmatch(media_type) else None
        self._size = 0
        self._is_whole = not is_text_type(media_type)
        self._characters = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._line: list[str] = []  # the unfinished line
        self._event: list[str] = []  # the lines of the unfinished event

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes and return the pieces that they complete.

        Raises:
            ProtocolError: If the body exceeds 100 MB without being lines or events.
        """
        self._size += len(data)
        if self._size > ANSWER_MAX_BYTES and self._cut in (None, _text):
            raise ProtocolError(f"the answer has more than the {ANSWER_MAX_BYTES} bytes that are allowed")
        if self._cut is None:
            self._begin += data
            # The first bytes or the first line end decide; don't look again at every later chunk.
            if self._is_whole or not (len(self._begin) - len(data) < 1100 or b"\n" in data):
                return []
            self._cut = self._decide()
            if self._cut is None:
                return []
            data = bytes(self._begin)
            self._begin.clear()
        return self._cut(self._characters.decode(data))

    def close(self) -> list[str]:
        """End the body and return its last pieces, even an incomplete one."""
        if self._cut is None:
            return [whole(bytes(self._begin), self._media_type)] if self._begin else []
        pieces = self._cut(self._characters.decode(b"", final=True))
        if self._cut == self._events and (self._event or self._line):
            pieces.append("\n".join([*self._event, "".join(self._line)]))
        elif self._line:
            pieces.append(_line_piece("".join(self._line), ""))
        return pieces

    def _decide(self) -> Callable[[str], list[str]] | None:
        """Return the function that cuts the body, None if it isn't known yet or the body is one piece."""
        if self._begin.startswith(_MAGIC):
            self._is_whole = True
            return None
        if any(magic.startswith(self._begin) for magic in _MAGIC):
            return None
        begin = codecs.getincrementaldecoder("utf-8-sig")("replace").decode(bytes(self._begin))
        if _VALUE.match(begin):
            line, newline, _ = begin.lstrip().partition("\n")
            try:
                json.loads(line)
            except json.JSONDecodeError as error:
                is_cut = "Unterminated" in error.msg or error.pos + _TOKEN_CHARS >= len(line)
                if error.pos + 1 < len(line) if newline else not is_cut:
                    return _text
            except (ValueError, RecursionError):
                pass
            else:
                if line[0] != '"':
                    return self._lines if newline else None
                # A JSON string and a line end; if the media type is not JSON, text that begins with a quote.
                self._is_whole = self._media_type == JSON_TYPE
                return _text if newline and not self._is_whole else None
            self._is_whole = bool(newline)
            return None
        if _UNDECIDED.match(begin):
            return None
        if _DATA_STREAM.match(begin):
            return self._lines
        return self._events if _EVENT.match(begin) else _text

    def _finished_lines(self, text: str) -> list[str]:
        *lines, rest = text.split("\n")
        if lines:
            lines[0] = "".join([*self._line, lines[0]])
            self._line.clear()
        if rest:
            self._line.append(rest)
        return lines

    def _lines(self, text: str) -> list[str]:
        return [_line_piece(line, "\n") for line in self._finished_lines(text) if line.strip()]

    def _events(self, text: str) -> list[str]:
        events = []
        for line in self._finished_lines(text):
            self._event.append(line.removesuffix("\r"))
            if not self._event[-1]:
                events.append("\n".join([*self._event, ""]))
                self._event.clear()
        return events


def _line_piece(line: str, end: str) -> str:
    value = line.strip("\x1e \t\r")  # the record separator of RFC 7464
    is_value = value[:1] + value[-1:] in ("{}", "[]", '""') or DATA_STREAM_LINE.match(value)
    return value if is_value else Text(line + end)


def _text(text: str) -> list[str]:
    return [Text(text)] if text else []
