"""A2A over JSON-RPC: what is sent to an agent of either version, and what its answers say of the task.

The words of an answer are read by ``dialects.a2a``. From the A2A specification, 0.3.0 and 1.0, and measured with
``a2a-sdk`` 0.3.26 and 1.3: an agent that takes only one of the versions refuses the other's methods with -32601, and
the methods of 1.0 without the header ``A2A-Version`` with -32009. The methods of 0.3 work with most agents of 1.0, too.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentcore_mcp.errors import AgentError, ProtocolError
from agentcore_mcp.wire.dialects.a2a import Update, update_of
from agentcore_mcp.wire.protocols import spoken_in, wrong_protocol
from agentcore_mcp.wire.reports import is_too_much, says_nothing
from agentcore_mcp.wire.speech import as_json
from agentcore_mcp.wire.sse import NamedData

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN_METHOD = -32601
UNKNOWN_TASK = -32001
UNSUPPORTED = -32004
UNKNOWN_VERSION = -32009


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the protocol: the names of its methods, and the headers that go with them."""

    stream: str
    send: str
    get: str
    follow: str
    cancel: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def message(self, text: str, message_id: str, ids: Mapping[str, str]) -> dict[str, Any]:
        """Return the parameters that send a text, in the conversation and to the task of these ids."""
        message = {"messageId": message_id, **ids}
        if self.headers:
            return {"message": message | {"role": "ROLE_USER", "parts": [{"text": text}]}}
        parts = [{"kind": "text", "text": text}]
        return {"message": message | {"kind": "message", "role": "user", "parts": parts}}


V0_3 = Version("message/stream", "message/send", "tasks/get", "tasks/resubscribe", "tasks/cancel")
V1_0 = Version(
    "SendStreamingMessage", "SendMessage", "GetTask", "SubscribeToTask", "CancelTask", {"A2A-Version": "1.0"}
)


@dataclass(frozen=True, slots=True)
class Response:
    """One JSON-RPC response.

    Attributes:
        update: What it says of the task.
        code: Of its error, 0 without one.
        error: The error's message, with what else it says.
    """

    update: Update | None = None
    code: int = 0
    error: str = ""

    @property
    def failure(self) -> AgentError:
        """The error as an exception."""
        is_version = self.code == UNKNOWN_VERSION
        more = "its runtime has to pass the header A2A-Version on to the agent" if is_version else ""
        return AgentError(self.error, f"A2A {self.code}", more)


def request(method: str, params: Mapping[str, Any], request_id: str) -> bytes:
    """Return a JSON-RPC request."""
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode()


def response(piece: str, request_id: str) -> Response:
    """Read one piece of an answer.

    Raises:
        WrongProtocolError: If it is no JSON-RPC.
        ProtocolError: If it is no response to the request.
    """
    if is_too_much(piece) or (isinstance(piece, NamedData) and says_nothing(piece)):
        return Response()
    value: Any = None
    with suppress(ValueError, RecursionError):
        value = json.loads(piece)
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise wrong_protocol("a2a", spoken_in(value), piece)
    result, error, answered = value.get("result"), value.get("error"), value.get("id")
    if isinstance(result, dict) == isinstance(error, dict):
        raise ProtocolError(f"the JSON-RPC response has to have either a result or an error: {piece[:200]!r}")
    # An agent that could not read the request does not know its id.
    if str(answered) != request_id and (answered is not None or error is None):
        raise ProtocolError(f"the JSON-RPC response is to the request {answered!r:.80}, and not to {request_id!r}")
    if isinstance(error, dict):
        code, data = error.get("code"), error.get("data")
        more = f" ({as_json(data)[:500]})" if data else ""
        return Response(code=code if type(code) is int else -32603, error=f"{error.get('message')!s:.1000}{more}")
    return Response(update_of(result or {}))
