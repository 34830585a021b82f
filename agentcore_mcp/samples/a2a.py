"""The bundled sample A2A agent: a task's whole life, without a model, in JSON-RPC as version 0.3 of A2A has it.

It answers what the sample agent of ``hosting`` answers. Besides, "ask WORDS" ends a call with a question, which the
next one answers, and "file" gives a file and data.
"""

from __future__ import annotations

import asyncio
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

_AT_WORK, _ASKS = ("submitted", "working"), "input-required"
_SEND, _STREAM = "message/send", "message/stream"
_METHODS = (_SEND, _STREAM, "tasks/get", "tasks/resubscribe", "tasks/cancel")
# Error codes of JSON-RPC and of A2A.
_NO_REQUEST, _NO_METHOD, _NO_TASK, _UNSUPPORTED = -32600, -32601, -32001, -32004
_FILE = {"name": "orders.csv", "mimeType": "text/csv", "bytes": base64.b64encode(b"month,orders\n1,20\n").decode()}

app = BedrockAgentCoreApp()
app.ping(sample.app.get_current_ping_status)
tasks: dict[str, Task] = {}


class Task:
    """A task, which goes on when its caller has gone, and keeps its updates for those who come back to it."""

    def __init__(self, context_id: str) -> None:
        self.ids = {"contextId": context_id, "taskId": str(uuid.uuid4())}
        self.status: dict[str, Any] = {"state": "submitted"}
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.updates: list[dict[str, Any]] = []
        self.told = asyncio.Event()
        self.work: asyncio.Task[None] | None = None
        tasks[self.ids["taskId"]] = self

    def now(self) -> dict[str, Any]:
        """Return the task as it is."""
        ids = {"id": self.ids["taskId"], "contextId": self.ids["contextId"]}
        return {"kind": "task", **ids, "status": self.status, "artifacts": list(self.artifacts.values())}

    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        """Give the task, then its updates until it rests."""
        read = len(self.updates)
        yield self.now()
        while self.status["state"] in _AT_WORK or read < len(self.updates):
            if read == len(self.updates):
                await self.told.wait()
            yield self.updates[read]
            read += 1

    def take(self, prompt: str) -> None:
        """Work on a prompt, or on the answer to the question that the last one has ended with."""
        answers = self.status["state"] == _ASKS
        self.become("submitted")
        self.work = asyncio.create_task(self._work(prompt, answers=answers))

    def become(self, state: str, text: str = "") -> None:
        """Change the state, with a message."""
        self.status = {"state": state}
        if text:
            message = {"kind": "message", "messageId": str(uuid.uuid4()), "role": "agent"}
            self.status["message"] = {**message, "parts": [{"kind": "text", "text": text}]}
        self._tell("status-update", status=self.status, final=state not in _AT_WORK)

    async def _work(self, prompt: str, *, answers: bool) -> None:
        self.become("working")
        try:
            match prompt.split():
                case _ if answers:
                    self._give("answer", {"kind": "text", "text": f"You answered: {prompt}"})
                case ["ask", *question]:
                    self.become(_ASKS, " ".join(question))
                    return
                case ["file"]:
                    self._give("report", {"kind": "file", "file": _FILE})
                    self._give("figures", {"kind": "data", "data": {"orders": 20}})
                case _:
                    async for piece in sample.pieces(prompt, self.ids["contextId"]):
                        kind = "text" if isinstance(piece, str) else "data"
                        self._give("answer", {"kind": kind, kind: piece})
            self.become("completed")
        except RuntimeError as error:
            self.become("failed", str(error))

    def _give(self, name: str, part: dict[str, Any]) -> None:
        parts = self.artifacts.setdefault(name, {"artifactId": name, "parts": []})["parts"]
        parts.append(part)
        self._tell("artifact-update", artifact={"artifactId": name, "parts": [part]}, append=len(parts) > 1)

    def _tell(self, kind: str, **members: Any) -> None:
        self.updates.append({"kind": kind, **self.ids, **members})
        self.told.set()
        self.told = asyncio.Event()


async def card(request: Request) -> Response:
    """Say who the agent is, and where it is called from outside."""
    url = os.environ.get("AGENTCORE_RUNTIME_URL", str(request.base_url))
    skill = {"id": "sample", "name": "Sample", "description": sample.HELP, "tags": ["sample"]}
    words = {"name": "Sample agent", "description": "Shows every behaviour of an A2A agent without a model."}
    speaks = {"protocolVersion": "0.3.0", "preferredTransport": "JSONRPC", "capabilities": {"streaming": True}}
    modes = {"defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain", JSON_TYPE, "text/csv"]}
    return JSONResponse({**words, "version": "1", "url": url, **speaks, **modes, "skills": [skill]})


async def call(request: Request) -> Response:
    """Answer a JSON-RPC request."""
    body = await request.json()
    method, envelope = body.get("method", ""), {"jsonrpc": "2.0", "id": body.get("id")}
    task = _done(method, body.get("params", {}))
    if isinstance(task, int):
        return JSONResponse({**envelope, "error": {"code": task, "message": f"can't do {method!r}"}})
    if method in (_STREAM, "tasks/resubscribe"):
        events = (f"data: {json.dumps({**envelope, 'result': update})}\n\n" async for update in task.follow())
        return StreamingResponse(events, media_type=SSE_TYPE)
    if method == _SEND:
        async for _ in task.follow():
            pass
    return JSONResponse({**envelope, "result": task.now()})


def _done(method: str, params: dict[str, Any]) -> Task | int:
    """Do what a request asks for, and return its task, or the code of an error."""
    message = params.get("message", {})
    task = tasks.get(message.get("taskId", params.get("id")))
    if method not in _METHODS:
        return _NO_METHOD if method else _NO_REQUEST
    if method in (_SEND, _STREAM) and "taskId" not in message:
        task = Task(message.get("contextId", str(uuid.uuid4())))
    if task is None:
        return _NO_TASK
    state = task.status["state"]
    if method == "tasks/cancel":
        if task.work is None or state not in (*_AT_WORK, _ASKS):
            return _UNSUPPORTED
        task.work.cancel()
        task.become("canceled")
    elif message:
        if task.work and state != _ASKS:
            return _UNSUPPORTED
        task.take(" ".join(part.get("text", "") for part in message["parts"]))
    return task


app.add_route("/", call, methods=["POST"])
app.add_route("/.well-known/agent-card.json", card)
