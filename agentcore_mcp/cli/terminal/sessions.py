"""``agentcore-mcp stop`` and ``agents``: ending sessions, and which agents there are."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import anyio
import click

from agentcore_mcp.cli.options import AgentOptions, agent_options, settings_for
from agentcore_mcp.cli.terminal.opened import Opened, OpenedSessions
from agentcore_mcp.errors import AgentCoreError, ConfigurationError

if TYPE_CHECKING:
    from agentcore_mcp.config import Settings


@click.command()
@click.argument("session", required=False, default="")
@click.option("--agent", "which", default="", metavar="NAME", help="Which agent, where there are several.")
@click.option("--all", "every", is_flag=True, help="All sessions that were opened from this machine's terminals.")
@agent_options
def stop(session: str, which: str, *, every: bool, agent: AgentOptions) -> None:
    """Stop a session, by its id or the short name that it was given: what runs in it ends, and its memory is gone."""
    if bool(session) == every:
        raise click.UsageError("name a session, or pass --all")
    with settings_for(agent) as settings:
        failed = anyio.run(_stop, settings, which, None if every else session)
    sys.exit(1 if failed else 0)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@agent_options
def agents(*, as_json: bool, agent: AgentOptions) -> None:
    """List the agents that are configured, and those that discovery finds."""
    with settings_for(agent) as settings:
        rows = anyio.run(_agents, settings)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("agent", "what it is for", "commands", "runtime", box=box.SIMPLE)
    for row in rows:
        table.add_row(*(row[name] for name in ("name", "description", "commands", "arn")))
    Console().print(table)


async def stop_one(settings: Settings, which: str, session: str) -> int:
    """Stop a session, and say so; return 1 if that failed."""
    return await _stop(settings, which, session)


async def _stop(settings: Settings, which: str, session: str | None) -> int:
    from agentcore_mcp.runtime.retries import DEFAULT_RETRIES
    from agentcore_mcp.server.agents import Agents
    from agentcore_mcp.server.sessions import SessionNames

    agents, opened = Agents(settings, DEFAULT_RETRIES, None), OpenedSessions()
    known = opened.all()
    failures = 0
    try:
        if session is not None:
            of = [one for one in known if session in (one.session_id, one.called) and which in ("", one.agent)]
            target = await agents.named(which or (of[-1].agent if of else ""))
            session_id = SessionNames().resolve(session, target.agent.arn, may_be_new=False)
            known = [Opened(str(target.agent.arn), session_id, target.agent.name, session, "", 0, 0)]
        configured = {str(target.agent.arn): target for target in await agents.all()}
        for one in reversed(known):
            try:
                if (of_runtime := configured.get(one.arn)) is None:
                    raise ConfigurationError(f"its runtime {one.arn} is not configured here")
                stopped = await agents.client_of(of_runtime).stop_session(
                    of_runtime.agent.arn,
                    session_id=one.session_id,
                    qualifier=of_runtime.agent.qualifier,
                    headers=of_runtime.stop_headers,
                )
            except AgentCoreError as error:
                failures += 1
                click.echo(f"session {one.called} was not stopped: {error.message}", err=True)
                continue
            opened.forget(one.arn, one.session_id)
            click.echo(f"session {one.called} {'was gone already' if stopped.already_gone else 'is stopped'}")
        if not known:
            click.echo("no session is open that was opened here")
    finally:
        await agents.aclose()
    return failures


async def _agents(settings: Settings) -> list[dict[str, str]]:
    from agentcore_mcp.runtime.retries import DEFAULT_RETRIES
    from agentcore_mcp.server.agents import Agents

    agents = Agents(settings, DEFAULT_RETRIES, None)
    try:
        return [
            {
                "name": target.agent.name,
                "description": target.agent.description,
                "commands": target.agent.commands.mode,
                "arn": str(target.agent.arn),
            }
            for target in await agents.all()
        ]
    finally:
        await agents.aclose()
