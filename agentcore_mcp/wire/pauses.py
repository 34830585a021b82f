"""Pauses: an agent has ended its answer with a question, and goes on when a person has answered it.

``AnswerText.pauses`` has the pauses of an answer; ``wire.dialects.waiting`` knows the frameworks and their formats.
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
        takes_response: Whether the agent takes ``interruptResponse`` blocks instead of a prompt, as Strands does.
    """

    question: str
    id: str = ""
    name: str = ""
    schema: Any = None
    takes_response: bool = False

    @property
    def text(self) -> str:
        """The question with its name and its id; its line breaks are kept."""
        named = f"{self.name}: {self.question}" if self.name and self.name not in self.question else self.question
        return f"waiting for an answer: {named}" + (f" (id {self.id})" if self.id else "")


def reply_to(pauses: Sequence[Pause], answer: str) -> Any:
    """Return the prompt that answers pauses: ``interruptResponse`` blocks if all take them, else the answer itself.

    Args:
        pauses: The pauses of the previous answer.
        answer: The answer to all of them; JSON is passed on as its value.
    """
    value = _value(answer)
    if _are_all_with(value, "interruptResponse"):
        return value
    if not pauses or not all(pause.takes_response for pause in pauses):
        return answer
    return [{"interruptResponse": {"interruptId": pause.id, "response": value}} for pause in pauses]


def resume_of(pauses: Sequence[Pause], answer: str) -> list[Any]:
    """Return the AG-UI ``resume`` that answers pauses; empty if they don't come from interrupts, which have ids.

    Args:
        pauses: The pauses of the previous answer.
        answer: As for ``reply_to``, or such a ``resume`` as JSON. A bare number or boolean is sent as text unless the
            schema of the pause has another type.
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
