"""The bundled sample A2A agent, without a model: the whole life cycle of tasks, in the JSON-RPC of A2A 0.3.

It answers the same prompts as the sample agent of ``hosting``. Also, "ask WORDS" ends a call with a question, to be
answered by the next call, and "file" returns a file and data.
"""

from __future__ import annotations

import base64
import json
import os
import uuid
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from agentcore_mcp.hosting import sample
from agentcore_mcp.hosting.app import BedrockAgentCoreApp
from agentcore_mcp.wire.headers import JSON_TYPE, SSE_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

_SENT, _AT_WORK, _ASKS, _CANCELED = "submitted", "working", "input-required", "canceled"
# Error codes of JSON-RPC and of A2A.
_NO_REQUEST, _NO_METHOD, _NO_TASK, _UNSUPPORTED = -32600, -32601, -32001, -32004
_FILE = {"name": "orders.csv", "mimeType": "text/csv", "bytes": base64.b64encode(b"month,orders\n1,20\n").decode()}

app = BedrockAgentCoreApp()
app.ping(sample.app.get_current_ping_status)
tasks: dict[str, dict[str, Any]] = {}


async def work(task: dict[str, Any], prompt: str, *, answers: bool) -> AsyncIterator[dict[str, Any]]:
    """Yield the task, then its updates until it ends, or waits for an answer to its question."""
    if answers:  # the task no longer waits for input
        become(task, _SENT)
    yield task
    yield become(task, _AT_WORK)
    try:
        match prompt.split():
            case _ if answers:
                yield give(task, "answer", {"kind": "text", "text": f"You answered: {prompt}"})
            case ["ask", *question]:
                yield become(task, _ASKS, " ".join(question))
                return
            case ["file"]:
                yield give(task, "report", {"kind": "file", "file": _FILE})
                yield give(task, "figures", {"kind": "data", "data": {"orders": 20}})
            case _:
                async for piece in sample.pieces(prompt, task["contextId"]):
                    if task["status"]["state"] == _CANCELED:
                        yield become(task, _CANCELED)
                        return
                    kind = "text" if isinstance(piece, str) else "data"
                    yield give(task, "answer", {"kind": kind, kind: piece})
        yield become(task, "completed")
    except RuntimeError as error:
        yield become(task, "failed", str(error))


def become(task: dict[str, Any], state: str, text: str = "") -> dict[str, Any]:
    """Change the state of a task, and return the status update."""
    task["status"] = {"state": state}
    if text:
        message = {"kind": "message", "messageId": str(uuid.uuid4()), "role": "agent"}
        task["status"]["message"] = {**message, "parts": [{"kind": "text", "text": text}]}
    return _update(task, "status-update", status=task["status"], final=state not in (_SENT, _AT_WORK))


def give(task: dict[str, Any], name: str, part: dict[str, Any]) -> dict[str, Any]:
    """Add a part to an artifact, and return the artifact update."""
    artifact = next((each for each in task["artifacts"] if each["artifactId"] == name), None)
    if artifact is None:
        task["artifacts"].append(artifact := {"artifactId": name, "parts": []})
    artifact["parts"].append(part)
    return _update(task, "artifact-update", artifact={**artifact, "parts": [part]}, append=len(artifact["parts"]) > 1)


def _update(task: dict[str, Any], kind: str, **members: Any) -> dict[str, Any]:
    return {"kind": kind, "taskId": task["id"], "contextId": task["contextId"], **members}


async def card(request: Request) -> Response:
    """Return the agent card, with the URL for callers outside."""
    url = os.environ.get("AGENTCORE_RUNTIME_URL", str(request.base_url))
    skill = {"id": "sample", "name": "Sample", "description": sample.HELP, "tags": ["sample"]}
    words = {"name": "Sample agent", "description": "Shows every behaviour of an A2A agent without a model."}
    speaks = {"protocolVersion": "0.3.0", "preferredTransport": "JSONRPC", "capabilities": {"streaming": True}}
    modes = {"defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain", JSON_TYPE, "text/csv"]}
    return JSONResponse({**words, "version": "1", "url": url, **speaks, **modes, "skills": [skill]})


async def call(request: Request) -> Response:
    """Answer a JSON-RPC request."""
    body = await request.json()
    method, params, envelope = body.get("method"), body.get("params", {}), {"jsonrpc": "2.0", "id": body.get("id")}
    message = params.get("message", {})
    task = tasks.get(message.get("taskId", params.get("id")))
    if message and "taskId" not in message:
        ids = {"id": str(uuid.uuid4()), "contextId": message.get("contextId", str(uuid.uuid4()))}
        task = tasks[ids["id"]] = {"kind": "task", **ids, "status": {"state": _SENT}, "artifacts": []}
    state = task["status"]["state"] if task else None
    match method:
        case "message/stream" | "message/send" if task and state in (_SENT, _ASKS):
            prompt = " ".join(part.get("text", "") for part in message["parts"])
            updates = work(task, prompt, answers=state == _ASKS)
            if method == "message/stream":
                events = (f"data: {json.dumps({**envelope, 'result': update})}\n\n" async for update in updates)
                return StreamingResponse(events, media_type=SSE_TYPE)
            async for _ in updates:
                pass
            return JSONResponse({**envelope, "result": task})
        case "tasks/get" if task:
            return JSONResponse({**envelope, "result": task})
        case "tasks/cancel" if task and state in (_AT_WORK, _ASKS):
            become(task, _CANCELED)
            return JSONResponse({**envelope, "result": task})
        case "message/stream" | "message/send" | "tasks/get" | "tasks/cancel" | "tasks/resubscribe":
            code = _UNSUPPORTED if task else _NO_TASK
        case _:
            code = _NO_METHOD if method else _NO_REQUEST
    return JSONResponse(
        {**envelope, "error": {"code": code, "message": f"can't do {method!r} now" if method else "no method"}}
    )


app.add_route("/", call, methods=["POST"])
app.add_route("/.well-known/agent-card.json", card)
