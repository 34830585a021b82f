"""The operations on a runtime: their names, paths and the headers that are members of their inputs.

As in botocore's ``bedrock-agentcore`` 2024-02-28 service model, which has no WebSockets: those two are from the
documentation, named after their permissions. ``requests`` builds a client's requests.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore_mcp.wire.headers import COMMAND_TRACE, HARNESS_SESSION, MCP, SESSION, TRACE, TYPES, USER, Member


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation.

    Attributes:
        path: Below ``/runtimes/{runtime}/``, or all of it if the ARN is in the query.
        members: The members of the input that are sent as headers.
        by_id: Whether a runtime can also be named by its id and account, instead of its ARN.
        needs_session: Whether a session id is required.
        arn_parameter: The query parameter for the ARN, if it is not in the path.
    """

    name: str
    method: str
    path: str
    members: tuple[Member, ...] = (SESSION,)
    by_id: bool = False
    needs_session: bool = False
    arn_parameter: str = ""


INVOKE = Operation("InvokeAgentRuntime", "POST", "invocations", (SESSION, *TYPES, *MCP, USER, *TRACE), by_id=True)
COMMAND = Operation("InvokeAgentRuntimeCommand", "POST", "commands", (SESSION, *TYPES, *COMMAND_TRACE), by_id=True)
STOP = Operation("StopRuntimeSession", "POST", "stopruntimesession", needs_session=True)
# The model has no limits for the user id here; these are from another operation.
HARNESS = Operation(
    "InvokeHarness",
    "POST",
    "harnesses/invoke",
    (HARNESS_SESSION, USER, *COMMAND_TRACE),
    needs_session=True,
    arn_parameter="harnessArn",
)
CARD = Operation("GetAgentCard", "GET", "invocations/.well-known/agent-card.json")
SOCKET = Operation("InvokeAgentRuntimeWithWebSocketStream", "GET", "ws")
SHELL = Operation("InvokeAgentRuntimeCommandShell", "GET", "ws/shells")
# The permission for requests to a session's endpoint; with any method and path, so it is no operation of the model.
PROXY = Operation("InvokeAgentRuntimeProxy", "", "", ())
# Of the control plane, as botocore's ``bedrock-agentcore-control`` 2023-06-05 service model has them.
LIST = Operation("ListAgentRuntimes", "POST", "", ())
DESCRIBE = Operation("GetAgentRuntime", "GET", "", ())
# Open to everyone, so there is no permission for it.
METADATA = Operation("ProtectedResourceMetadata", "GET", "invocations/.well-known/oauth-protected-resource", ())
