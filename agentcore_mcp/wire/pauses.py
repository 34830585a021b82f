"""Pauses: an agent has ended its answer with a question, and goes on when a person has answered it.

``AnswerText.pauses`` has those of an answer. Which frameworks write them, and how, is in ``wire.dialects.waiting``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.reports import parsed

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Pause:
    """One question that an agent waits on.

    Attributes:
        question: The question to a person, or the tool call to approve.
        id: The framework's id for it, or "".
        name: Its name in the agent's code, or the tool's name.
        schema: JSON Schema of the answer, if the framework provides one.
        takes_response: Whether the agent takes ``interruptResponse`` blocks in the place of a prompt, as Strands does.
    """

    question: str
    id: str = ""
    name: str = ""
    schema: Any = None
    takes_response: bool = False

    @property
    def text(self) -> str:
        """The question with its name and its id, on one line or as many as it has itself."""
        named = f"{self.name}: {self.question}" if self.name and self.name not in self.question else self.question
        return f"waiting for an answer: {named}" + (f" (id {self.id})" if self.id else "")


def reply_to(pauses: Sequence[Pause], answer: str) -> Any:
    """Return the prompt that answers pauses: ``interruptResponse`` blocks if all take them, else the answer itself.

    Args:
        pauses: The pauses of the answer before.
        answer: The answer to all of them; JSON is passed on as the value that it is.
    """
    value = _value(answer)
    if _are_all_with(value, "interruptResponse"):
        return value
    if not pauses or not all(pause.takes_response for pause in pauses):
        return answer
    return [{"interruptResponse": {"interruptId": pause.id, "response": value}} for pause in pauses]


def resume_of(pauses: Sequence[Pause], answer: str) -> list[Any]:
    """Return the ``resume`` of AG-UI that answers pauses; empty if they are not of interrupts, which have ids.

    Args:
        pauses: The pauses of the answer before.
        answer: As for ``reply_to``, or such a ``resume`` as JSON. A bare number or truth value is one only where the
            schema of the pause wants no text.
    """
    given = _value(answer)
    if pauses and _are_all_with(given, "interruptId"):
        return list(given)
    return [
        {"interruptId": pause.id, "status": "resolved", "payload": _value(answer, pause.schema)}
        for pause in pauses
        if pause.id
    ]


def _value(answer: str, schema: Any = None) -> Any:
    wants_text = not isinstance(schema, dict) or schema.get("type", "string") == "string"
    return parsed(answer, answer) if answer[:1] in ("{", "[") or not wants_text else answer


def _are_all_with(value: Any, member: str) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and member in one for one in value)
