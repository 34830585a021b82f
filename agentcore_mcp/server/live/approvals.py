"""Approvals that a person gives in the live view, in hosts that can't ask by elicitation.

A token approves a command. Only the page gets it, as a result's ``_meta`` is not shown to models. The token contains
the command itself, is sealed with the server's key, and is valid for one principal, once, and for ten minutes.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from mcp.server.request_state import InvalidRequestState

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.characters import visible

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from agentcore_mcp.server.tools.requests import ToolRequest

# As long as the SDK's own questions are valid.
_VALID_S = 600
META = "agentcore-mcp/approval"
# Payloads that the same key seals for the SDK are objects, not lists that begin like this.
_PURPOSE = "approval"


def with_question(request: ToolRequest, result: CallToolResult, arguments: dict[str, Any]) -> CallToolResult:
    """Return the result of a command that has not run, with the data for the page to ask its user.

    Args:
        request: The request for the command.
        result: The result.
        arguments: The arguments to call ``run_command`` with if the user approves.
    """
    caller = request.caller
    state = [_PURPOSE, caller.principal.key, time.time() + _VALID_S, arguments]
    shown = "\n".join(map(visible, str(arguments["command"] or arguments["input"]).split("\n")))
    answer = {"approval": request.state.confirmations.seal(json.dumps(state).encode())}
    if caller.settings.discovery is not None or len(caller.settings.agents) > 1:
        answer["agent"] = arguments["agent"]
    into = f"typed into the shell {arguments['shell']} of" if arguments["input"] else "run in"
    asks = f"May this be {into} a session of {arguments['agent']}?"
    result.meta = {META: {"arguments": answer, "question": asks, "command": shown}}
    return result


async def approved(request: ToolRequest, token: str) -> dict[str, Any]:
    """Return the arguments that a token approves, and invalidate the token.

    Raises:
        InvalidRequestError: If it is not the caller's, has expired, or was used before.
    """
    try:
        state = json.loads(await request.state.confirmations.unseal_once(token))
    except InvalidRequestState:
        state = None
    match state:
        case [str(purpose), str(owner), float(until), dict(arguments)] if purpose == _PURPOSE:
            if owner == request.caller.principal.key and until > time.time():
                return arguments
    raise InvalidRequestError("this approval is not valid, was used, or is too old; nothing was run")
