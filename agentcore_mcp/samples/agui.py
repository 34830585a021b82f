"""The bundled sample AG-UI agent, without a model: the events that an agent sends its user interface.

It answers the same prompts as the sample agent of ``hosting``. Also, "ask WORDS" interrupts the run with a question, to
be answered by the next run, and "tool" calls a tool and shares state.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from agentcore_mcp.hosting import sample
from agentcore_mcp.hosting.app import BedrockAgentCoreApp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

app = BedrockAgentCoreApp()
app.ping(sample.app.get_current_ping_status)


@app.entrypoint
async def answer(payload: Any) -> AsyncIterator[dict[str, Any]]:
    """Answer a ``RunAgentInput``, and refuse anything else as the published package's ``AGUIApp`` does."""
    if not isinstance(payload, dict) or not {"threadId", "runId", "messages"} <= payload.keys():
        raise HTTPException(400, "Invalid RunAgentInput")
    return run(payload)


async def run(payload: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Yield the events of a run."""
    ids = {"threadId": payload["threadId"], "runId": payload["runId"]}
    message, call = {"messageId": str(uuid.uuid4())}, {"toolCallId": str(uuid.uuid4())}
    ending: dict[str, Any] = {}
    prompt = str(payload["messages"][-1]["content"]) if payload["messages"] else ""
    yield {"type": "RUN_STARTED", **ids}
    match payload.get("resume") or prompt.split():
        case [{"status": status, **reply}, *_]:
            text = f"You answered: {json.dumps(reply.get('payload'))}" if status == "resolved" else "Never mind."
            yield {"type": "TEXT_MESSAGE_CHUNK", **message, "role": "assistant", "delta": text}
        case ["ask", *question]:
            schema = {"type": "object", "properties": {"approved": {"type": "boolean"}}}
            asked = {"id": str(uuid.uuid4()), "reason": "confirmation", "message": " ".join(question)}
            ending = {"outcome": {"type": "interrupt", "interrupts": [{**asked, "responseSchema": schema}]}}
        case ["tool"]:
            yield {"type": "TOOL_CALL_START", **call, "toolCallName": "list_files"}
            yield {"type": "TOOL_CALL_ARGS", **call, "delta": "{}"}
            yield {"type": "TOOL_CALL_END", **call}
            yield {"type": "CUSTOM", "name": "progress", "value": {"done": 1, "of": 1}}
            yield {"type": "TOOL_CALL_RESULT", **message, **call, "role": "tool", "content": str(sample.files())}
            yield {"type": "STATE_SNAPSHOT", "snapshot": {"files": sample.files()}}
        case _:
            try:
                async for piece in sample.pieces(prompt, payload["threadId"]):
                    if isinstance(piece, dict):
                        ending = {"result": piece}
                    else:
                        yield {"type": "TEXT_MESSAGE_CHUNK", **message, "role": "assistant", "delta": piece}
            except RuntimeError as error:
                yield {"type": "RUN_ERROR", "message": str(error)}
                return
    yield {"type": "RUN_FINISHED", **ids, **ending}
