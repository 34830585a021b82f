"""InvokeAgentRuntimeWithWebSocketStream: bridges the client's WebSocket to the agent's own at ``/ws``.

Messages and close codes pass unchanged, text as text and bytes as bytes, with backpressure in each direction.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.local.line.sockets import (
    GOING_AWAY,
    INTERNAL_ERROR,
    NO_CODE,
    NORMAL_CLOSURE,
    ClientSocket,
    SocketClosedError,
)
from agentcore_mcp.local.operations.invocations import refused_by_agent, to_agent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from agentcore_mcp.local.sandbox.session import Session

# uvicorn's limit for messages from the client. The service's limit is lower, and applies to frames.
MESSAGE_MAX_BYTES = 16 * 1024 * 1024
# Messages read ahead; few, as each may be that large.
_QUEUED_MESSAGES = 4
# The longest wait for the agent's close frame.
_CLOSE_TIMEOUT_S = 2.0


async def bridge(socket: ClientSocket, session: Session) -> None:
    """Bridge a client's WebSocket to the agent's; raises as ``join``, and a Refusal if the agent can't be started."""
    headers = to_agent(socket.exchange.headers, session, socket.exchange.request_id)
    agent = await session.agent()
    await join(socket, session, f"{agent.base_url}/ws", headers)


async def join(socket: ClientSocket, session: Session, url: str, headers: Mapping[str, str]) -> None:
    """Bridge a client's WebSocket to one at a URL, ``http://…``, until either is closed, or the session ends.

    Raises:
        Refusal: If the upstream handshake fails. The client's is only completed after it.
        SocketClosedError: If the client leaves before that.
    """
    try:
        with session.until_it_ends():
            upstream = await connect(
                url.replace("http", "ws", 1),
                additional_headers=headers,
                subprotocols=[Subprotocol(name) for name in socket.subprotocols] or None,
                user_agent_header=None,
                compression=None,
                proxy=None,
                open_timeout=None,
                # The agent's own pings are answered; ours would time out while an agent blocks its event loop.
                ping_interval=None,
                close_timeout=_CLOSE_TIMEOUT_S,
                max_size=MESSAGE_MAX_BYTES,
                max_queue=_QUEUED_MESSAGES,
            )
    except InvalidStatus as exc:
        raise refused_by_agent(exc.response.status_code, session, "a WebSocket at /ws") from None
    except (OSError, EOFError, InvalidHandshake):
        raise Refusal("RuntimeClientError", await session.why_broken()) from None
    async with upstream:
        await socket.accept(subprotocol=upstream.subprotocol)
        async with anyio.create_task_group() as tasks:

            async def run(half: Callable[[ClientSocket, Session, ClientConnection], Awaitable[None]]) -> None:
                await half(socket, session, upstream)
                tasks.cancel_scope.cancel()

            for half in (_from_client, _from_agent, _until_the_session_ends):
                tasks.start_soon(partial(run, half))


async def _from_client(socket: ClientSocket, _: Session, upstream: ClientConnection) -> None:
    try:
        while True:
            await upstream.send(await socket.receive())
    except SocketClosedError as closed:
        await upstream.close(*_sendable(closed.code, closed.reason))
    except ConnectionClosed:
        # `_from_agent` knows the reason, and closes the client's WebSocket with it.
        await anyio.sleep_forever()


async def _from_agent(socket: ClientSocket, session: Session, upstream: ClientConnection) -> None:
    try:
        while True:
            await socket.send(await upstream.recv())
    except SocketClosedError:
        await upstream.close(GOING_AWAY)
    except ConnectionClosed as closed:
        # `sent` is our own close frame, after a message that was too big or invalid.
        frame = closed.rcvd or closed.sent
        if frame is not None:
            await socket.close(*_sendable(frame.code, frame.reason))
            return
        why = await session.why_broken()
        await socket.close(GOING_AWAY if session.stopping.is_set() else INTERNAL_ERROR, why)


async def _until_the_session_ends(socket: ClientSocket, session: Session, _: ClientConnection) -> None:
    await session.stopping.wait()
    await socket.close(GOING_AWAY, session.why)


def _sendable(code: int, reason: str) -> tuple[int, str]:
    """Return a close code and reason for the other side; replace codes that must not be sent."""
    if code == NO_CODE:
        return NORMAL_CLOSURE, reason
    return (code, reason) if 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999 else (GOING_AWAY, "")
