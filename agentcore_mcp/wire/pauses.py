"""Pauses: an agent has ended its answer with a question, and goes on when a person has answered it.

``AnswerText.pauses`` has those of an answer. Which frameworks write them, and how, is in ``wire.dialects.waiting``.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    value: Any = answer
    if answer[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            value = json.loads(answer)
    if isinstance(value, list) and value and all(isinstance(one, dict) and "interruptResponse" in one for one in value):
        return value
    if not pauses or not all(pause.takes_response for pause in pauses):
        return answer
    return [{"interruptResponse": {"interruptId": pause.id, "response": value}} for pause in pauses]
