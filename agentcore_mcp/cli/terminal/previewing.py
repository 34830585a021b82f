"""``agentcore-mcp preview``: opens the servers in an agent's session to a browser on this machine."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

import click

from agentcore_mcp.cli.options import AgentOptions, agent_options, settings_for
from agentcore_mcp.cli.terminal.calls import warn_once
from agentcore_mcp.cli.terminal.naming import agent_option, sessions_named
from agentcore_mcp.cli.terminal.opened import OpenedSessions
from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.wire.characters import visible

if TYPE_CHECKING:
    import socket

    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.agents import Agents, Target

_HOST = "127.0.0.1"
_STEPS = {
    401: "the credentials were not accepted; agentcore-mcp doctor says whose they are and until when",
    403: "either the runtime doesn't allow that port (--to names another), or these credentials lack the permission "
    "bedrock-agentcore:InvokeAgentRuntimeProxy, or the session has ended",
    404: "the session has ended, and so has what it served; ask the agent again in it, and start this preview anew",
    424: "nothing answers in the session; have a server started there, on address 0.0.0.0 and on a port that the "
    "runtime allows (--to names it)",
}


@click.command()
@click.argument("session", required=False, default="", shell_complete=sessions_named)
@agent_option
@click.option("--port", default=0, show_default="a free one", type=click.IntRange(0, 65535), help="Port on 127.0.0.1.")
@click.option(
    "--to",
    "to_port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Which port of the session; without it, the service's choice.",
)
@agent_options
def preview(session: str, which: str, port: int, to_port: int | None, agent: AgentOptions) -> None:
    """Show in a browser what an agent serves in its session, if its runtime has allowed ports.

    SESSION is a short name or an id, by default the agent's last session; or the endpoint_url of a result of
    invoke_agent. Each request is passed on with this command's credentials, until Ctrl-C.
    """
    import anyio

    from agentcore_mcp.server.transports.listening import bind

    with settings_for(agent) as settings, bind(_HOST, port) as listening:
        anyio.run(_preview, settings, session, which, to_port, listening)


async def _preview(settings: Settings, session: str, which: str, to_port: int | None, listening: socket.socket) -> None:
    import uvicorn

    from agentcore_mcp.cli.terminal.browser import Preview
    from agentcore_mcp.runtime.session_endpoint import SessionEndpoint
    from agentcore_mcp.server.agents import Agents
    from agentcore_mcp.server.credentials import trusted_certificates

    def explain(status: int, said: str) -> str:
        said = visible(said)
        text = f"AgentCore answered {status} ({said}): {_STEPS[status]}" if status in _STEPS else said
        warn_once(text)
        return text

    async with aclosing(Agents(settings)) as agents:
        target, url = await _found(agents, session, which)
        endpoint = SessionEndpoint(
            url,
            target.auth,
            target.agent.arn,
            tls=partial(trusted_certificates, settings.ca_bundle),
            endpoint_url=target.endpoint_url,
            port=to_port,
        )
        async with aclosing(endpoint):
            config = uvicorn.Config(
                Preview(endpoint, explain),
                lifespan="off",
                http="h11",
                ws="websockets-sansio",
                # A busy page answers pings late, but is still connected.
                ws_ping_interval=None,
                log_config=None,
                log_level="critical",
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=1,
            )
            click.echo(f"http://{_HOST}:{listening.getsockname()[1]}/")
            await uvicorn.Server(config).serve(sockets=[listening])


async def _found(agents: Agents, session: str, which: str) -> tuple[Target, str]:
    """Return the agent of a session, and its endpoint's URL.

    Raises:
        ConfigurationError: If the endpoint is not known.
    """
    if "://" in session:
        return await agents.named(which), session
    known = {str(target.agent.arn): target for target in await agents.all() if which in ("", target.agent.name)}
    ours = [one for one in OpenedSessions().all([session] if session else []) if one.arn in known]
    if not ours:
        raise ConfigurationError(f"no session {session!r} is open that was opened here; ask the agent in it first")
    last = ours[-1]
    if not last.endpoint_url:
        raise ConfigurationError(
            f"session {last.called} has no endpoint: AgentCore names one in an answer to invoke, where the runtime has "
            "allowedPorts (agentcore-mcp local --allowed-port)"
        )
    return known[last.arn], last.endpoint_url
