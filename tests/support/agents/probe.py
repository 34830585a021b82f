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
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request

_calls = 0
# Longer than any test waits.
_FOREVER_S = 3600


def _pieces_with_gate() -> Iterator[str]:
    """Send the second piece only when somebody has written to the fifo ``gate``, as a command of the session can."""
    os.mkfifo("gate")
    yield 'data: "first"\n\n'
    Path("gate").read_bytes()
    yield 'data: "second"\n\n'


async def _pieces_then_exit() -> AsyncIterator[str]:
    yield 'data: "first"\n\n'
    # The piece has to leave the process before it dies.
    await asyncio.sleep(0.1)
    os._exit(3)


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
    return JSONResponse({"status": "Healthy"})


app = Starlette(routes=[Route("/invocations", _invocations, methods=["POST"]), Route("/ping", _ping, methods=["GET"])])
