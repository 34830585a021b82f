"""A running command as its event stream: bytes in, command events out, and the encoders for the other side.

The events follow the service model's InvokeAgentRuntimeCommandStreamOutput; ``events`` is shared by the streams of all
operations, and ``frames`` parses the bytes. The encoder is strict, as boto3 reads its output; the decoder is tolerant,
because only the model documents the real service's frames: a payload may be inside the member ``chunk``, headers may
be missing, an event's type may be a member's name, and unknown events are skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentcore_mcp.errors import ProtocolError
from agentcore_mcp.wire.characters import WholeCharacters, valid_unicode
from agentcore_mcp.wire.eventstream.events import EventReader, encode_event, json_object, payload_value

STATUS_COMPLETED = "COMPLETED"
STATUS_TIMED_OUT = "TIMED_OUT"

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
        exit_code: The command's exit code; -1 for a failure of the platform.
        status: ``COMPLETED`` or ``TIMED_OUT``; an unknown, newer status is kept unchanged.
    """

    exit_code: int
    status: str

    @property
    def timed_out(self) -> bool:
        """Whether the service ended the command because its time was up."""
        return self.status == STATUS_TIMED_OUT


CommandEvent = ContentStart | ContentDelta | ContentStop


class CommandDecoder(EventReader[CommandEvent]):
    """Decode the stream of one command, up to its ``ContentStop``; without that it raises StreamInterruptedError.

    An error found after complete events is kept: ``feed`` returns those events, ``failed`` becomes true, and the next
    call raises the error.
    """

    missing = "the command's exit code; the command may still be running"

    def __init__(self) -> None:
        super().__init__()
        self._stdout, self._stderr = WholeCharacters(), WholeCharacters()  # an output may be cut within a character

    def events_in(self, headers: dict[str, str], payload: bytes) -> list[CommandEvent]:
        """See ``EventReader``."""
        events: list[CommandEvent] = []
        for event in _events(headers, payload):
            if isinstance(event, ContentDelta):
                events.append(ContentDelta(self._stdout.feed(event.stdout), self._stderr.feed(event.stderr)))
                continue
            if isinstance(event, ContentStop):
                self.finished = True
                if (left := ContentDelta(self._stdout.close(), self._stderr.close())) != ContentDelta():
                    events.append(left)
            events.append(event)
        return events


def command_event_value(event: CommandEvent) -> dict[str, dict[str, Any]]:
    """Return an event as the JSON object that the service sends and boto3 returns."""
    if isinstance(event, ContentStart):
        return {"contentStart": {}}
    if isinstance(event, ContentDelta):
        outputs = (("stdout", event.stdout), ("stderr", event.stderr))
        return {"contentDelta": {name: text for name, text in outputs if text}}
    return {"contentStop": {"exitCode": event.exit_code, "status": event.status}}


def encode_command_event(event: CommandEvent) -> bytes:
    """Encode an event as the frame in which the service sends it."""
    return encode_event("chunk", command_event_value(event))


def _events(headers: dict[str, str], payload: bytes) -> list[CommandEvent]:
    """Return the events of a frame, none if this package doesn't know its type.

    Output is returned as parsed from JSON, possibly with lone surrogates.
    """
    event_type = headers.get(":event-type", "chunk")
    if headers.get(":message-type", "event") != "event" or event_type not in ("chunk", *_MEMBERS):
        return []
    value = payload_value(payload)
    if isinstance(value.get("chunk"), dict):
        value = value["chunk"]
    if event_type in _MEMBERS and event_type not in value:
        value = {event_type: value}
    events: list[CommandEvent] = []
    if value.get("contentStart") is not None:
        events.append(ContentStart())
    if value.get("contentDelta") is not None:
        delta = json_object(value["contentDelta"], "contentDelta")
        events.append(ContentDelta(_output(delta, "stdout"), _output(delta, "stderr")))
    if value.get("contentStop") is not None:
        stop = json_object(value["contentStop"], "contentStop")
        exit_code, status = stop.get("exitCode"), stop.get("status")
        # bool is an int in Python, but not on the wire
        if type(exit_code) is not int or not isinstance(status, str):
            raise ProtocolError(f"contentStop needs an integer exitCode and a text status, not {stop!r:.200}")
        events.append(ContentStop(exit_code, valid_unicode(status)))
    return events


def _output(delta: dict[str, Any], name: str) -> str:
    text = delta.get(name)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise ProtocolError(f"{name} is not a text: {text!r:.200}")
    return text
