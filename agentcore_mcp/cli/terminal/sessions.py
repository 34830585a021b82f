"""``agentcore-mcp stop`` and ``agents``: stopping sessions opened from this machine, and listing the agents."""

from __future__ import annotations

import json
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
import click

from agentcore_mcp.cli.options import AgentOptions, agent_options, settings_for
from agentcore_mcp.cli.terminal.naming import agent_option, sessions_named
from agentcore_mcp.cli.terminal.opened import Opened, OpenedSessions
from agentcore_mcp.errors import AgentCoreError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentcore_mcp.config import Settings


@click.command()
@click.argument("session", required=False, default="", shell_complete=sessions_named)
@agent_option
@click.option("--all", "every", is_flag=True, help="All sessions that were opened from this machine's terminals.")
@agent_options
def stop(session: str, which: str, *, every: bool, agent: AgentOptions) -> None:
    """Stop a session, by its id or the short name that it was given.

    What runs in it ends, and its memory and own disk are gone; files in storage that its runtime mounts (session
    storage, EFS, S3) may remain.
    """
    if bool(session) == every:
        raise click.UsageError("name a session, or pass --all")
    with settings_for(agent) as settings:
        outcomes = anyio.run(stop_here, settings, [session] if session else [], [which] if which else [])
    sys.exit(any("error" in outcome for outcome in outcomes))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@agent_options
def agents(*, as_json: bool, agent: AgentOptions) -> None:
    """List the agents that are configured, and those that discovery finds."""
    with settings_for(agent, quiet=True) as settings:
        rows = anyio.run(_agents, settings)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("agent", "what it is for", "commands", box=box.SIMPLE)
    table.add_column("runtime", overflow="fold")
    for row in rows:
        table.add_row(*(row[name] for name in ("name", "description", "commands", "arn")))
    # In a pipe an agent is one line, however long.
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)


async def stop_here(
    settings: Settings, names: Sequence[str], which: Sequence[str] = (), *, quiet: bool = False
) -> list[dict[str, str]]:
    """Stop sessions opened from this machine's terminals, and print each one's result.

    Args:
        settings: The settings with their agents.
        names: Their ids or short names, remembered or not; if empty, all remembered sessions.
        which: The agents to limit them to; if empty, any.
        quiet: Print nothing.

    Returns:
        For each ``session_id``, ``status`` ("stopped", "already_gone" or "error") and in the last case ``error``.
    """
    from agentcore_mcp.server.agents import Agents
    from agentcore_mcp.server.sessions import SessionNames

    opened, outcomes = OpenedSessions(), []
    sessions = [] if names else opened.all(agents=which)[::-1]
    async with aclosing(Agents(settings)) as agents:
        for name in names:
            if not (remembered := opened.all([name], which)[-1:]):
                agent = (await agents.named(which[0] if which else "")).agent
                session_id = SessionNames().resolve(name, agent.arn, may_be_new=False)
                remembered = [Opened(str(agent.arn), session_id, agent.name, name, "", 0, 0)]
            sessions += remembered
        configured = {str(target.agent.arn): target for target in await agents.all()}
        for session in sessions:
            outcome = {"session_id": session.session_id, "status": "stopped"}
            said = "is stopped"
            try:
                if (target := configured.get(session.arn)) is None:
                    raise ConfigurationError(f"its runtime {session.arn} is not configured here")
                stopped = await agents.client_of(target).stop_session(
                    target.agent.arn,
                    session_id=session.session_id,
                    qualifier=target.agent.qualifier,
                    headers=target.stop_headers,
                )
            except AgentCoreError as error:
                outcome |= {"status": "error", "error": error.message}
                said = f"was not stopped: {error.message}"
            else:
                opened.forget(session.arn, session.session_id)
                if stopped.already_gone:
                    outcome["status"] = "already_gone"
                    said = "was gone already; `agentcore-mcp sessions` lists those that were opened here"
            outcomes.append(outcome)
            if not quiet:
                click.echo(f"session {session.called} {said}", err="error" in outcome)
    if not outcomes and not quiet:
        click.echo("no session is open that was opened here")
    return outcomes


async def _agents(settings: Settings) -> list[dict[str, str]]:
    from agentcore_mcp.server.agents import Agents

    async with aclosing(Agents(settings)) as agents:
        return [
            {
                "name": target.agent.name,
                "description": target.agent.description,
                "commands": target.agent.commands.mode,
                "arn": str(target.agent.arn),
            }
            for target in await agents.all()
        ]
