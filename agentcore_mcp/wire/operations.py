"""The operations on a runtime: their names, paths and the headers that are members of their inputs.

As in botocore's ``bedrock-agentcore`` 2024-02-28 service model, which has no WebSockets: those two are documented, and
named as the permissions for them are. ``requests`` builds what a client sends.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore_mcp.wire.headers import COMMAND_TRACE, MCP, SESSION, TRACE, TYPES, USER, Member


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation.

    Attributes:
        path: Below ``/runtimes/{runtime}/``.
        members: Those that travel in headers.
        by_id: Whether a runtime can be named by its id and account, and not only by its ARN.
    """

    name: str
    method: str
    path: str
    members: tuple[Member, ...] = (SESSION,)
    by_id: bool = False


INVOKE = Operation("InvokeAgentRuntime", "POST", "invocations", (SESSION, *TYPES, *MCP, USER, *TRACE), by_id=True)
COMMAND = Operation("InvokeAgentRuntimeCommand", "POST", "commands", (SESSION, *TYPES, *COMMAND_TRACE), by_id=True)
STOP = Operation("StopRuntimeSession", "POST", "stopruntimesession")
CARD = Operation("GetAgentCard", "GET", "invocations/.well-known/agent-card.json")
SOCKET = Operation("InvokeAgentRuntimeWithWebSocketStream", "GET", "ws")
SHELL = Operation("InvokeAgentRuntimeCommandShell", "GET", "ws/shells")
# Open to everyone, so there is no permission for it.
METADATA = Operation("ProtectedResourceMetadata", "GET", "invocations/.well-known/oauth-protected-resource", ())
