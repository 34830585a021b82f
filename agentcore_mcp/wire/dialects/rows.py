"""Rows of the event tables: where an event has its text or its tool call, and how the text is said.

Most events of most frameworks carry one thing: a piece of the answer, a message, a result, an error, a tool call, or
nothing for a reader. Such an event needs a row and no code. A place is written ``"delta.text"``; alternatives, tried in
order, are separated by a blank, and ``"."`` is the event itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from agentcore_mcp.wire.dialects.content import at, called, follow, text_of, written
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agentcore_mcp.wire.speech import Speech

    Reader = Callable[[dict[str, Any], Speech], str | None]
    Kind = Literal["piece", "message", "result", "failure", "silent"]


_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Row:
    """Reads the events of one kind.

    Attributes:
        kind: How the text is said, as a method of ``Speech``; ``silent`` for an event without one.
        text: The places of the text.
        id: The places of the id of a message, or of the key that fragments of a call have in common.
        turn: Whether the text begins on a new line: with an ``id``, if it differs from the one before.
        call: The places of a complete call.
        fragment: The places of a part of a call.
        ends: Whether the arguments of the call are complete.
        needs: Places that must exist (null is enough), or the event isn't the framework's.
        where: A place and the value that it must have, or the event has no text.
        optional: Whether the event may come without a text.
    """

    kind: Kind = "silent"
    text: str = ""
    id: str = ""
    turn: bool = False
    call: str = ""
    fragment: str = ""
    ends: bool = False
    needs: str = ""
    where: tuple[str, str] | None = None
    optional: bool = False

    def __call__(self, value: dict[str, Any], speech: Speech) -> str | None:
        """Return the words of an event, "" if it has none, None if it isn't the framework's."""
        if any(follow(value, place.split("."), _ABSENT) is _ABSENT for place in self.needs.split()):
            return None
        event_id = at(value, self.id)
        if self.turn and (event_id is not None or not self.id):
            speech.turn(event_id)
        if self.call:
            called(at(value, self.call), speech)
        if self.fragment:
            written(at(value, self.fragment), speech, event_id)
        if self.ends:
            speech.tools.ends(event_id)
        if self.where and at(value, self.where[0]) != self.where[1]:
            return ""
        found = at(value, self.text)
        if found is None:
            return "" if self.optional or self.kind == "silent" else None
        if self.kind == "result":
            return speech.result(found if isinstance(found, str) else as_json(found))
        text = text_of(found) if self.kind == "message" else found
        if not isinstance(text, str):
            return None
        if self.kind == "failure":
            return speech.failure(text)
        return speech.piece(text, event_id) if self.kind == "piece" else speech.message(text, event_id)


NOTHING = Row()
TURN = Row(turn=True)


def by(member: str, rows: Mapping[str, Reader], otherwise: Reader | None = None) -> Reader:
    """Return a reader that picks the row by the text of one of the event's members, or ``otherwise`` for others."""

    def reader(value: dict[str, Any], speech: Speech) -> str | None:
        kind = value.get(member)
        row = rows.get(kind, otherwise) if isinstance(kind, str) else None
        return row(value, speech) if row else None

    return reader


def inside(place: str, reader: Reader, otherwise: str | None = "") -> Reader:
    """Return a reader that reads the object at a place, and returns ``otherwise`` for an event without one."""

    def outer(value: dict[str, Any], speech: Speech) -> str | None:
        inner = at(value, place)
        return reader(inner, speech) if isinstance(inner, dict) else otherwise

    return outer
