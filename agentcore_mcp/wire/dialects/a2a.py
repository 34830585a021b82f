"""Words of A2A, the protocol between agents, in its versions 0.3 (``kind``) and 1.0 (one member, named after the kind).

A task's words are in its artifacts and its status messages. While the task works, a status message is either a piece of
the answer (as from Strands) or a sentence about its progress: only the wording shows which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from agentcore_mcp.wire.dialects import waiting
from agentcore_mcp.wire.dialects.content import SPEAKERS, dicts, pick
from agentcore_mcp.wire.speech import as_json

if TYPE_CHECKING:
    from agentcore_mcp.wire.speech import Speech

_KINDS_OF_1_0 = {
    "message": "message",
    "task": "task",
    "statusUpdate": "status-update",
    "artifactUpdate": "artifact-update",
}
_PAUSED = ("input-required", "auth-required")
_AT_WORK = ("submitted", "working")
_FAILED = ("failed", "rejected", "canceled")


class Update(NamedTuple):
    """A task update; absent fields are "". A bare message has no task id and counts as ended.

    Attributes:
        state: The state, by its name in 0.3.
        text: The text of the status message.
    """

    context_id: str
    task_id: str
    state: str
    text: str

    @property
    def paused(self) -> bool:
        """Whether the task waits for a person."""
        return self.state in _PAUSED

    @property
    def failed(self) -> bool:
        """Whether the task has ended unsuccessfully."""
        return self.state in _FAILED

    @property
    def ended(self) -> bool:
        """Whether no more updates of the task can follow."""
        return self.failed or self.state == "completed" or not self.task_id


def update_of(value: dict[str, Any]) -> Update | None:
    """Return the update in a message, a task or a task event; None for anything else."""
    kind, value = _kind_of(value)
    if kind not in _KINDS_OF_1_0.values():
        return None
    status = value["status"] if isinstance(value.get("status"), dict) else {}
    message, state = status.get("message"), _state(status)
    task_id = "" if kind == "message" else value.get("id") if kind == "task" else pick(value, "taskId", "task_id")
    return Update(
        context_id=_if_text(pick(value, "contextId", "context_id")),
        task_id=_if_text(task_id),
        state=state,
        text=_text(message) if isinstance(message, dict) else "",
    )


def _if_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _kind_of(value: dict[str, Any]) -> tuple[object, dict[str, Any]]:
    if len(value) == 1:
        ((name, inner),) = value.items()
        if name in _KINDS_OF_1_0 and isinstance(inner, dict):
            return _KINDS_OF_1_0[name], inner
    # GetTask of 1.0 returns a bare task, without a member named after the kind.
    return value.get("kind", "task" if "status" in value and "contextId" in value else None), value


def _state(status: dict[str, Any]) -> str:
    state = status.get("state")
    return state.lower().removeprefix("task_state_").replace("_", "-") if isinstance(state, str) else ""


def event(value: dict[str, Any], speech: Speech) -> str | None:
    """Read a message, a task, or an update of one."""
    kind, value = _kind_of(value)
    match kind:
        case "message" if isinstance(value.get("parts"), list):
            return _message(value, speech) if value.get("role") in SPEAKERS else ""
        case "status-update" if isinstance(status := value.get("status"), dict):
            return _status(status, speech, value.get("taskId", value.get("task_id")))
        case "artifact-update" if isinstance(artifact := value.get("artifact"), dict):
            if value.get("append"):
                return _artifact(artifact, speech, piecewise=True)
            return speech.opened(_artifact(artifact, speech))
        case "task" if isinstance(status := value.get("status"), dict):
            words = ""
            for artifact in dicts(value.get("artifacts")):
                words += _artifact(artifact, speech)
                if _state(status) in _AT_WORK:
                    speech.reopen(pick(artifact, "artifactId", "artifact_id"))
            words += _status(status, speech, value.get("id"))
            said = [message for message in dicts(value.get("history")) if message.get("role") in SPEAKERS]
            return _message(said[-1], speech) if said and not words and speech.is_silent else words
    return None


def _status(status: dict[str, Any], speech: Speech, task_id: object) -> str:
    state, message = _state(status), status.get("message")
    if state not in _PAUSED:  # any more
        speech.pauses[:] = [pause for pause in speech.pauses if pause.id != task_id]
    if state in _FAILED:
        text = _text(message) if isinstance(message, dict) else ""
        return speech.failure(text or f"the task is {state}")
    if state in _PAUSED:
        question = _text(message) if isinstance(message, dict) else ""
        others = _others(message, speech) if isinstance(message, dict) else ""
        return others + waiting.pause({"id": task_id, "question": question or f"the task is {state}"}, speech)
    if not isinstance(message, dict):
        return ""
    if state != "working":
        return _message(message, speech)
    text = _text(message)
    if " " in text.strip() and text[:1].strip() and speech.ends_sentence:
        speech.turn()
    return _parts(message, speech, piecewise=True)


def _message(message: dict[str, Any], speech: Speech) -> str:
    return _parts(message, speech, message_id=pick(message, "messageId", "message_id"))


def _artifact(artifact: dict[str, Any], speech: Speech, *, piecewise: bool = False) -> str:
    return _parts(artifact, speech, message_id=pick(artifact, "artifactId", "artifact_id"), piecewise=piecewise)


def _parts(holder: dict[str, Any], speech: Speech, *, message_id: object = None, piecewise: bool = False) -> str:
    """Return the words of a message or an artifact, and its other parts as JSON."""
    text = _text(holder)
    words = speech.piece(text, message_id) if piecewise else speech.message(text, message_id)
    return words + _others(holder, speech)


def _others(holder: dict[str, Any], speech: Speech) -> str:
    others = [part for part in dicts(holder.get("parts")) if not isinstance(part.get("text"), str)]
    return "".join(speech.once(_shown(part)) for part in others)


def _shown(part: dict[str, Any]) -> str:
    """Return data as JSON, and of a file its name, type and address, or how long its base64 is."""
    file = part["file"] if isinstance(part.get("file"), dict) else part
    content, address = pick(file, "bytes", "raw"), pick(file, "uri", "url", "fileWithUri")
    if content is None and address is None:
        return as_json(part.get("data", part))
    known = (pick(file, "mimeType", "mime_type", "mediaType", "media_type"), address)
    told = [text for text in known if isinstance(text, str)]
    if isinstance(content, str):
        told.append(f"{len(content):,} characters of base64")
    return f"(file {pick(file, 'name', 'filename') or 'without a name'!s:.200}: {', '.join(told)})"


def _text(holder: dict[str, Any]) -> str:
    return "".join(part["text"] for part in dicts(holder.get("parts")) if isinstance(part.get("text"), str))
