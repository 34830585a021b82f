"""The server on streamable HTTP, at ``/mcp``."""

from __future__ import annotations

import asyncio
import math
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import Route

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.server.hosted.entrance import entrance
from agentcore_mcp.server.hosted.health import Health
from agentcore_mcp.server.hosted.tracing import continuing
from agentcore_mcp.server.live.page import with_page
from agentcore_mcp.server.transports.admission import REQUEST_LIMIT_S, KnownHosts, TimedProtocol, answering_pings
from agentcore_mcp.server.transports.cancellation import giving_session_ids
from agentcore_mcp.server.transports.listening import bind
from agentcore_mcp.server.transports.signals import end_signals
from agentcore_mcp.wire.loopback import LOOPBACK_HOSTS, is_loopback

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from starlette.types import ASGIApp

    from agentcore_mcp.server.assembly import AgentCoreServer

PATH = "/mcp"
# After SIGTERM all calls are ended, at once or once a hosted server has drained; this is how long their responses and
# the long-lived streams of 2025-11-25 clients may take after that. Sessions may have to be stopped then, and everything
# has to end within 2 s.
GRACEFUL_SHUTDOWN_S = 0.3


async def serve_http(
    server: AgentCoreServer,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    listening: socket.socket | None = None,
    allowed_hosts: Sequence[str] = (),
    counted: bool = False,
    ui: bool = False,
    announce: Callable[[str], None],
    request_limit_s: float = REQUEST_LIMIT_S,
    on_agentcore: bool = False,
) -> None:
    """Serve MCP over streamable HTTP until SIGTERM or SIGINT.

    Where the settings have a table ``[server]``, calls may then go on for as long as it says, or until a second signal.

    Args:
        server: The server.
        host: The address to bind to.
        port: The port; 0 takes a free one.
        listening: A socket from ``bind``, which several workers may share; by default, one is bound to host and port.
        allowed_hosts: Host names that clients may use besides loopback's, ``host`` and the public URL's, such as
            ``mcp.example.com``, with any port. Needed when ``host`` is not loopback and tokens are not checked: without
            either, any web page could reach the server by DNS rebinding.
        counted: Count calls and requests for Prometheus.
        ui: Serve the live view at /ui, too.
        announce: Called with the URL once the socket is bound.
        request_limit_s: How long a connection may stay open without a complete request.
        on_agentcore: Accept any host name, and answer the pings of AgentCore Runtime, which hosts this server. Only the
            runtime can reach it then, and has authenticated the caller.

    Raises:
        ConfigurationError: If the address can't be bound, or needs ``allowed_hosts``.
    """
    hosted = server.state.settings.server
    if not is_loopback(host) and not allowed_hosts and hosted.auth is None and not on_agentcore:
        raise ConfigurationError(
            f"--host {host} is reachable by others: let it check their tokens with [server.auth] in the "
            "configuration file. Otherwise each of them can use its agents: put an authenticating proxy in front, and "
            "name the host that they use with --allowed-host NAME"
        )
    listening = listening or bind(host, port)
    bound_host, bound_port = listening.getsockname()[:2]
    bound_host = _bracketed(bound_host)
    names = {*LOOPBACK_HOSTS, bound_host, *allowed_hosts}
    if hosted.public_url is not None:
        names.add(_bracketed(urlsplit(hosted.public_url).hostname or ""))
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        max_request_body_size=hosted.limits.body_bytes,
        # ``KnownHosts`` below checks this, and earlier.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    # With a slash, too. Starlette would redirect to http, since it doesn't know of the TLS in front.
    app.router.redirect_slashes = False
    app.router.routes += [Route(f"{PATH}/", route.endpoint) for route in app.routes if isinstance(route, Route)]
    drain_s = hosted.drain_s if "server" in server.state.settings.model_fields_set else 0.0
    guarded = entrance(continuing(giving_session_ids(app)), app, server.state)
    server.state.has_ui = ui
    if ui:
        guarded = with_page(guarded)
    known: ASGIApp = answering_pings(guarded, PATH) if on_agentcore else KnownHosts(guarded, names)
    if counted:
        from agentcore_mcp.server.hosted.metrics import Metrics

        server.accounts.metrics = Metrics(
            server.state.settings.names,
            stops=lambda: server.state.stops.pending,
            store_errors=lambda: 0 if server.state.store is None else server.state.store.errors,
        )
        known = server.accounts.metrics.watching(known)
    health = Health(known, server.state.calls, None if server.state.store is None else server.state.store.beat)
    config = uvicorn.Config(
        health,
        http=cast("type[asyncio.Protocol]", partial(TimedProtocol, request_limit_s=request_limit_s)),
        log_config=None,
        log_level="warning",
        access_log=False,
        # Client addresses are not used, so X-Forwarded-For is ignored.
        proxy_headers=False,
        timeout_keep_alive=math.ceil(request_limit_s),
        # uvicorn accepts fractions, despite its annotation.
        timeout_graceful_shutdown=cast("int", GRACEFUL_SHUTDOWN_S),
        ws="none",
        # Else a request may begin with the trace of another caller, whose request came on the same connection before.
        reset_contextvars=True,
    )
    http = _Server(config)

    def stop_accepting() -> None:
        if not http.started:
            return
        new = cast("Callable[..., asyncio.Protocol]", config.http_protocol_class)
        protocol = partial(new, config=config, server_state=http.server_state, app_state=http.lifespan.state)
        # Connections that wait to be accepted would be reset, and a proxy can't tell then whether its request ran. An
        # error says that none waits, or that no more can be opened; either way, the drain goes on.
        with suppress(OSError):
            while True:
                accepted = listening.accept()[0]
                accepted.setblocking(False)
                tasks.create_task(asyncio.get_running_loop().connect_accepted_socket(protocol, accepted))
        for one in http.servers:
            one.close()

    async def end() -> None:
        await health.drain(drain_s, stop_accepting)
        http.should_exit = True
        await server.state.end()

    def on_signal() -> None:
        if health.draining:
            health.hurry()
        else:
            health.draining = True
            tasks.create_task(end())

    # A signal is handled outside of any task, where anyio's groups don't know their event loop unless anyio runs it.
    async with asyncio.TaskGroup() as tasks:
        with listening, end_signals(on_signal):
            announce(f"http://{bound_host}:{bound_port}{PATH}")
            tasks.create_task(health.reaches_store())
            await http.serve(sockets=[listening])


class _Server(uvicorn.Server):
    """Leaves the signals to its caller: uvicorn's own handling ends the process before the clean-up."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signals."""
        yield


def _bracketed(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
