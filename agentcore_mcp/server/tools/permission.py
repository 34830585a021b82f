"""Whether the policy of an agent lets a command run, or a text be typed into one; ``confirmation`` asks the user."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.shells.marks import is_key

if TYPE_CHECKING:
    from agentcore_mcp.config import Agent


# Control characters besides line ends: a terminal or a program edits with them what was typed before.
_EDITING = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")
# Keys that end or suspend the running program. Others may confirm its question, as Enter does, or recall a line.
_ENDING = frozenset({"^C", "^D", "^Z", "^\\"})


def is_asked_about(text: str) -> bool:
    """Tell whether the user is asked before a text or a key is typed, under a policy that asks about commands."""
    return bool(text) and text.upper() not in _ENDING


def check_input(text: str, shell: str, agent: Agent) -> None:
    """Check input against the agent's policy, each line as a command, since a shell may be reading it.

    Raises:
        InvalidRequestError: If it may not be typed.
    """
    if not text:
        return
    if not shell:
        raise InvalidRequestError("input is for a command in a shell: pass the shell and session_id that it runs in")
    if (agent.commands.allow or agent.commands.deny) and _EDITING.search(text):
        raise InvalidRequestError(
            "input may have no control characters but line ends here, because what they make of it can't be compared "
            f"with {agent.settings('commands')}; keys such as ^C are typed one by one"
        )
    for line in [""] if is_key(text) else re.split(r"[\r\n]", text):
        permitted(line.strip(), agent)


def permitted(command: str, agent: Agent) -> str:
    """Check a command against the agent's policy, without asking the user; return it as it is sent.

    Raises:
        InvalidRequestError: If it may not be run.
    """
    policy = agent.commands
    if policy.mode == "off":
        raise InvalidRequestError(f"commands are switched off for the agent {agent.name}; ask the agent itself instead")
    if not command.strip():
        return command
    if why := policy.refusal(command):
        place = agent.settings("commands")
        raise InvalidRequestError(
            f"this command is not allowed: {why}; run another one, or ask the user to change {place}"
        )
    return policy.wrapped(command)
