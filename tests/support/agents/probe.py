"""An agent that does what a test tells it to; hosted with ``--app tests.support.agents.probe:app``.

A plain Starlette app, so that the local AgentCore is judged without our own framework behind it. The payload is a
JSON object whose ``do`` names the behaviour.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request
    from starlette.websockets import WebSocket

_calls = 0
# Longer than any test waits.
_FOREVER_S = 3600


def _pieces_with_gate() -> Iterator[str]:
    """Send the second piece only when somebody has written to the fifo ``gate``, as a command of the session can."""
    os.mkfifo("gate")  # type: ignore[attr-defined, unused-ignore]
    yield 'data: "first"\n\n'
    Path("gate").read_bytes()
    yield 'data: "second"\n\n'


async def _pieces_then_exit() -> AsyncIterator[str]:
    yield 'data: "first"\n\n'
    # The piece has to leave the process before it dies.
    await asyncio.sleep(0.1)
    os._exit(3)


async def _drip() -> AsyncIterator[str]:
    while True:
        yield "drop\n"
        await asyncio.sleep(0.01)


async def _megabytes(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1_000_000


async def _invocations(request: Request) -> Response:
    global _calls  # noqa: PLW0603
    _calls += 1
    if request.headers.get("content-type") != "application/json":
        received = 0
        async for piece in request.stream():
            received += len(piece)
        return JSONResponse({"received": received, "content_type": request.headers.get("content-type")})
    payload: dict[str, Any] = await request.json()
    match payload.get("do"):
        case "status":
            return PlainTextResponse("secret detail of the agent", status_code=payload["status"])
        case "stream":
            return StreamingResponse(_pieces_with_gate(), media_type="text/event-stream")
        case "drip":
            return StreamingResponse(_drip(), media_type="text/plain")
        case "stream and exit":
            return StreamingResponse(_pieces_then_exit(), media_type="text/event-stream")
        case "exit":
            sys.stderr.write("the last words of the agent\n")
            os._exit(3)
        case "hang":
            await asyncio.sleep(_FOREVER_S)
        case "megabytes":
            return StreamingResponse(_megabytes(payload["count"]), media_type="application/octet-stream")
        case "print":
            sys.stdout.write(payload["text"])
        case "cookie":
            return Response(headers={"set-cookie": "whose=mine"})
        case "header":
            return Response(headers={payload["name"]: payload["value"]})
        case "text":
            return PlainTextResponse("plain words")
    return JSONResponse(
        {
            "payload": payload,
            "calls": _calls,
            "pid": os.getpid(),
            "cwd": str(Path.cwd()),
            "headers": dict(request.headers),
        }
    )


async def _ping(_: Request) -> Response:
    """Answer with what a command of the session has written into the file ``health``, if one has."""
    health = _read("health")
    return Response(health, media_type="application/json") if health else JSONResponse({"status": "Healthy"})


async def _card(request: Request) -> Response:
    return JSONResponse({"name": "probe", "session": request.headers["x-amzn-bedrock-agentcore-runtime-session-id"]})


async def _socket(socket: WebSocket) -> None:
    """Echo what comes, except for a few words; what it was closed with is then in the file ``closed``."""
    if "x-amzn-bedrock-agentcore-runtime-custom-refuse" in socket.headers:
        await socket.close()
        return
    offered = socket.scope["subprotocols"]
    await socket.accept(subprotocol="probe.v2" if "probe.v2" in offered else None)
    while (message := await socket.receive())["type"] == "websocket.receive":
        text = message.get("text")
        match (text or "").split():
            case ["hello"]:
                known = {"headers": dict(socket.headers), "query": dict(socket.query_params), "subprotocols": offered}
                await socket.send_json(known)
            case ["close", code, reason]:
                await socket.close(int(code), reason)
                return
            case ["exit"]:
                os._exit(3)
            case ["flood", count]:
                for _ in range(int(count)):
                    _note("sent", "x")
                    await socket.send_bytes(bytes(100_000))
            case ["stall"]:
                await asyncio.sleep(_FOREVER_S)
            case _ if text is not None:
                await socket.send_text(text)
            case _:
                await socket.send_bytes(message["bytes"])
    _note("closed", f"{message['code']} {message.get('reason')}")


def _read(name: str) -> bytes:
    return Path(name).read_bytes() if Path(name).exists() else b""


def _note(name: str, text: str) -> None:
    with Path(name).open("a") as file:
        file.write(text)


app = Starlette(
    routes=[
        Route("/invocations", _invocations, methods=["POST"]),
        Route("/ping", _ping, methods=["GET"]),
        Route("/.well-known/agent-card.json", _card, methods=["GET"]),
        WebSocketRoute("/ws", _socket),
    ]
)
