"""The tool ``decide_command``: the user's answer in the live view to whether a command may be run."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it
from pydantic import Field

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.live.approvals import approved
from agentcore_mcp.server.live.page import FOR_PAGE
from agentcore_mcp.server.state import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.tools.handoff import DENIED
from agentcore_mcp.server.tools.publishing import publish
from agentcore_mcp.server.tools.requests import answering
from agentcore_mcp.server.tools.run_command import RunCommandResult, check, proceed

DESCRIPTION = "Run or refuse a command that the user was asked about in the live view. Only the view has the approval."


async def decide_command(
    ctx: ToolContext,
    approval: Annotated[str, Field(description="What the view was given.")],
    run: Annotated[bool, Field(description="Whether it may be run.")],
    agent: str = "",
) -> Annotated[CallToolResult, RunCommandResult]:
    """Begin the command that an approval is for, or let it be."""
    with answering(ctx) as request:
        arguments = await approved(request, approval)
        # The agent's scopes were checked by this name.
        if (await request.caller.target(agent, "")).agent.name != arguments["agent"]:
            raise InvalidRequestError(f"the approval is for a command of {arguments['agent']}, not of {agent}")
        if not run:
            return RunCommandResult.not_run(str(arguments["session_id"]), DENIED, "the user did not allow it").shown()
        return await proceed(request, await check(ctx, **arguments), str(arguments["input"]))


TOOL = partial(publish, decide_command, "Answer for a command", DESCRIPTION, meta=FOR_PAGE)
