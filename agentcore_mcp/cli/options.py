"""The options that select a server's agents, shared by the stdio server and ``serve``."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.wire.ids import RuntimeArn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from agentcore_mcp.config import Settings
    from agentcore_mcp.config.loading import Loaded
    from agentcore_mcp.local.sandbox.targets import Protocol
    from agentcore_mcp.server.assembly import AgentCoreServer

# As ``local.sandbox.targets`` has them, which takes time to import.
PROTOCOLS = click.Choice(["http", "a2a", "agui", "mcp", "harness"])
# How long the process may take to end after its server, which has 1.2 s; hosts kill it after 2.
_LEAVE_S = 0.6


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """The agent options of a command line; None for a flag that was not given."""

    local: bool = False
    protocol: Protocol | None = None
    config: str | None = None
    runtime_arn: str | None = None
    qualifier: str | None = None
    bearer_token: str | None = field(default=None, repr=False)
    endpoint_url: str | None = None
    read_only: bool = False
    agents: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    handoff_after_s: int | None = None


def agent_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a click command, whose callback gets them as ``agent``."""

    @click.option("--local", is_flag=True, help="Use the bundled sample agent on this machine; needs no account.")
    @click.option("--protocol", type=PROTOCOLS, help="What the sample agent of --local speaks (default: http).")
    @click.option("--config", metavar="FILE", help="Configuration file that names one agent or several (TOML).")
    @click.option("--runtime-arn", metavar="ARN", help="The agent runtime to expose.")
    @click.option("--qualifier", metavar="NAME", help="Endpoint of the runtime (default: the service's DEFAULT).")
    @click.option(
        "--bearer-token",
        metavar="TOKEN",
        help="OAuth access token. Others on this machine can read a command line; prefer the variable.",
    )
    @click.option("--endpoint-url", metavar="URL", help="Where to send requests instead of AWS: https or loopback.")
    @click.option("--read-only", is_flag=True, help="Run no commands and stop no sessions.")
    @click.option("--agents", metavar="NAME,…", callback=_names, help="Only these of the agents.")
    @click.option("--tools", metavar="NAME,…", callback=_names, help="Only these of the tools.")
    @click.option(
        "--handoff-after",
        "handoff_after_s",
        metavar="SECONDS",
        type=click.IntRange(1),
        help="After how long a call returns a partial result and a handle for the rest. 50 for Claude Desktop.",
    )
    @wraps(command)
    def with_agent(*args: Any, **options: Any) -> None:
        ours = {name: options.pop(name) for name in AgentOptions.__slots__}
        command(*args, agent=AgentOptions(**ours), **options)

    return with_agent


def _names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(name.strip() for name in value.split(",") if name.strip())


def load_settings(options: AgentOptions) -> Loaded:
    """Return the settings in effect, without ``--local``, and where they are from.

    Raises:
        ConfigurationError: If no agent is configured, or a setting can't work.
    """
    # Imported here, because `agentcore-mcp local` needs none of these.
    from agentcore_mcp.config import drop_unset
    from agentcore_mcp.config.loading import load
    from agentcore_mcp.server.agents import Agents

    if options.protocol:
        raise ConfigurationError("--protocol goes with --local; for another agent, set the key protocol in a file")
    drop_unset(os.environ)
    given = {name: getattr(options, name) for name in AgentOptions.__slots__ if name not in ("local", "protocol")}
    loaded = load(os.environ, **given)
    # The server does the same; here, so that bad settings are reported before the slow imports, and by `config show`.
    Agents(loaded.settings)
    return loaded


def run_server(options: AgentOptions, serve: Callable[[AgentCoreServer], Awaitable[None]]) -> None:
    """Make the server and serve with it; raises as ``settings_for``."""
    # Loaded modules are no garbage. Garbage collection would take a tenth of the startup that a host waits for, and
    # most of the shutdown.
    gc.disable()
    try:
        with settings_for(options) as settings:
            run_server_with(settings, serve)
    finally:
        gc.enable()


def run_server_with(settings: Settings, serve: Callable[[AgentCoreServer], Awaitable[None]]) -> None:
    """Make the server of some settings and serve with it."""
    import anyio

    from agentcore_mcp.server.assembly import create_server

    server = create_server(settings)
    gc.freeze()
    gc.enable()
    anyio.run(_serve_and_leave, serve, server)
    gc.freeze()


async def _serve_and_leave(serve: Callable[[AgentCoreServer], Awaitable[None]], server: AgentCoreServer) -> None:
    await serve(server)
    # Python waits for threads in a name lookup or a credential process, and neither can be cancelled.
    left_s = server.state.end_by - asyncio.get_running_loop().time() + _LEAVE_S
    leaving = threading.Timer(max(left_s, _LEAVE_S), os._exit, [0])
    leaving.daemon = True
    leaving.start()


@contextmanager
def settings_for(options: AgentOptions, *, quiet: bool = False) -> Iterator[Settings]:
    """Yield the settings; with ``--local``, keep a local AgentCore running meanwhile.

    Args:
        options: The options of the command line.
        quiet: Don't print what the sample agent logs.

    Raises:
        ConfigurationError: If no agent is configured, or the configuration contradicts itself.
        ConnectError: If the local AgentCore does not start.
    """
    if not options.local:
        yield load_settings(options).settings
        return
    if options.config or options.runtime_arn or options.endpoint_url or options.bearer_token or options.qualifier:
        raise ConfigurationError("--local brings its own agent: leave out the flags that name another")
    from agentcore_mcp.config import Agent, Auth, Settings, drop_unset, name_of
    from agentcore_mcp.local.agentcore import LocalAgentCore

    drop_unset(os.environ)
    local = LocalAgentCore(protocol=options.protocol, stderr=subprocess.DEVNULL if quiet else None)
    local.start()
    try:
        # Importing the server takes about as long as the local AgentCore takes to start, so both happen at once.
        import_module("agentcore_mcp.server.assembly")
        local.wait_ready()
        arn = RuntimeArn.parse(local.agent_runtime_arn)
        place = {"arn": arn, "endpoint_url": local.endpoint_url, "protocol": options.protocol or "http"}
        agent = Agent.model_validate({"name": name_of(arn), **place, "auth": Auth(none=True)})
        yield Settings(agents=(agent,)).changed(
            read_only=options.read_only,
            agents=options.agents,
            tools=options.tools,
            handoff_after_s=options.handoff_after_s,
        )
    finally:
        local.stop()
