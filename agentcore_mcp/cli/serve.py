"""``agentcore-mcp serve``: the server on streamable HTTP."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from agentcore_mcp._logs import log_to_stderr
from agentcore_mcp.cli.options import AgentOptions, agent_options, run_server, run_server_with, settings_for
from agentcore_mcp.errors import AgentCoreError, ConfigurationError

if TYPE_CHECKING:
    import socket
    from multiprocessing.connection import Connection

    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.assembly import AgentCoreServer

logger = logging.getLogger(__name__)


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
@click.option("--ui", is_flag=True, help="Serve a page at /ui that shows sessions and calls live, and begins calls.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Serve Prometheus metrics on this port.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address of the metrics port.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: an object a line, and one for each call of a tool.",
)
@agent_options
def serve(
    host: str | None,
    port: int,
    allowed_hosts: tuple[str, ...],
    workers: int,
    on_agentcore: bool,
    ui: bool,
    metrics_port: int | None,
    metrics_host: str,
    log_format: str,
    agent: AgentOptions,
) -> None:
    """Serve MCP over streamable HTTP at /mcp.

    With [server.auth] in the configuration file, it checks its callers' access tokens. Without, each caller can use the
    agent: keep it on loopback, or put an authenticating proxy in front.
    """
    host = host or ("0.0.0.0" if on_agentcore else "127.0.0.1")  # noqa: S104 - as its contract for containers says
    options: dict[str, Any] = {
        "host": host,
        "allowed_hosts": allowed_hosts,
        "on_agentcore": on_agentcore,
        "counted": metrics_port is not None,
        "ui": ui,
    }

    metrics = f" (metrics on {metrics_host}:{metrics_port})" if metrics_port is not None else ""

    async def serve_there(server: AgentCoreServer) -> None:
        from agentcore_mcp.server.transports.http import serve_http

        announce = partial(_announce, server.state.settings, metrics, ui)
        await serve_http(server, **options, port=port, announce=announce)

    log_as_json = log_format == "json"
    if log_as_json:
        log_to_stderr(as_json=True)
    with ExitStack() as stack:
        on_end = None
        if metrics_port is not None:
            from agentcore_mcp.server.hosted.metrics import serving_metrics

            on_end = stack.enter_context(serving_metrics(metrics_host, metrics_port))
        if workers == 1:
            run_server(agent, serve_there)
            return
        settings = stack.enter_context(settings_for(agent))
        import anyio

        from agentcore_mcp.server.transports.listening import bind
        from agentcore_mcp.server.transports.workers import Workers

        if settings.server.store is None:
            raise ConfigurationError(
                f"--workers {workers} needs server.store, the Redis in which they find each other's calls and sessions"
            )
        listening = stack.enter_context(bind(host, port))
        work = partial(_work, settings, log_as_json, options)
        announce = partial(_announce, settings, metrics, ui)
        anyio.run(Workers(work, listening, count=workers, on_end=on_end).run, announce)


def _work(
    settings: Settings, log_as_json: bool, options: dict[str, Any], listening: socket.socket, started: Connection
) -> None:
    """Serve in a process of its own."""
    from agentcore_mcp.server.transports.http import serve_http
    from agentcore_mcp.server.transports.workers import end_with_parent

    async def serve_there(server: AgentCoreServer) -> None:
        watching = asyncio.create_task(end_with_parent())
        await serve_http(server, **options, listening=listening, announce=started.send)
        watching.cancel()

    log_to_stderr(as_json=log_as_json)
    try:
        run_server_with(settings, serve_there)
    except AgentCoreError as error:
        raise SystemExit(f"agentcore-mcp: {error.message}") from error


def _announce(settings: Settings, metrics: str, ui: bool, url: str) -> None:
    public = f" for {settings.server.public_url}" if settings.server.public_url else ""
    page = f" (live view at {url.removesuffix('mcp')}ui)" if ui else ""
    text = f"serving MCP{public}{metrics}{page} at {url}"
    if logger.isEnabledFor(logging.INFO):
        logger.info(text)
    else:
        click.echo(f"agentcore-mcp: {text}", err=True)
