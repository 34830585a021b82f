"""``agentcore-mcp serve``: the server on streamable HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agentcore_mcp.cli.options import AgentOptions, agent_options, run_server

if TYPE_CHECKING:
    from agentcore_mcp.server.assembly import AgentCoreServer


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Host name that clients use, as in their Host header; repeatable. Needed where --host is not loopback.",
)
@agent_options
def serve(host: str, port: int, allowed_hosts: tuple[str, ...], agent: AgentOptions) -> None:
    """Serve MCP over streamable HTTP at /mcp.

    It does not authenticate its callers, and each of them can use the agent: keep it on loopback, or put an
    authenticating proxy in front.
    """

    async def serve_there(server: AgentCoreServer) -> None:
        from agentcore_mcp.server.transports.http import serve_http

        await serve_http(server, host=host, port=port, allowed_hosts=allowed_hosts, announce=_announce)

    run_server(agent, serve_there)


def _announce(url: str) -> None:
    click.echo(f"agentcore-mcp: serving MCP at {url}", err=True)
