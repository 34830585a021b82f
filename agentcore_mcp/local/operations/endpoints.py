"""The endpoint of a session: a reverse proxy to the servers in the session.

As in the developer guide, it forwards method, path, query, body and WebSockets, but not the credentials.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import httpx2
from anyio.to_thread import run_sync

from agentcore_mcp.local.line.listeners import HOST
from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.local.operations.bridge import join
from agentcore_mcp.local.sandbox.ports import listens
from agentcore_mcp.local.sandbox.targets import AgentUrl
from agentcore_mcp.wire.headers import PORT_HEADER, end_to_end
from agentcore_mcp.wire.limits import PAYLOAD_MAX_BYTES

if TYPE_CHECKING:
    from agentcore_mcp.local.line.exchange import Exchange
    from agentcore_mcp.local.line.routes import Route
    from agentcore_mcp.local.line.sockets import ClientSocket
    from agentcore_mcp.local.sandbox.session import Session

# Prefixes of headers about this connection, or for the front door only.
_NOT_PASSED_ON = ("authorization", "x-amz-", "x-aws-proxy-", "sec-websocket-", "expect")


async def proxy(
    exchange: Exchange, socket: ClientSocket | None, session: Session, client: httpx2.AsyncClient, route: Route
) -> None:
    """Answer a request to a session's endpoint; raises as ``join``.

    Raises:
        Refusal: If the port is not allowed, no process of the session listens there, or it does not answer.
    """
    port = await _port(exchange, session)
    headers = [field for field in end_to_end(exchange.headers.items()) if not field[0].startswith(_NOT_PASSED_ON)]
    url = f"http://{HOST}:{port}{route.query['path']}" + (f"?{route.query['query']}" if route.query["query"] else "")
    if socket is not None:
        await join(socket, session, url, {name: value for name, value in headers if name != "host"})
        return
    has_body = exchange.headers.get("content-length", "0") != "0" or "transfer-encoding" in exchange.headers
    if not has_body:
        await exchange.read(0, field="body")
    request = httpx2.Request(
        exchange.method,
        url,
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        content=exchange.body(PAYLOAD_MAX_BYTES, field="body") if has_body else None,
    )
    try:
        with session.until_it_ends():
            async with aclosing(await client.send(request, stream=True)) as response:
                raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]
                # uvicorn adds the Date header of the front door.
                await exchange.start(response.status_code, [one for one in end_to_end(raw) if one[0] != "date"])
                async for piece in response.aiter_raw():
                    await exchange.write(piece)
    except httpx2.TransportError:
        raise Refusal("RuntimeClientError", await session.why_broken()) from None
    await exchange.finish()


async def _port(exchange: Exchange, session: Session) -> int:
    """Return the port that a request names, or by default the first allowed port."""
    allowed = session.hosted.allowed_ports
    named = exchange.headers.get(PORT_HEADER.lower(), str(allowed[0]))
    port = next((one for one in allowed if str(one) == named), None)
    if port is None:
        raise Refusal("AccessDeniedException", f"Port {named!r} is not allowed")
    if not (isinstance(session.hosted.target, AgentUrl) or await run_sync(listens, session.directory, port)):
        raise Refusal("RuntimeClientError", f"No process of the session listens on port {port}")
    return port
