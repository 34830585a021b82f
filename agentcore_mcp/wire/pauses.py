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
    """One thing that an agent waits for.

    Attributes:
        question: What a person is asked, or the tool whose use one is to allow.
        id: The framework's id of it, "" if it has none.
        name: What the agent's author calls it, or the tool's name.
        schema: What an answer looks like, as JSON Schema, if the framework says so.
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
    """Return what to send in the place of a prompt to answer pauses: the answer itself, unless all take more.

    Args:
        pauses: What the agent waits for.
        answer: What to answer to all of them; JSON is passed on as the value that it is.
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
