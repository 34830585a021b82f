"""``agentcore-mcp doctor``: the command."""

from __future__ import annotations

import os
import sys
from contextlib import aclosing
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
    report.about = "configuration"
    try:
        with settings_for(agent) as settings:
            report.add("agents", "ok", ", ".join(settings.names) or "those that discover finds")
            anyio.run(_look, settings, report, invoke, command)
    except ConfigurationError as error:
        step = "agentcore-mcp init writes a file" if error.message.startswith("no agent is configured") else ""
        report.add("settings", "failed", error.message, step)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        anyio.run(look_at_hosts, report, nowhere)
    sys.exit(0 if report.finish() else 1)


async def _look(settings: Settings, report: Report, invoke: bool | None, command: bool | None) -> None:
    from agentcore_mcp.cli.doctor.hosted import look_at_server
    from agentcore_mcp.cli.doctor.runtimes import Examination, asked
    from agentcore_mcp.server.agents import Agents

    async with aclosing(Agents(settings)) as agents:
        with report.failing("discover"):
            await agents.all()
        for target in agents.known_so_far():
            report.about = target.agent.name
            await Examination(target, agents, settings, report).run(
                invoke=asked(f"Ask {report.about}? It runs the agent, which costs.", invoke),
                command=asked(f"Run `true` in a session of {report.about}?", command),
            )
    if settings.server.public_url is not None:
        report.about = "hosted server"
        await look_at_server(settings, report)
