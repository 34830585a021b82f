"""Approvals that a person gives in the live view, in hosts that can't ask by elicitation.

What approves a command is a token that only the page gets: a result's ``_meta`` is not shown to models. It has the
command itself in it, is sealed by the server's key, and is good for one principal, once, and for ten minutes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mcp.server.request_state import InvalidRequestState
from pydantic import BaseModel, ValidationError

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.characters import visible

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.tools.confirmation import OneTimeCodec

# As long as the SDK's own questions.
_VALID_S = 600
META = "agentcore-mcp/approval"
# No state that the same key seals for the SDK begins like this.
_PURPOSE = b"approval of a command\0"


class _Approval(BaseModel, extra="forbid"):
    principal: str
    until: float
    arguments: dict[str, Any]


def with_question(
    result: CallToolResult, codec: OneTimeCodec, caller: Caller, arguments: dict[str, Any]
) -> CallToolResult:
    """Return a result with what the page needs to ask its user: the command, and what approves it.

    Args:
        result: The result, which says that the command has not run.
        codec: Seals the token.
        caller: Who called.
        arguments: Of ``run_command``, to be called with if the user approves.
    """
    approval = _Approval(principal=caller.principal.key, until=time.time() + _VALID_S, arguments=arguments)
    token = codec.seal(_PURPOSE + approval.model_dump_json().encode())
    shown = "\n".join(map(visible, str(arguments["command"] or arguments["input"]).split("\n")))
    only = caller.settings.discovery is None and len(caller.settings.agents) == 1
    answer = {"approval": token} | ({} if only else {"agent": arguments["agent"]})
    result.meta = {META: {"arguments": answer, "command": shown, "agent": arguments["agent"]}}
    return result


async def approved(codec: OneTimeCodec, caller: Caller, token: str) -> dict[str, Any]:
    """Return the arguments that a token is for, and let it be good for nothing more.

    Raises:
        InvalidRequestError: If it is not one of the caller's, too old, or used.
    """
    try:
        payload = await codec.unseal_once(token)
        approval = _Approval.model_validate_json(payload.removeprefix(_PURPOSE))
    except (InvalidRequestState, ValidationError) as error:
        raise InvalidRequestError("this approval is not valid, or was used; nothing was run") from error
    mine = payload.startswith(_PURPOSE) and approval.principal == caller.principal.key
    if not mine or approval.until < time.time():
        raise InvalidRequestError("this approval is not valid any more; nothing was run. Have the command asked again")
    return approval.arguments
