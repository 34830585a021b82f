"""``agentcore-mcp serve``: the server on streamable HTTP."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from agentcore_mcp._logs import log_to_stderr
from agentcore_mcp.cli.options import AgentOptions, agent_options, run_server, run_server_with, settings_for
from agentcore_mcp.errors import AgentCoreError, ConfigurationError

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.assembly import AgentCoreServer


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Host name that clients use, as in their Host header; repeatable. Needed where --host is not loopback and "
    "callers bring no tokens.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Processes that serve; several need server.store. SIGHUP replaces them one by one.",
)
@click.option(
    "--on-agentcore",
    is_flag=True,
    help="For a container on AgentCore Runtime, and nowhere else: listens on 0.0.0.0, answers by any host name, and "
    "answers the platform's pings.",
)
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Serve Prometheus metrics on this port.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address of the metrics port.")
@agent_options
def serve(
    host: str | None,
    port: int,
    allowed_hosts: tuple[str, ...],
    workers: int,
    on_agentcore: bool,
    metrics_port: int | None,
    metrics_host: str,
    agent: AgentOptions,
) -> None:
    """Serve MCP over streamable HTTP at /mcp.

    With [server.auth] in the configuration file, it checks its callers' access tokens. Without, each caller can use the
    agent: keep it on loopback, or put an authenticating proxy in front.
    """
    host = host or ("0.0.0.0" if on_agentcore else "127.0.0.1")  # noqa: S104 - as its contract for containers says
    options: dict[str, Any] = {"host": host, "allowed_hosts": allowed_hosts, "on_agentcore": on_agentcore}

    async def serve_there(server: AgentCoreServer) -> None:
        from agentcore_mcp.server.transports.http import serve_http

        with ExitStack() as stack:
            urls = []
            if metrics_port is not None:
                from agentcore_mcp.server.hosted.metrics import Metrics, serving_metrics

                server.accounts.observer = metrics = Metrics(server.state)
                urls = [stack.enter_context(serving_metrics(metrics_host, metrics_port, metrics.registry))]
            announce = partial(_announce, metrics=urls)
            await serve_http(server, **options, port=port, announce=announce)

    if workers == 1:
        run_server(agent, serve_there)
        return
    with settings_for(agent) as settings:
        import anyio

        from agentcore_mcp.server.transports.http import bind
        from agentcore_mcp.server.transports.workers import Workers

        if settings.server.store is None:
            raise ConfigurationError(
                f"--workers {workers} needs server.store, the Redis in which they find each other's calls and sessions"
            )
        with bind(host, port) as listening, ExitStack() as stack:
            urls, on_end = list[str](), None
            if metrics_port is not None:
                from agentcore_mcp.server.hosted.metrics import forget_worker, serving_metrics

                on_end = forget_worker
                urls = [stack.enter_context(serving_metrics(metrics_host, metrics_port))]
            work = partial(_work, settings, bool(urls), options)
            supervisor = Workers(work, listening, count=workers, on_end=on_end)
            anyio.run(supervisor.run, partial(_announce, metrics=urls))


def _work(
    settings: Settings, counted: bool, options: dict[str, Any], listening: socket.socket, started: Connection
) -> None:
    """Serve in a process of its own."""
    from agentcore_mcp.server.transports.http import serve_http
    from agentcore_mcp.server.transports.workers import end_with_parent

    async def serve_there(server: AgentCoreServer) -> None:
        if counted:
            from agentcore_mcp.server.hosted.metrics import Metrics

            server.accounts.observer = Metrics(server.state)
        watching = asyncio.create_task(end_with_parent())
        await serve_http(server, **options, listening=listening, announce=started.send)
        watching.cancel()

    log_to_stderr()
    try:
        run_server_with(settings, serve_there)
    except AgentCoreError as error:
        raise SystemExit(f"agentcore-mcp: {error.message}") from error


def _announce(url: str, metrics: Sequence[str] = ()) -> None:
    click.echo(f"agentcore-mcp: serving MCP at {url}", err=True)
    for one in metrics:
        click.echo(f"agentcore-mcp: serving metrics at {one}", err=True)
