"""Approvals that a person gives in the live view, in hosts that can't ask by elicitation.

What approves a command is a token that only the page gets: a result's ``_meta`` is not shown to models. It has the
command itself in it, is sealed by the server's key, and is good for one principal, once, and for ten minutes.
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

# As long as the SDK's own questions.
_VALID_S = 600
META = "agentcore-mcp/approval"
# What the same key seals for the SDK is an object, not a list that begins like this.
_PURPOSE = "approval"


def with_question(request: ToolRequest, result: CallToolResult, arguments: dict[str, Any]) -> CallToolResult:
    """Return the result of a command that has not run, with what the page needs to ask its user.

    Args:
        request: The request for the command.
        result: The result.
        arguments: Of ``run_command``, to be called with if the user approves.
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
    """Return the arguments that a token is for, and let it be good for nothing more.

    Raises:
        InvalidRequestError: If it is not one of the caller's, too old, or used.
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
