"""What ``run_command`` may do, and whether the user is asked first. A command has the power of the runtime's role."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Elicit
from pydantic import BaseModel, Field

from agentcore_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from agentcore_mcp.config import Agent, CommandPolicy


class Confirmation(BaseModel):
    """What the user is asked."""

    run: Annotated[bool, Field(title="Run it", description="Whether this command may be run.")] = True


def permitted(command: str, agent: Agent) -> None:
    """Check a command against the agent's policy, all but asking.

    Raises:
        InvalidRequestError: If it may not be run.
    """
    policy = agent.commands
    if policy.mode == "off":
        raise InvalidRequestError(f"commands are switched off for the agent {agent.name}; ask the agent itself instead")
    if command.strip() and (why := policy.refusal(command)):
        place = agent.settings("commands")
        raise InvalidRequestError(
            f"this command is not allowed: {why}; run another one, or ask the user to change {place}"
        )


def wrapped(command: str, policy: CommandPolicy) -> str:
    """Return a command as it is sent: in a shell and a folder, if the policy says so. An empty one stays empty."""
    if not command.strip():
        return command
    if policy.working_directory is not None:
        command = f"cd {shlex.quote(policy.working_directory)} && {{ {command}\n}}"
    if policy.shell or policy.working_directory is not None:
        return f"/bin/bash {'-lc' if policy.shell else '-c'} {shlex.quote(command)}"
    return command


def question(
    command: str, agent: Agent, session_id: str, context: Context[Any, Any]
) -> Confirmation | Elicit[Confirmation]:
    """Return what to ask the user before a command is run, or the answer where nobody is asked.

    Raises:
        InvalidRequestError: If the user has to be asked, and the host can't.
    """
    policy = agent.commands
    if policy.mode != "ask":
        return Confirmation()
    capabilities = context.client_capabilities
    # A host that sends no capabilities, as on stateless HTTP before 2026-07-28, is one that can't ask.
    if capabilities is not None and capabilities.elicitation is not None:
        where = f"session {session_id}" if session_id else "a new session"
        return Elicit(f"Run this command in {where} of {agent.name}?\n\n{command}", Confirmation)
    if policy.without_elicitation == "allow":
        return Confirmation()
    raise InvalidRequestError(
        "commands have to be confirmed by the user, and this host can't ask; the user may set "
        f"{agent.settings('commands.without_elicitation')} to allow"
    )


def confirmed(answer: ElicitationResult[Confirmation]) -> None:
    """Check the user's answer.

    Raises:
        InvalidRequestError: If it isn't yes.
    """
    if not isinstance(answer, AcceptedElicitation) or not answer.data.run:
        raise InvalidRequestError("the user did not allow this command, so it was not run; ask what to do instead")
