"""Harnesses: the request that asks one, and its answer, an event stream of Converse events.

As in botocore's ``bedrock-agentcore`` 2024-02-28 service model, InvokeHarness. The words of the events are read by
``wire.dialects.bedrock``.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.eventstream.events import EventReader, payload_value
from agentcore_mcp.wire.headers import JSON_TYPE, SESSION_HEADER, USER_HEADER, header_fields
from agentcore_mcp.wire.ids import RuntimeArn, check_session_id
from agentcore_mcp.wire.operations import HARNESS
from agentcore_mcp.wire.reports import is_too_much, parsed
from agentcore_mcp.wire.requests import Request, target_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agentcore_mcp.wire.ids import Runtime

# The inputs besides the messages that override the harness's own settings.
OPTIONS = (
    "model", "systemPrompt", "tools", "skills", "allowedTools", "maxIterations", "maxTokens", "timeoutSeconds",
    "actorId",
)  # fmt: skip
EVENTS = (
    "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
    "hookEvent",
)  # fmt: skip
# The beginning of the piece that lists the tool calls left to the caller.
INTERRUPTS = '{"interrupts": '
_END = "the end of a message; the agent may still be working"


def harness_request(
    runtime: Runtime,
    messages: str | Sequence[Mapping[str, Any]],
    *,
    session_id: str,
    qualifier: str | None = None,
    options: Mapping[str, Any] | None = None,
    user_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Build InvokeHarness. The arguments are those of ``RuntimeClient.invoke_harness``.

    Raises:
        InvalidRequestError: If an argument is outside its limits, or the runtime is no harness.
    """
    if not (isinstance(runtime, RuntimeArn) and runtime.is_harness):
        raise InvalidRequestError(f"not the ARN of a harness: {runtime}; InvokeHarness asks nothing else")
    if unknown := [name for name in options or {} if name not in OPTIONS]:
        raise InvalidRequestError(f"a harness has no option {unknown[0]!r}, only {', '.join(OPTIONS)}")
    if not messages or (isinstance(messages, str) and not messages.strip()):
        raise InvalidRequestError("there is nothing to ask the harness: the prompt is empty, or there are no messages")
    if isinstance(messages, str):
        messages = [{"role": "user", "content": [{"text": messages}]}]
    members = {"messages": messages, **(options or {})}
    try:  # bytes, which are redacted reasoning, are in base64
        body = json.dumps(members, default=lambda value: b64encode(value).decode(), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"the messages or options can't be sent as JSON: {error}") from error
    fields = {"Content-Type": JSON_TYPE, SESSION_HEADER: check_session_id(session_id, of_harness=True)}
    if user_id is not None:
        fields[USER_HEADER] = user_id
    return Request(target_of(runtime, HARNESS, {"qualifier": qualifier}), header_fields(fields, headers), body)


class HarnessAnswer(EventReader[str]):
    """Reads a harness's answer: each piece is an event as JSON, such as ``{"messageStop": {…}}``.

    Unknown event types are skipped, as in boto3. If the answer ends with calls of inline functions, tools that the
    caller has to run, a synthetic last piece lists them in the form that ``wire.dialects.waiting`` reads:
    ``{"interrupts": [{"id": …, "reason": …, "toolUse": {…}}]}``. A stream that ends without a complete message counts
    as interrupted.
    """

    missing = _END

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[dict[str, Any], list[str]]] = []  # of the last message, with the parts of their input
        self._written: dict[int, list[str]] = {}  # the parts of the input being received, by block index

    def events_in(self, headers: dict[str, str], payload: bytes) -> Iterable[str]:
        """See ``EventReader``."""
        name = headers.get(":event-type", "")
        if headers.get(":message-type") != "event" or name not in EVENTS:
            return ()
        if is_too_much(said := payload.decode(errors="replace")):
            return (f'{{"{name}": {said}}}',)
        match name, payload_value(payload):
            case "messageStart", _:
                self._calls, self._written = [], {}
                self.missing, self.last = _END, []
            case (
                "contentBlockStart",
                {"contentBlockIndex": int(index), "start": {"toolUse": {"toolUseId": str(), "name": str()} as call}},
            ):
                # The service was seen to give two calls of one message the same index.
                self._written[index] = []
                self._calls.append((call, self._written[index]))
            case "contentBlockDelta", {"contentBlockIndex": int(index), "delta": {"toolUse": {"input": str(part)}}}:
                self._written.setdefault(index, []).append(part)
            case "messageStop", {"stopReason": reason}:
                self.missing = ""
                # After calls of the harness's own tools another message follows, which resets ``last``.
                left = [_interrupt(*call) for call in self._calls] if reason == "tool_use" else []
                self.last = [json.dumps({"interrupts": left})] if left else []
        return (f'{{"{name}": {said}}}',)


def _interrupt(call: dict[str, Any], parts: list[str]) -> dict[str, Any]:
    written = "".join(parts) or "{}"
    reason = f"run the tool {call['name']} with {written} and answer with its result"
    return {"id": call["toolUseId"], "reason": reason, "toolUse": {**call, "input": parsed(written, written)}}


def tool_results(tool_uses: Sequence[Mapping[str, Any]], answer: str) -> list[dict[str, Any]]:
    """Return the messages that answer a harness's tool calls.

    The service reportedly refuses results without their calls, which it doesn't keep, and results as ``json``.

    Args:
        tool_uses: The ``toolUse`` of each interrupt.
        answer: The result of all of them, or a JSON object with the result of each by its ``toolUseId``.
    """
    each, value = dict.fromkeys([call["toolUseId"] for call in tool_uses], answer), parsed(answer)
    if isinstance(value, dict) and value.keys() == each.keys():
        each = {one: result if isinstance(result, str) else json.dumps(result) for one, result in value.items()}
    calls = [{"toolUse": call} for call in tool_uses]
    results = [{"toolResult": {"toolUseId": one, "content": [{"text": result}]}} for one, result in each.items()]
    return [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
