"""The connections of a client, and calls sent over them, twice: on an event loop, and in the calling thread.

``calls`` says what is sent, ``retries`` whether it is sent again, ``answers`` what a failure means, and ``exchange``
reads what comes back. Only how to wait differs here, side by side and as little of it as possible. The blocking half
runs no event loop and starts no thread.
"""

from __future__ import annotations

import math
import socket
import threading
import time
import weakref
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import httpx2

from agentcore_mcp.errors import TransportError
from agentcore_mcp.runtime import leftovers
from agentcore_mcp.runtime.auth.authorization import GuardedAuth
from agentcore_mcp.runtime.calls import CONNECT_TIMEOUT_S
from agentcore_mcp.runtime.endpoints import check_endpoint_url, endpoint_for
from agentcore_mcp.runtime.environment import environment_errors, tls_context, trusts_environment
from agentcore_mcp.runtime.failures import no_head_in_time, transport_errors
from agentcore_mcp.runtime.heads import HeadTime
from agentcore_mcp.runtime.retries import DEFAULT_RETRIES, Retries

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Callable, Generator

    from agentcore_mcp.runtime.calls import Call
    from agentcore_mcp.wire.ids import Runtime

# An idle connection is kept for the next call, but not until the other side gives it up: a request that crosses with
# its closing fails, and nobody can say whether it was carried out. uvicorn, which many agents run on, waits 5 s.
IDLE_CONNECTION_S = 4.0

# How many calls run at a time is for the caller to decide; one that waits here looks like silence.
_LIMITS = httpx2.Limits(max_connections=None, keepalive_expiry=IDLE_CONNECTION_S)

# An agent may be silent for 15 minutes. Routers forget a silent connection sooner, AWS's NAT gateways after 350 s and
# some at home after one minute. So the kernel says something every 45 s, and gives up on a peer that doesn't answer
# for two minutes. Not every system lets all of it be set.
_KEEPALIVE_OPTIONS = [
    (level, getattr(socket, name), value)
    for level, name, value in (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 45),
        (socket.IPPROTO_TCP, "TCP_KEEPALIVE", 45),  # macOS's name for it
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 15),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 8),
    )
    if hasattr(socket, name)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """How connections are made and used.

    Attributes:
        endpoint_url: Where to send everything, instead of to the service's host for the runtime's region.
        use_fips: Choose the host whose cryptography is validated by FIPS 140.
        use_dualstack: Choose the host that has IPv6 addresses too.
        connect_timeout_s: For a connection, its TLS handshake included.
        tls: The certificates to trust; None are the system's. Reading those takes 20 ms, which one can share.
        retries: How often a call is sent at most.
    """

    endpoint_url: str | None = None
    use_fips: bool = False
    use_dualstack: bool = False
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    tls: ssl.SSLContext | None = None
    retries: Retries = DEFAULT_RETRIES

    def __post_init__(self) -> None:
        if self.endpoint_url is not None:
            check_endpoint_url(self.endpoint_url, use_fips=self.use_fips, use_dualstack=self.use_dualstack)

    def url_for(self, runtime: Runtime) -> str:
        """Return the URL at which a runtime is called."""
        return endpoint_for(runtime, self.endpoint_url, use_fips=self.use_fips, use_dualstack=self.use_dualstack)

    def request_for(self, call: Call) -> httpx2.Request:
        """Return a call as httpx2 sends it, without credentials."""
        return call.to_http(self.url_for(call.runtime), self.connect_timeout_s)

    def http_arguments(self, url: httpx2.URL, on_answer: Callable[[httpx2.Response], Any]) -> dict[str, Any]:
        """Return what either of httpx2's clients is made with, and calls with the head of every answer."""
        # Without TLS, what the environment says of certificates matters as little as what is wrong with it.
        certificates = tls_context() if self.tls is None and url.scheme == "https" else self.tls
        return {
            "verify": True if certificates is None else certificates,
            "trust_env": trusts_environment(url),
            "limits": _LIMITS,
            "follow_redirects": False,
            "event_hooks": {"response": [on_answer]},
        }


class AsyncConnections:
    """The connections of one client on one event loop, opened when they are needed.

    Args:
        settings: How they are made and used.
        transport: What to send through instead; it is closed with the connections, and no proxy is used.
    """

    def __init__(self, settings: ConnectionSettings, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._http: httpx2.AsyncClient | None = None

    @asynccontextmanager
    async def send(self, call: Call, auth: httpx2.Auth) -> AsyncGenerator[httpx2.Response, None]:
        """Send a call. The block is entered with the head of the answer; leaving it closes the connection."""
        response = await self._answer(call, GuardedAuth(auth))
        try:
            yield response
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close every connection. Answers that are still being read break off."""
        if self._http is not None:
            await self._http.aclose()

    async def _answer(self, call: Call, auth: httpx2.Auth) -> httpx2.Response:
        retries = self._settings.retries
        attempt = 0
        while True:
            attempt += 1
            request = self._settings.request_for(call)
            http = self._client(request.url)
            try:
                with transport_errors(request, call.session_id):
                    response = await _send(http, request, auth, call)
            except TransportError as error:
                pause_s = retries.after_failure(call.request, attempt, error)
                if pause_s is None:
                    raise
            else:
                pause_s = retries.after_answer(call.request, attempt, response.status_code, response.headers)
                if pause_s is None:
                    return response
                await response.aclose()
            await anyio.sleep(pause_s)

    def _client(self, url: httpx2.URL) -> httpx2.AsyncClient:
        if self._http is None:
            with environment_errors():
                arguments = self._settings.http_arguments(url, leftovers.awatch)
                self._http = httpx2.AsyncClient(transport=self._transport, **arguments)
        return self._http


class Connections:
    """The connections of one client that blocks. Safe to share between threads. Arguments as above."""

    def __init__(self, settings: ConnectionSettings, transport: httpx2.BaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._http: httpx2.Client | None = None
        self._lock = threading.Lock()

    @contextmanager
    def send(self, call: Call, auth: httpx2.Auth) -> Generator[httpx2.Response, None, None]:
        """Send a call. The block is entered with the head of the answer; leaving it closes the connection."""
        response = self._answer(call, GuardedAuth(auth))
        try:
            yield response
        finally:
            response.close()

    def close(self) -> None:
        """Close every connection. Answers that are still being read break off."""
        if self._http is not None:
            self._http.close()

    def _answer(self, call: Call, auth: httpx2.Auth) -> httpx2.Response:
        retries = self._settings.retries
        attempt = 0
        while True:
            attempt += 1
            request = self._settings.request_for(call)
            head = HeadTime(request, call.head_timeout_s, call.session_id)
            request.extensions["trace"] = partial(_trace, head)
            http = self._client(request.url)
            try:
                with transport_errors(request, call.session_id):
                    response = http.send(request, auth=auth, stream=True)
            except TransportError as error:
                pause_s = retries.after_failure(call.request, attempt, error)
                if pause_s is None:
                    raise
            else:
                pause_s = retries.after_answer(call.request, attempt, response.status_code, response.headers)
                if pause_s is None:
                    return response
                response.close()
            time.sleep(pause_s)

    def _client(self, url: httpx2.URL) -> httpx2.Client:
        with self._lock:
            if self._http is None:
                with environment_errors():
                    arguments = self._settings.http_arguments(url, leftovers.watch)
                    self._http = httpx2.Client(transport=self._transport, **arguments)
                # Who uses the published package is not used to closing anything.
                weakref.finalize(self, self._http.close)
            return self._http


def _keep_alive(event: str, info: dict[str, Any]) -> None:
    """Let the kernel keep a new connection alive, whether to the runtime or to a proxy.

    httpx2 takes options for sockets only with a transport of one's own, which then has to see to proxies itself.
    """
    if event.endswith(".connect_tcp.complete"):
        for option in _KEEPALIVE_OPTIONS:
            with suppress(OSError):  # known to Python, and not to this system
                info["return_value"].get_extra_info("socket").setsockopt(*option)


def _trace(head: HeadTime, event: str, info: dict[str, Any]) -> None:
    _keep_alive(event, info)
    head.trace(event, info)


async def _send(http: httpx2.AsyncClient, request: httpx2.Request, auth: httpx2.Auth, call: Call) -> httpx2.Response:
    """Send a request and wait for the head of its answer.

    The head as a whole has a time of its own; ``heads`` says why, and does it for the blocking half.
    """
    stream: Any = None
    with anyio.CancelScope() as scope:

        async def trace(event: str, info: dict[str, Any]) -> None:
            nonlocal stream
            _keep_alive(event, info)
            if event.endswith(".connect_tcp.complete"):
                stream = info["return_value"]
            elif event.endswith(".start_tls.failed"):
                # httpx2 forgets to, if that is because the call was cancelled.
                with anyio.CancelScope(shield=True):
                    await stream.aclose()
            elif event.endswith(".receive_response_headers.started"):
                scope.deadline = anyio.current_time() + call.head_timeout_s
            elif event.endswith(".receive_response_headers.complete"):
                scope.deadline = math.inf

        request.extensions["trace"] = trace
        return await http.send(request, auth=auth, stream=True)
    raise no_head_in_time(request, call.head_timeout_s, call.session_id)
