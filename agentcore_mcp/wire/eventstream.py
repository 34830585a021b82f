"""A running command as event-stream frames: bytes in, command events out, and the encoders for the other side.

The frames are parsed here with ``struct`` and ``zlib`` and not by botocore, for two reasons. botocore's buffer is
immutable bytes, so each chunk copies all that came before: one 16 MB frame in small chunks costs quadratic time. And
the stdio server must load no botocore before its first SigV4 call. The tests hold both parsers against each other
frame by frame, and boto3 reads what the encoders write.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from agentcore_mcp.errors import AgentRuntimeError, ProtocolError, StreamInterruptedError, error_from_answer

STATUS_COMPLETED = "COMPLETED"
STATUS_TIMED_OUT = "TIMED_OUT"

_PRELUDE = struct.Struct("!III")  # length of the frame, length of its headers, checksum of these two
_CHECKSUM = struct.Struct("!I")
_LENGTH = struct.Struct("!H")

# The limits that the event-stream specification sets and botocore enforces. They bound the memory that a stream can
# take: a frame has to arrive completely before its checksum can be trusted.
MAX_HEADERS_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 24 * 1024 * 1024
_OVERHEAD_BYTES = _PRELUDE.size + _CHECKSUM.size
MAX_FRAME_BYTES = _OVERHEAD_BYTES + MAX_HEADERS_BYTES + MAX_PAYLOAD_BYTES
_HEADER_VALUE_MAX_BYTES = 32_767

# Header value types by their code: true, false, byte, short, int, long, bytes, string, timestamp, uuid.
# Only strings mean something here. The others are stepped over, bytes and strings by the length they state.
_BYTES, _STRING = 6, 7
_VALUE_BYTES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}

_JSON_TYPE = "application/json"
_MEMBERS = ("contentStart", "contentDelta", "contentStop")


@dataclass(frozen=True, slots=True)
class ContentStart:
    """The command has started."""


@dataclass(frozen=True, slots=True)
class ContentDelta:
    """The command has written something."""

    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True, slots=True)
class ContentStop:
    """The command has ended.

    Attributes:
        exit_code: The command's own; -1 for a failure of the platform.
        status: ``COMPLETED`` or ``TIMED_OUT``; kept as it came if it is something newer.
    """

    exit_code: int
    status: str


CommandEvent = ContentStart | ContentDelta | ContentStop


class CommandDecoder:
    """Decode the stream of one command, up to its ``ContentStop``; what may follow that is ignored.

    Frames of an unknown event type and unknown members are skipped: they are newer than this package.

    An error found after complete events is kept: ``feed`` returns those events, ``failed`` becomes true, and the next
    call raises the error.
    """

    def __init__(self, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        """Start at the beginning of a stream.

        Args:
            max_frame_bytes: How many bytes one frame may have. This is a security limit: it bounds the memory that a
                stream can take.
        """
        self._max_frame_bytes = max_frame_bytes
        self._buffer = bytearray()
        self._needed = _PRELUDE.size  # bytes to wait for: a prelude, or (always more) the whole frame it announced
        self._stopped = False
        self._error: ProtocolError | AgentRuntimeError | None = None

    @property
    def failed(self) -> bool:
        """Whether an error was found; every further call raises it."""
        return self._error is not None

    def feed(self, data: bytes) -> list[CommandEvent]:
        """Take the next bytes and return the events that they complete.

        Raises:
            ProtocolError: If the bytes are no frames, a frame is over the limit, or its content makes no sense.
            ServiceError: If the stream carries an error of the service.
            AgentError: If the stream carries the error that the runtime's own code failed.
        """
        if self._error is not None:
            raise self._error
        events: list[CommandEvent] = []
        try:
            self._take(data, events)
        except (ProtocolError, AgentRuntimeError) as error:
            self._error = error
            if not events:
                raise
        return events

    def close(self) -> list[CommandEvent]:
        """End the stream. There are never events left, so the list is empty.

        Raises:
            StreamInterruptedError: If no ``ContentStop`` came. An exit code is never invented.
            ProtocolError: If an error was found before; likewise ServiceError and AgentError.
        """
        if self._error is not None:
            raise self._error
        if self._stopped:
            return []
        if self._buffer:
            expected = self._needed if self._needed > _PRELUDE.size else "an unknown number of"
            raise StreamInterruptedError(
                f"the stream broke off inside a frame, after {len(self._buffer)} of {expected} bytes, before the exit "
                "code; the command may still be running"
            )
        raise StreamInterruptedError("the stream ended without an exit code; the command may still be running")

    def _take(self, data: bytes, events: list[CommandEvent]) -> None:
        if self._stopped:
            return
        self._buffer += data
        while len(self._buffer) >= self._needed:
            if self._needed == _PRELUDE.size:
                self._needed = self._frame_bytes()
                continue
            frame = bytes(self._buffer[: self._needed])
            del self._buffer[: self._needed]
            self._needed = _PRELUDE.size
            for event in _events(*_parse_frame(frame)):
                events.append(event)
                if isinstance(event, ContentStop):
                    self._stopped = True
                    self._buffer.clear()
                    return

    def _frame_bytes(self) -> int:
        """Return the length that the prelude announces, if it can be believed."""
        frame_bytes, headers_bytes, checksum = _PRELUDE.unpack_from(self._buffer)
        _check(checksum, self._buffer[: _PRELUDE.size - _CHECKSUM.size], "prelude")
        if headers_bytes > MAX_HEADERS_BYTES:
            raise ProtocolError(
                f"a frame has {headers_bytes} bytes of headers, at most {MAX_HEADERS_BYTES} are allowed"
            )
        if frame_bytes > self._max_frame_bytes:
            raise ProtocolError(f"a frame has {frame_bytes} bytes, at most {self._max_frame_bytes} are allowed")
        if frame_bytes < headers_bytes + _OVERHEAD_BYTES:
            raise ProtocolError(f"a frame of {frame_bytes} bytes can't hold {headers_bytes} bytes of headers")
        return int(frame_bytes)


def encode_command_event(event: CommandEvent) -> bytes:
    """Encode an event as the frame in which the service sends it."""
    value: dict[str, Any]
    match event:
        case ContentStart():
            value = {"contentStart": {}}
        case ContentDelta(stdout, stderr):
            value = {"contentDelta": {k: v for k, v in (("stdout", stdout), ("stderr", stderr)) if v}}
        case ContentStop(exit_code, status):
            value = {"contentStop": {"exitCode": exit_code, "status": status}}
    headers = {":message-type": "event", ":event-type": "chunk", ":content-type": _JSON_TYPE}
    return _frame(headers, json.dumps(value).encode())


def encode_exception(code: str, message: str) -> bytes:
    """Encode a modelled error, such as ``ThrottlingException``, as the frame that ends a stream."""
    headers = {
        ":message-type": "exception",
        ":exception-type": code[:1].lower() + code[1:],
        ":content-type": _JSON_TYPE,
    }
    return _frame(headers, json.dumps({"message": message}).encode())


def encode_error(code: str, message: str) -> bytes:
    """Encode an unmodelled error as the frame that ends a stream; a message too long for a header is cut."""
    text = message.encode("utf-8", "replace")[:_HEADER_VALUE_MAX_BYTES].decode("utf-8", "ignore")
    return _frame({":message-type": "error", ":error-code": code, ":error-message": text}, b"")


def _frame(headers: dict[str, str], payload: bytes) -> bytes:
    block = b"".join(
        bytes((len(name),)) + name.encode() + bytes((_STRING,)) + _LENGTH.pack(len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    lengths = struct.pack("!II", len(block) + len(payload) + _OVERHEAD_BYTES, len(block))
    message = lengths + _CHECKSUM.pack(crc32(lengths)) + block + payload
    return message + _CHECKSUM.pack(crc32(message))


def _parse_frame(frame: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and payload of a whole frame whose prelude has been checked."""
    (checksum,) = _CHECKSUM.unpack_from(frame, len(frame) - _CHECKSUM.size)
    _check(checksum, memoryview(frame)[: -_CHECKSUM.size], "frame")
    headers_end = _PRELUDE.size + _PRELUDE.unpack_from(frame)[1]
    return _parse_headers(frame[_PRELUDE.size : headers_end]), frame[headers_end : -_CHECKSUM.size]


def _check(announced: int, data: bytes | bytearray | memoryview, what: str) -> None:
    computed = crc32(data)
    if announced != computed:
        raise ProtocolError(f"a {what} is damaged: its checksum is 0x{announced:08x}, computed is 0x{computed:08x}")


def _parse_headers(block: bytes) -> dict[str, str]:
    """Return the headers, with an empty text for those that are not strings."""
    headers: dict[str, str] = {}
    position = 0
    try:
        while position < len(block):
            name_end = position + 1 + block[position]
            name = block[position + 1 : name_end].decode()
            kind = block[name_end]
            position = name_end + 1
            if kind in (_BYTES, _STRING):
                (length,) = _LENGTH.unpack_from(block, position)
                position += _LENGTH.size
            else:
                length = _VALUE_BYTES[kind]
            value = block[position : position + length]
            position += length
            if name in headers:
                raise ProtocolError(f"a frame has two headers {name!r}")
            headers[name] = value.decode() if kind == _STRING else ""
    except (IndexError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise ProtocolError(f"a frame's headers can't be read: {block[:100]!r}") from error
    if position > len(block):
        raise ProtocolError(f"a frame's headers end {position - len(block)} bytes too early: {block[:100]!r}")
    return headers


def _events(headers: dict[str, str], payload: bytes) -> list[CommandEvent]:
    """Return what a frame says, nothing if it is of a kind unknown to this package, or raise the error it carries."""
    message_type = headers.get(":message-type")
    if message_type == "exception":
        raise _error(headers.get(":exception-type", ""), payload)
    if message_type == "error":
        body = {"message": headers.get(":error-message", "")}
        raise _error(headers.get(":error-code", ""), json.dumps(body).encode())
    event_type = headers.get(":event-type", "chunk")
    if event_type != "chunk" and event_type not in _MEMBERS:
        return []
    value = _object(_json(payload), "a frame's payload")
    if isinstance(value.get("chunk"), dict):
        value = value["chunk"]
    if event_type != "chunk" and event_type not in value:
        value = {event_type: value}
    events: list[CommandEvent] = []
    if value.get("contentStart") is not None:
        events.append(ContentStart())
    if value.get("contentDelta") is not None:
        delta = _object(value["contentDelta"], "contentDelta")
        events.append(ContentDelta(_output(delta, "stdout"), _output(delta, "stderr")))
    if value.get("contentStop") is not None:
        stop = _object(value["contentStop"], "contentStop")
        exit_code, status = stop.get("exitCode"), stop.get("status")
        if type(exit_code) is not int or not isinstance(status, str):
            raise ProtocolError(f"contentStop needs an integer exitCode and a text status, not {stop!r:.200}")
        events.append(ContentStop(exit_code, status))
    return events


def _error(code: str, body: bytes) -> AgentRuntimeError:
    """Return the exception for a code, which the wire writes in camelCase and the service model in PascalCase."""
    return error_from_answer(None, {"x-amzn-errortype": code[:1].upper() + code[1:]}, body)


def _json(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a frame's payload is not JSON: {payload[:100]!r}") from error


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} is not a JSON object: {value!r:.200}")
    return value


def _output(delta: dict[str, Any], name: str) -> str:
    text = delta.get(name)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise ProtocolError(f"{name} is not a text: {text!r:.200}")
    return text
