"""Checks of the entries that MCP hosts on this machine have for the server, and whether it starts from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

import anyio

from agentcore_mcp.cli.hosts.files import document
from agentcore_mcp.cli.hosts.table import HOSTS, Server

if TYPE_CHECKING:
    from agentcore_mcp.cli.doctor.findings import Report

# Hosts give up after 3 s or more.
_START_LIMIT_S = 20.0


async def look_at_hosts(report: Report, nowhere: TextIO) -> None:
    """Start the server as each host's file says, with its standard error redirected to ``nowhere``."""
    for host in HOSTS.values():
        report.about = host.title
        for scope in host.files:
            path = host.path(scope, Server("agentcore"))
            with report.failing(str(path)):
                servers = document(path).get(host.keys) if path.is_file() else None
                for name, entry in (servers if isinstance(servers, dict) else {}).items():
                    # With `uvx agentcore-mcp`, the name is an argument.
                    if isinstance(entry, dict) and "agentcore-mcp" in f"{entry.get('command')} {entry.get('args')}":
                        await _start(report, f"{name} in {path}", entry, nowhere)


async def _start(report: Report, what: str, entry: dict[str, Any], nowhere: TextIO) -> None:
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    command = entry["command"]
    command, *args = command if isinstance(command, list) else [command, *entry.get("args", [])]
    env = entry.get("env", entry.get("environment", {}))
    if any("${" in str(value) or "{env:" in str(value) for value in env.values()):
        report.add(what, "skipped", "its variables come from the host's own environment")
        return
    server = StdioServerParameters(command=command, args=args, env={name: str(value) for name, value in env.items()})
    try:
        with anyio.fail_after(_START_LIMIT_S):
            async with Client(stdio_client(server, errlog=nowhere)) as client:
                tools = (await client.list_tools()).tools
    except (Exception, ExceptionGroup) as error:  # noqa: BLE001 - whatever keeps it from starting
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        why = str(error) or type(error).__name__
        report.add(what, "failed", why, f"run it yourself to see what it says: {' '.join([command, *args])}")
        return
    report.add(what, "ok", f"starts, with {', '.join(tool.name for tool in tools)}")
