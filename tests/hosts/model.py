"""A model that does what a test says: it calls tools in turn, and keeps what a host shows it of their results.

It speaks the four APIs that hosts use, streamed or not: OpenAI's chat completions and responses, Anthropic's messages
and Gemini's. Requests that offer no tool, such as those for a title, get a few words.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

Json = dict[str, Any]

_ids = count(1)


@dataclass(frozen=True)
class Tool:
    """A tool that a host offers; Codex puts the tools of a server into a namespace."""

    name: str
    namespace: str | None = None


@dataclass(frozen=True)
class Turn:
    """What a request holds: the tools, and the results so far by the ids of their calls."""

    tools: list[Tool]
    results: dict[str, str]


@dataclass(frozen=True)
class Step:
    """What the model does next: it calls a tool, or says something."""

    text: str = ""
    tool: Tool | None = None
    arguments: Json = field(default_factory=dict)
    call_id: str = ""


class ScriptedModel:
    """Makes the given calls, then says so.

    Attributes:
        results: What the host has shown of each call's result, in order.
        tools: The names of all tools that were offered.
    """

    def __init__(self, *calls: tuple[str, Json]) -> None:
        self.results: list[str] = []
        self.tools: set[str] = set()
        self._calls = calls

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve until the end of the block; give the URL."""
        methods = ["GET", "HEAD", "POST"]
        with serving(Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])) as port:
            yield f"http://127.0.0.1:{port}"

    async def _answer(self, request: Request) -> Response:
        ending = request.url.path.rpartition("/")[2]
        api = _APIS.get(ending.rpartition(":")[2])
        if api is None or request.method != "POST":  # a list of models, or a count of tokens
            return JSONResponse({"data": [{"id": "scripted"}], "models": [], "input_tokens": 1, "totalTokens": 1})
        read, write, named = api
        body = await request.json()
        whole, events = write(self._next(read(body)))
        if not (body.get("stream") or ending.endswith("streamGenerateContent")):
            return JSONResponse(whole)
        lines = [f"event: {event.get('type')}\n" * named + f"data: {json.dumps(event)}\n\n" for event in events]
        lines += ["data: [DONE]\n\n"] * (write is _write_chat)
        return StreamingResponse(iter(lines), media_type="text/event-stream")

    def _next(self, turn: Turn) -> Step:
        self.tools |= {tool.name for tool in turn.tools}
        results = [text for call_id, text in turn.results.items() if not call_id.startswith("search")]
        if len(results) > len(self.results):
            self.results = results
        if not turn.tools:
            return Step("A title")
        if len(results) == len(self._calls):
            return Step("I have made all calls.")
        wanted, arguments = self._calls[len(results)]
        # A host may have a tool of its own with that name, as Gemini CLI has; those of a server are put apart.
        ours = [tool for tool in turn.tools if tool.name.endswith(wanted) and (tool.namespace or tool.name != wanted)]
        ours = ours or [tool for tool in turn.tools if tool.name == wanted]
        if ours:
            return Step(tool=ours[0], arguments=arguments, call_id=f"call_{next(_ids)}")
        return self._search(turn, wanted, arguments)

    def _search(self, turn: Turn, wanted: str, arguments: Json) -> Step:
        """Find a tool that the host shows only on request, or once the server has started."""
        names = {tool.name for tool in turn.tools}
        call_id = f"search_{next(_ids)}"
        if "WaitForMcpServers" in names:  # Claude Code
            return Step(tool=Tool("WaitForMcpServers"), call_id=call_id)
        full = f"mcp__my-agent__{wanted}"  # Qwen Code
        if "tool_call" in names and next(reversed(turn.results), "").startswith("search"):
            arguments = {"name": full, "arguments": arguments}
            return Step(tool=Tool("tool_call"), arguments=arguments, call_id=f"call_{next(_ids)}")
        if "tool_search" in names:
            return Step(tool=Tool("tool_search"), arguments={"query": f"select:{full}"}, call_id=call_id)
        return Step(f"There is no {wanted} among {sorted(names)}.")


def _text(content: Any) -> str:
    match content:
        case str():
            return content
        case {"text": str(text)}:
            return text
        case list():
            return "\n".join(map(_text, content))
    return json.dumps(content)


def _tools(entries: list[Json] | None) -> list[Tool]:
    found = []
    for entry in entries or []:
        match entry:
            case {"functionDeclarations": functions}:
                found += _tools(functions)
            case {"type": "namespace", "name": namespace, "tools": tools}:
                found += [Tool(tool["name"], namespace) for tool in tools]
            case {"function": {"name": name}} | {"name": name}:
                found.append(Tool(name))
    return found


# Reading requests


def _read_chat(body: Json) -> Turn:
    said = [message for message in body["messages"] if message["role"] == "tool"]
    return Turn(_tools(body.get("tools")), {each["tool_call_id"]: _text(each["content"]) for each in said})


def _read_responses(body: Json) -> Turn:
    given = body["input"] if isinstance(body["input"], list) else []
    said = [item for item in given if item.get("type") == "function_call_output"]
    return Turn(_tools(body.get("tools")), {item["call_id"]: _text(item["output"]) for item in said})


def _read_messages(body: Json) -> Turn:
    blocks = [block for message in body["messages"] for block in message["content"] if isinstance(block, dict)]
    said = [block for block in blocks if block["type"] == "tool_result"]
    return Turn(_tools(body.get("tools")), {block["tool_use_id"]: _text(block.get("content")) for block in said})


def _read_gemini(body: Json) -> Turn:
    parts = [part for content in body["contents"] for part in content["parts"]]
    said = [part["functionResponse"] for part in parts if "functionResponse" in part]
    results = {each.get("id") or f"call_{n}": _text(each["response"]) for n, each in enumerate(said)}
    return Turn(_tools(body.get("tools")), results)


# Writing answers: the whole, and the events of a stream


def _write_chat(step: Step) -> tuple[Json, list[Json]]:
    message: Json = {"role": "assistant", "content": step.text}
    if step.tool:
        function = {"name": step.tool.name, "arguments": json.dumps(step.arguments)}
        message["tool_calls"] = [{"index": 0, "id": step.call_id, "type": "function", "function": function}]
    end = "tool_calls" if step.tool else "stop"
    head = {"id": f"chat_{next(_ids)}", "created": 1, "model": "scripted"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "message": message, "finish_reason": end}
    chunk = {**head, "object": "chat.completion.chunk"}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage}, [
        {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": end}], "usage": usage},
    ]


def _write_responses(step: Step) -> tuple[Json, list[Json]]:
    item: Json = {"id": f"item_{next(_ids)}", "status": "completed"}
    if step.tool:
        item |= {"type": "function_call", "call_id": step.call_id, "name": step.tool.name}
        item |= {"arguments": json.dumps(step.arguments)}
        item |= {"namespace": step.tool.namespace} if step.tool.namespace else {}
    else:
        text = {"type": "output_text", "text": step.text, "annotations": []}
        item |= {"type": "message", "role": "assistant", "content": [text]}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    whole = {
        "id": f"response_{next(_ids)}",
        "object": "response",
        "created_at": 1,
        "model": "scripted",
        "status": "completed",
        "output": [item],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, **details},
    }
    events: list[Json] = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    if not step.tool:
        at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        events.insert(2, {"type": "response.output_text.delta", **at, "delta": step.text, "logprobs": []})
    return whole, [{**event, "sequence_number": n} for n, event in enumerate(events)]


def _write_messages(step: Step) -> tuple[Json, list[Json]]:
    if step.tool:
        block: Json = {"type": "tool_use", "id": step.call_id, "name": step.tool.name, "input": step.arguments}
        first: Json = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(step.arguments)}
    else:
        block, first = {"type": "text", "text": step.text}, {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": step.text}
    end = {"stop_reason": "tool_use" if step.tool else "end_turn", "stop_sequence": None}
    usage = {"input_tokens": 1, "output_tokens": 1}
    whole = {"id": f"msg_{next(_ids)}", "type": "message", "role": "assistant", "model": "scripted", "usage": usage}
    return {**whole, "content": [block], **end}, [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": first},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": usage},
        {"type": "message_stop"},
    ]


def _write_gemini(step: Step) -> tuple[Json, list[Json]]:
    part: Json = {"text": step.text}
    if step.tool:
        part = {"functionCall": {"id": step.call_id, "name": step.tool.name, "args": step.arguments}}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    whole = {"candidates": [candidate], "usageMetadata": {"totalTokenCount": 2}, "modelVersion": "scripted"}
    return whole, [whole]


# By the end of the path: how to read a request and write an answer, and whether events carry their names.
_APIS: dict[str, tuple[Callable[[Json], Turn], Callable[[Step], tuple[Json, list[Json]]], bool]] = {
    "completions": (_read_chat, _write_chat, False),
    "responses": (_read_responses, _write_responses, True),
    "messages": (_read_messages, _write_messages, True),
    "generateContent": (_read_gemini, _write_gemini, False),
    "streamGenerateContent": (_read_gemini, _write_gemini, False),
}
