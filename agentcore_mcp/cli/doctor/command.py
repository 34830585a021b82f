"""``agentcore-mcp doctor``: the command."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
import click

from agentcore_mcp.cli.doctor.findings import Report
from agentcore_mcp.cli.doctor.hosts import look_at_hosts
from agentcore_mcp.cli.options import AgentOptions, agent_options, settings_for
from agentcore_mcp.config import Settings  # noqa: TC001 - click calls it
from agentcore_mcp.errors import ConfigurationError


@click.command()
@click.option("--invoke/--no-invoke", default=None, help="Really ask each agent, which costs; asked on a terminal.")
@click.option("--command/--no-command", default=None, help="Really run `true` in a session; asked on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@agent_options
def doctor(*, invoke: bool | None, command: bool | None, as_json: bool, agent: AgentOptions) -> None:
    """Check what calls of the agents need, and say what to do where something is missing.

    Looks at the configuration, the network, the runtime's authentication, credentials and permissions; at a hosted
    server, where server.public_url is set; and at what MCP hosts on this machine are told. Runs nothing, unless asked.
    """
    report = Report(as_json=as_json)
    try:
        with settings_for(agent) as settings:
            names = ", ".join(settings.names) or "those that discover finds"
            report.add("configuration", "agents", "ok", names)
            anyio.run(_look, settings, report, invoke, command)
            with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
                anyio.run(look_at_hosts, report, nowhere)
    except ConfigurationError as error:
        report.add("configuration", "settings", "failed", error.message, "agentcore-mcp init writes a file")
    report.finish()
    sys.exit(1 if report.failed else 0)


async def _look(settings: Settings, report: Report, invoke: bool | None, command: bool | None) -> None:
    from agentcore_mcp.cli.doctor.hosted import look_at_server
    from agentcore_mcp.cli.doctor.runtimes import Examination, asked
    from agentcore_mcp.runtime.retries import DEFAULT_RETRIES
    from agentcore_mcp.server.agents import Agents

    agents = Agents(settings, DEFAULT_RETRIES, None)
    try:
        targets = agents.known_so_far()
        with report.failing("configuration", "discover"):
            targets = await agents.all()
        for target in targets:
            name = target.agent.name
            await Examination(target, agents, settings, report).run(
                invoke=asked(f"Ask {name}? It runs the agent, which costs.", invoke),
                command=asked(f"Run `true` in a session of {name}?", command),
            )
    finally:
        await agents.aclose()
    if settings.server.public_url is not None:
        await look_at_server(settings, report)
