"""The options that select a command's agent and session, and their shell completion."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from agentcore_mcp.cli.options import AgentOptions, agent_options, load_settings
from agentcore_mcp.cli.terminal.opened import OpenedSessions
from agentcore_mcp.errors import AgentCoreError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Where:
    """The values of ``session_options``."""

    agent: AgentOptions
    which: str
    session: str
    go_on: bool
    as_json: bool


def sessions_named(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a session opened from this machine, most recent first."""
    with suppress(AgentCoreError):
        return [one.called for one in reversed(OpenedSessions().all()) if one.called.startswith(incomplete)]
    return []


def agents_named(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a configured agent."""
    with suppress(AgentCoreError):
        names = load_settings(AgentOptions(config=context.params.get("config"))).settings.names
        return [name for name in names if name.startswith(incomplete)]
    return []


agent_option = click.option(
    "--agent",
    "which",
    default="",
    metavar="NAME",
    shell_complete=agents_named,
    help="Which agent, where there are several.",
)


def session_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name an agent and a session; the callback gets them as ``where``."""

    @agent_option
    @click.option(
        "--session",
        default="",
        metavar="NAME",
        shell_complete=sessions_named,
        help="A session: a short name of your own, or an id.",
    )
    @click.option("--continue", "go_on", is_flag=True, help="Go on in the last session of the agent.")
    @click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines.")
    @agent_options
    @wraps(command)
    def with_session(*args: Any, **options: Any) -> None:
        ours = {name: options.pop(name) for name in Where.__slots__}
        command(*args, where=Where(**ours), **options)

    return with_session
