"""Server-sent events: bytes in, events out, and the encoder for the other side.

Follows the WHATWG HTML standard, 9.2.6 "Interpreting an event stream", with one difference on purpose: an event whose
last blank line never came is delivered by ``close()`` instead of being dropped, because some agents end that way.
It works on bytes because the standard's line ends are bytes: U+2028, U+2029 and U+0085 are ordinary characters.
It is not a client: nothing here reconnects.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore_mcp.errors import ProtocolError

# A service payload may have 100,000,000 bytes, but that is a whole answer. An event is one step of it; 16 MiB leaves
# room for a base64 image or document in a single event, and keeps a stream that never ends its line from filling
# memory. (httpx2 allows 1 MiB, which such events exceed.)
MAX_EVENT_BYTES = 16 * 1024 * 1024

# int() refuses numbers of several thousand digits; nobody waits longer than 18 digits of milliseconds.
_RETRY_MAX_DIGITS = 18
_BOM = b"\xef\xbb\xbf"
_DATA = b"data: "


@dataclass(frozen=True, slots=True)
class SSEEvent:
    """One event.

    Attributes:
        data: The values of its data lines, joined by newlines.
        event: Its type.
        id: The last id that the stream has set, in this event or before.
        retry: The reconnection time in milliseconds, if this event sets it.
    """

    data: str
    event: str = "message"
    id: str = ""
    retry: int | None = None


class SSEDecoder:
    """Decode one stream.

    An error found after complete events is kept: ``feed`` returns those events, ``failed`` becomes true, and the next
    call raises the error.
    """

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        """Start at the beginning of a stream.

        Args:
            max_event_bytes: How many bytes the lines of one event may have together, its unfinished line included.
                This is a security limit: it bounds the memory that a stream can take.
        """
        self._max_event_bytes = max_event_bytes
        self._head: bytes | None = b""  # what may yet become a byte order mark; None once that is settled
        self._after_cr = False
        self._line = bytearray()  # the unfinished line
        self._size = 0  # bytes in the finished lines of the unfinished event
        self._data: list[bytes] = []
        self._event = ""
        self._id = ""
        self._retry: int | None = None
        self._error: ProtocolError | None = None

    @property
    def failed(self) -> bool:
        """Whether an error was found; every further call raises it."""
        return self._error is not None

    def feed(self, data: bytes) -> list[SSEEvent]:
        """Take the next bytes and return the events that they complete.

        Raises:
            ProtocolError: If an event is over the limit.
        """
        if self._error is not None:
            raise self._error
        events: list[SSEEvent] = []
        try:
            self._take(self._normalise(data), events)
        except ProtocolError as error:
            self._error = error
            if not events:
                raise
        return events

    def close(self) -> list[SSEEvent]:
        """End the stream and return the event that was left unfinished, if it has data.

        Raises:
            ProtocolError: If an error was found before.
        """
        return self.feed(b"\n\n") if self._line or self._size else self.feed(b"")

    def _normalise(self, data: bytes) -> bytes:
        """Strip the byte order mark and make every line end LF, a CR at once and its LF, if one follows, never."""
        if self._head is not None:
            data = self._head + data
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._head = data
                return b""
            self._head = None
            data = data.removeprefix(_BOM)
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _take(self, data: bytes, events: list[SSEEvent]) -> None:
        if self._line or self._size:
            end = data.find(b"\n\n") + 2
            if end == 1:
                return self._take_lines(data, events)
            self._take_lines(data[:end], events)
            data = data[end:]
        # Between events most blocks are a single data line; taking those whole is worth a third of the time.
        *blocks, rest = data.split(b"\n\n")
        for block in blocks:
            if block.startswith(_DATA) and b"\n" not in block and len(block) <= self._max_event_bytes:
                events.append(SSEEvent(block[len(_DATA) :].decode("utf-8", "replace"), "message", self._id))
            else:
                self._take_lines(block + b"\n\n", events)
        return self._take_lines(rest, events)

    def _take_lines(self, data: bytes, events: list[SSEEvent]) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._line += line
            self._check_size()
            self._take_line(bytes(self._line), events)
            self._line.clear()
        self._line += rest
        self._check_size()

    def _check_size(self) -> None:
        size = self._size + len(self._line)
        if size > self._max_event_bytes:
            raise ProtocolError(
                f"an event of at least {size} bytes arrived, at most {self._max_event_bytes} are allowed"
            )

    def _take_line(self, line: bytes, events: list[SSEEvent]) -> None:
        if not line:
            if self._data:
                data = b"\n".join(self._data).decode("utf-8", "replace")
                events.append(SSEEvent(data, self._event or "message", self._id, self._retry))
            self._data, self._event, self._retry, self._size = [], "", None, 0
            return
        name, _, value = line.partition(b":")
        if not name:  # a comment: read, and kept nowhere
            return
        self._size += len(line)
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _RETRY_MAX_DIGITS:
            self._retry = int(value)


def encode_sse(data: str, *, event: str | None = None, id: str | None = None) -> bytes:  # noqa: A002
    r"""Encode one event.

    A lone surrogate, which UTF-8 can't carry, goes out as the escape ``\udXXX``: in JSON that is the same string.

    Args:
        data: The text; several lines become several data lines, whatever their line ends were.
        event: The type, without line ends.
        id: The id, without line ends.
    """
    lines = [f"{name}: {value}" for name, value in (("event", event), ("id", id)) if value is not None]
    if "\n" in "".join(lines) or "\r" in "".join(lines):
        raise ValueError(f"a line end is not allowed in the type or id of an event: {event!r}, {id!r}")
    lines += [f"data: {line}" for line in data.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "".join(f"{line}\n" for line in (*lines, "")).encode("utf-8", "backslashreplace")
