"""Server-sent events: bytes in, events out.

Follows the WHATWG HTML standard, 9.2.6 "Interpreting an event stream", with one difference on purpose: an event whose
last blank line never came is delivered by ``close()`` instead of being dropped, because some agents end that way.
It works on bytes because the standard's line ends are bytes: U+2028, U+2029 and U+0085 are ordinary characters.
It is not a client: nothing here reconnects.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore_mcp.errors import ProtocolError

# A service payload may have 100,000,000 bytes, but that is a whole answer, and an event is one step of it. 16 MiB
# leaves room for a base64 image or document in an event, and bounds the memory of a line that never ends. (httpx2
# allows 1 MiB, which such events exceed.)
MAX_EVENT_BYTES = 16 * 1024 * 1024

_FIELDS = (b"", b"data", b"event", b"id", b"retry")  # an empty name is a comment

# int() refuses numbers of several thousand digits; nobody waits longer than 18 digits of milliseconds.
_RETRY_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class SSEEvent:
    """One event: data lines joined by newlines, type, the stream's last id, a reconnection time in milliseconds."""

    data: str
    event: str = "message"
    id: str = ""
    retry: int | None = None

    @classmethod
    def of(cls, data: str) -> SSEEvent:
        """Return the event whose data ``feed_data`` returned."""
        if isinstance(data, NamedData):
            return cls(str.__str__(data), data.event, data.id, data.retry)
        return cls(data)


class NamedData(str):
    """The data of an event with further fields: a string with the attributes of ``SSEEvent``.

    Nearly all events have only data, and reading those as plain strings is several times faster.
    """

    __slots__ = ("event", "id", "retry")
    event: str
    id: str
    retry: int | None

    @classmethod
    def of(cls, data: str, event: str = "message", id: str = "", retry: int | None = None) -> NamedData:  # noqa: A002
        """Return the data of an event with these fields."""
        named = cls(data)
        named.event, named.id, named.retry = event, id, retry
        return named


class SSEDecoder:
    """Decode one stream.

    An error found after complete events is kept: ``feed`` returns those events, ``failed`` becomes true, and the next
    call raises the error.

    Args:
        max_event_bytes: How many bytes the lines of one event may have together, its unfinished line included. This
            is a security limit: it bounds the memory that a stream can take.
        keeps_blanks: Whether the blank of ``data: X`` belongs to the data once a line ``data:X`` has come. The standard
            drops it, but for an encoder that adds no blank, such as Spring's, it is data.

    Attributes:
        has_fields: Whether a field or a comment has come; a body without any is no event stream.
        has_names: Whether an event with a field other than its data has come.
    """

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES, keeps_blanks: bool = False) -> None:
        self.has_fields = False
        self.has_names = False
        self._max_event_bytes = max_event_bytes
        self._keeps_blanks = keeps_blanks
        self._is_bare = False  # whether the encoder is known to write no blank after "data:"
        self._mark = b"\xef\xbb\xbf"  # the byte order mark to strip from the first line, empty after that
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
        pieces = self.feed_data(data)
        return [SSEEvent(piece) if type(piece) is str else SSEEvent.of(piece) for piece in pieces]

    def close(self) -> list[SSEEvent]:
        """End the stream and return the unfinished event, if it has data.

        Raises:
            ProtocolError: If an error was found before.
        """
        return self.feed(b"\n\n")

    def feed_data(self, data: bytes) -> list[str]:
        """Like ``feed``, but return each event's data, as ``NamedData`` if it has other fields too.

        This takes a fraction of the time.
        """
        if self._error is not None:
            raise self._error
        if self._after_cr and data:  # the CR has ended its line already
            self._after_cr, data = False, data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        events: list[str] = []
        if self._line and not self._size and b"\n\n" in data:
            data = bytes(self._line) + data
            self._line.clear()
        # Most streams have only events of one data line. Splitting a whole chunk at once takes a third of the time; one
        # search for inner newlines over all events is faster than a search in each.
        end = data.rfind(b"\n\n")
        if (
            data.startswith(b"data: ")
            and 6 <= end <= self._max_event_bytes
            and not (self._line or self._size or self._is_bare)
        ):
            values = data[6:end].decode("utf-8", "replace").split("\n\ndata: ")
            if "\n" not in "".join(values):
                events = [NamedData.of(value, id=self._id) for value in values] if self._id else values
                data, self._mark, self.has_fields = data[end + 2 :], b"", True
        if data:
            try:
                self._take_lines(data, events)
            except ProtocolError as error:
                self._error = error
                if not events:
                    raise
        return events

    def close_data(self) -> list[str]:
        """Like ``close``, but return the event's data as ``feed_data`` does."""
        return self.feed_data(b"\n\n")

    def _take_lines(self, data: bytes, events: list[str]) -> None:
        *lines, rest = data.split(b"\n")
        if lines and self._line:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
        for line in lines:
            self._take_line(line, events)
        if rest:
            self._line += rest
            self._check_size(self._line)

    def _take_line(self, line: bytes, events: list[str]) -> None:
        self._check_size(line)
        line, self._mark = line.removeprefix(self._mark), b""
        if not line:
            if self._data:
                data = b"\n".join(self._data).decode("utf-8", "replace")
                if self._event or self._id or self._retry is not None:
                    self.has_names = True
                    data = NamedData.of(data, self._event or "message", self._id, self._retry)
                events.append(data)
            self._data, self._event, self._retry, self._size = [], "", None, 0
            return
        name, _, value = line.partition(b":")
        self.has_fields = self.has_fields or name in _FIELDS
        if not name:  # a comment, dropped
            return
        self._size += len(line)
        if name == b"data":
            self._is_bare = self._is_bare or (self._keeps_blanks and value[:1] not in (b"", b" "))
            self._data.append(value if self._is_bare else value.removeprefix(b" "))
            return
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _RETRY_MAX_DIGITS:
            self._retry = int(value)

    def _check_size(self, line: bytes | bytearray) -> None:
        size = self._size + len(line)
        if size > self._max_event_bytes:
            raise ProtocolError(
                f"an event of at least {size} bytes arrived, at most {self._max_event_bytes} are allowed"
            )
