"""A2A over JSON-RPC: requests to agents of either version, and the task updates in their responses.

``dialects.a2a`` reads the text of an answer. From the A2A specification, 0.3.0 and 1.0, and measured with ``a2a-sdk``
0.3.26 and 1.3: an agent that supports only one version refuses the other's methods with -32601, and the methods of 1.0
without the header ``A2A-Version`` with -32009. The methods of 0.3 work with most agents of 1.0, too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from agentcore_mcp.errors import AgentError, ProtocolError
from agentcore_mcp.wire.dialects.a2a import Update, update_of
from agentcore_mcp.wire.protocols import spoken_in, wrong_protocol
from agentcore_mcp.wire.reports import is_too_much, parsed, says_nothing
from agentcore_mcp.wire.speech import as_json
from agentcore_mcp.wire.sse import NamedData

if TYPE_CHECKING:
    from collections.abc import Mapping

# Types of AgentErrors for requests that an agent doesn't support.
UNKNOWN_METHOD = "A2A -32601"
UNSUPPORTED = "A2A -32004"
_UNKNOWN_VERSION = "A2A -32009"


class Version(NamedTuple):
    """A version of the protocol: the names of its methods, and the headers that go with them."""

    stream: str
    send: str
    get: str
    cancel: str
    headers: Mapping[str, str]

    def message(self, text: str, message_id: str, ids: Mapping[str, str]) -> dict[str, Any]:
        """Return the parameters of a request that sends a text to the conversation and the task with these ids."""
        message = {"messageId": message_id, **ids}
        if self.headers:
            return {"message": message | {"role": "ROLE_USER", "parts": [{"text": text}]}}
        return {"message": message | {"kind": "message", "role": "user", "parts": [{"kind": "text", "text": text}]}}


V0_3 = Version("message/stream", "message/send", "tasks/get", "tasks/cancel", {})
V1_0 = Version("SendStreamingMessage", "SendMessage", "GetTask", "CancelTask", {"A2A-Version": "1.0"})


def request(method: str, params: Mapping[str, Any], request_id: str) -> bytes:
    """Return a JSON-RPC request."""
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode()


def update_in(piece: str, request_id: str) -> Update | None:
    """Return the task update in one piece of an answer, None if it has none.

    Raises:
        AgentError: If the piece is a JSON-RPC error; the error's type is ``A2A CODE``.
        WrongProtocolError: If the piece is not JSON-RPC.
        ProtocolError: If the piece is not a response to this request.
    """
    if is_too_much(piece) or (isinstance(piece, NamedData) and says_nothing(piece)):
        return None
    value = parsed(piece)
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise wrong_protocol("a2a", spoken_in(value), piece)
    result, error, answered = value.get("result"), value.get("error"), value.get("id")
    if isinstance(result, dict) == isinstance(error, dict):
        raise ProtocolError(f"the JSON-RPC response has to have either a result or an error: {piece[:200]!r}")
    # An agent that could not read the request does not know its id.
    if str(answered) != request_id and (answered is not None or error is None):
        raise ProtocolError(f"the JSON-RPC response is to the request {answered!r:.80}, and not to {request_id!r}")
    if isinstance(error, dict):
        kind, data = f"A2A {error.get('code')!s:.20}", error.get("data")
        more = as_json(data)[:500] if data else ""
        if kind == _UNKNOWN_VERSION:
            more = "its runtime has to pass the header A2A-Version on to the agent"
        raise AgentError(f"{error.get('message')!s:.1000}", kind, more)
    return update_of(result or {})
