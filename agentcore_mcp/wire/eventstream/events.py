"""Events in frames, for the streams of all operations: a reader up to the first error or the end, and the encoder.

``frames`` parses the bytes; ``eventstream`` (for commands) and ``harnesses`` interpret an operation's events.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from agentcore_mcp.errors import AgentRuntimeError, ProtocolError, StreamInterruptedError
from agentcore_mcp.wire.eventstream.frames import FrameReader, encode_frame
from agentcore_mcp.wire.headers import ERROR_TYPE_HEADER, JSON_TYPE
from agentcore_mcp.wire.refusals import error_of_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


class EventReader(Generic[T]):
    """Reads frames up to the first error or the last event. Each kind of stream is a subclass with its ``events_in``.

    An error found after complete events is kept: ``feed`` returns those events, ``failed`` becomes true, and the next
    call raises the error.

    Attributes:
        missing: What must still come before the stream may end, or ""; ``events_in`` updates it.
        last: Events to return at the end of the stream; ``events_in`` updates it.
        finished: Set by ``events_in`` at the last event; later frames are ignored.
    """

    missing = ""

    def __init__(self) -> None:
        self.last: list[T] = []
        self.finished = False
        self._frames = FrameReader()
        self._error: ProtocolError | AgentRuntimeError | None = None

    def events_in(self, headers: dict[str, str], payload: bytes) -> Iterable[T]:
        """Return the events of a frame."""
        raise NotImplementedError

    @property
    def failed(self) -> bool:
        """Whether an error was found; every further call raises it."""
        return self._error is not None

    def feed(self, data: bytes) -> list[T]:
        """Take the next bytes and return the events that they complete.

        Raises:
            ProtocolError: If the bytes are no frames, a frame is over the limit, or its content makes no sense.
            ServiceError: If the stream carries an error of the service.
            AgentError: If the stream carries the error that the runtime's own code failed.
        """
        if self._error is not None:
            raise self._error
        events: list[T] = []
        try:
            for headers, payload in () if self.finished else self._frames.feed(data):
                if error := _error(headers, payload):
                    raise error
                events += self.events_in(headers, payload)
                if self.finished:
                    break
        except (ProtocolError, AgentRuntimeError) as error:
            self._error = error
            if not events:
                raise
        return events

    def close(self) -> list[T]:
        """End the stream and return ``last``.

        Raises:
            StreamInterruptedError: If something is missing, or the stream ends within a frame.
            ProtocolError: If an error was found before; likewise ServiceError and AgentError.
        """
        if self._error is not None:
            raise self._error
        if self._frames.unfinished and not self.finished:
            before = self.missing or "it ended"
            raise StreamInterruptedError(f"the stream broke off after {self._frames.unfinished}, before {before}")
        if self.missing and not self.finished:
            raise StreamInterruptedError(f"the stream ended without {self.missing}")
        return self.last


def encode_event(event_type: str, value: dict[str, Any]) -> bytes:
    """Encode an event of any operation's stream as its frame."""
    headers = {":message-type": "event", ":event-type": event_type, ":content-type": JSON_TYPE}
    return encode_frame(headers, json.dumps(value).encode())


def encode_exception(code: str, message: str) -> bytes:
    """Encode a modelled error, such as ``ThrottlingException``, as the frame that ends a stream."""
    name = code[:1].lower() + code[1:]
    headers = {":message-type": "exception", ":exception-type": name, ":content-type": JSON_TYPE}
    return encode_frame(headers, json.dumps({"message": message}).encode())


def payload_value(payload: bytes) -> dict[str, Any]:
    """Return the object that the payload of a frame is; raise ProtocolError if it isn't one."""
    try:
        return json_object(json.loads(payload.decode()), "a frame's payload")
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a frame's payload is not JSON: {payload[:100]!r}") from error


def json_object(value: object, what: str) -> dict[str, Any]:
    """Return the value if it is a JSON object, else raise ProtocolError."""
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} is not a JSON object: {value!r:.200}")
    return value


def _error(headers: dict[str, str], payload: bytes) -> AgentRuntimeError | None:
    """Return the error that a frame carries; None if it carries none."""
    code, body = "", payload
    match headers.get(":message-type"):
        case "exception":
            code = headers.get(":exception-type", "")
        case "error":
            code, message = headers.get(":error-code", ""), headers.get(":error-message")
            body = json.dumps({"message": message}).encode() if message else b""
        case _:  # AWS's examples also read runtimeClientError from the events
            code = headers.get(":event-type", "")
            if not code.endswith(("Exception", "Error")):
                return None
    # The wire writes it in camelCase and the service model in PascalCase.
    return error_of_answer(None, {ERROR_TYPE_HEADER: code[:1].upper() + code[1:]}, body)
