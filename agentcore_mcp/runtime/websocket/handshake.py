"""The opening handshake of a WebSocket: the upgrade, and its errors. ``connection`` has the open WebSocket.

Three defaults of the library are turned off: following redirects, which would send the session id elsewhere, logging
credentials, and compression.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import httpx2
from websockets.asyncio.client import connect as websockets_connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidProxy, InvalidStatus, InvalidURI, ProxyError
from websockets.proxy import get_proxy
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from agentcore_mcp.errors import (
    ConfigurationError,
    ConnectError,
    ProtocolError,
    ResponseTimeoutError,
    TransportError,
)
from agentcore_mcp.runtime.auth.redaction import redacted
from agentcore_mcp.runtime.endpoints import is_safe_for_credentials, url_of
from agentcore_mcp.runtime.environment import environment_error, tls_context, trusts_environment
from agentcore_mcp.runtime.failures import DETAIL_MAX_CHARS, cause_of, refusal
from agentcore_mcp.runtime.replies import Reply
from agentcore_mcp.runtime.requests import user_agent
from agentcore_mcp.runtime.timeouts import check_timeout
from agentcore_mcp.wire.headers import SESSION_HEADER, check_header
from agentcore_mcp.wire.ids import session_in
from agentcore_mcp.wire.loopback import LOOPBACK_IN_WORDS
from agentcore_mcp.wire.sse import MAX_EVENT_BYTES

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

    from websockets.asyncio.client import ClientConnection
    from websockets.http11 import Response

# Keeps firewalls and load balancers from dropping the idle connection. It keeps the session alive too.
PING_INTERVAL_S = 20.0
# An agent that computes on its event loop doesn't answer pings meanwhile; that must not close the connection.
PING_TIMEOUT_S = 300.0
# Don't wait long for the other side's close frame: nothing depends on it.
CLOSE_TIMEOUT_S = 2.0
# Bounds the memory that the other side can use. The same limit as for an event of a stream.
MESSAGE_MAX_BYTES = MAX_EVENT_BYTES
# Headers that the library sets itself; servers refuse duplicates.
_OF_THE_LIBRARY = ("host", "upgrade", "connection", "sec-websocket-", "user-agent")

_logger = logging.getLogger(__name__)


async def open_connection(
    url: str,
    headers: Mapping[str, str],
    open_timeout_s: float,
    subprotocols: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
) -> tuple[ClientConnection, str]:
    """Connect, and return the connection and the id of its session. Arguments and exceptions as for ``connect``."""
    check_timeout(open_timeout_s)
    request = _http_request(url, headers)
    session_id = request.headers.get(SESSION_HEADER) or request.url.params.get(SESSION_HEADER, "")
    connection = await _open(url, request, session_id, open_timeout_s, subprotocols, tls)
    if connection.response is not None:
        session_id = session_in(_headers_of(connection.response), session_id)
    return connection, session_id


class _Connect(websockets_connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """Don't follow redirects: session id and credentials would be sent there."""
        return exc


def _http_request(url: str, headers: Mapping[str, str]) -> httpx2.Request:
    """Return the upgrade as a request for errors to refer to, without the headers that the library sets itself."""
    if not url.startswith(("wss://", "ws://")):
        raise ConfigurationError("not a WebSocket URL: it begins with wss://, or ws:// for this machine")
    for name, value in headers.items():
        check_header(name, value)
    parsed = url_of("http" + url.removeprefix("ws"))
    try:
        parse_uri(url)  # the library's parser accepts fewer URLs
    except (InvalidURI, ValueError):
        parsed = None
    if parsed is None or parsed.fragment:
        raise ConfigurationError("not a WebSocket URL")
    own = [(name, value) for name, value in headers.items() if not name.lower().startswith(_OF_THE_LIBRARY)]
    request = httpx2.Request("GET", parsed, headers=[(name.encode(), value.encode()) for name, value in own])
    if not is_safe_for_credentials(request.url):
        raise ConfigurationError(
            f"a WebSocket to {request.url.host!r} would send everything unencrypted; "
            f"use wss, or ws with {LOOPBACK_IN_WORDS}"
        )
    return request


async def _open(
    url: str,
    request: httpx2.Request,
    session_id: str,
    open_timeout_s: float,
    subprotocols: Sequence[str],
    tls: ssl.SSLContext | None,
) -> ClientConnection:
    if _logger.level == logging.NOTSET:
        # The library logs every header and message at DEBUG; that is enabled only by this logger's own level.
        _logger.setLevel(logging.INFO)
    host = request.url.netloc.decode("ascii")
    own = [(name, value) for name, value in request.headers.items() if name != "host"]
    proxied = trusts_environment(request.url)
    try:
        return await _Connect(
            url,
            additional_headers=own,
            user_agent_header=user_agent(),
            compression=None,  # so that the size of a frame, which is limited, is that of its payload
            proxy=True if proxied else None,
            ssl=(tls or tls_context()) if request.url.scheme == "https" else None,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            open_timeout=open_timeout_s,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MESSAGE_MAX_BYTES,
            logger=_logger,
        )
    except InvalidStatus as error:
        head = _headers_of(error.response)
        response = httpx2.Response(error.response.status_code, headers=head, request=request)
        reply = Reply.of(response, session_id)
        raise refusal(reply, bytes(error.response.body or b"")) from cause_of(error, request)
    except (OSError, ProxyError) as error:
        if isinstance(error, TimeoutError) and error.errno is None:  # our timeout, and not the operating system's
            message = f"no answer from {host} within {open_timeout_s:g} s; the agent may still be starting"
            raise ResponseTimeoutError(message, session_id=session_id) from error
        message = f"can't connect to {host}: {_detail(error, request)}"
        raise ConnectError(message, session_id=session_id) from cause_of(error, request)
    except (ImportError, ValueError, InvalidProxy) as error:
        if proxied and get_proxy(parse_uri(url)):
            raise environment_error(error) from None
        raise ConnectError(f"can't connect to {host}: {type(error).__name__}", session_id=session_id) from None
    except InvalidMessage as error:
        message = f"the connection to {host} broke off during the upgrade"
        raise TransportError(message, session_id=session_id) from cause_of(error, request)
    except InvalidHandshake as error:
        message = f"{host} does not answer as a WebSocket server: {_detail(error, request)}"
        raise ProtocolError(message, session_id=session_id) from cause_of(error, request)


def _detail(error: Exception, request: httpx2.Request) -> str:
    return redacted(str(error), request)[:DETAIL_MAX_CHARS] or type(error).__name__


def _headers_of(response: Response) -> httpx2.Headers:
    # The library decodes values as Latin-1.
    return httpx2.Headers(
        [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.headers.raw_items()]
    )
