"""AgentCore runtimes for tests, on a real socket: an app behind the operation's path, in this event loop."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/test_agent-0123456789"


@asynccontextmanager
async def runtime(answer: Callable[[Request], Awaitable[Response]]) -> AsyncIterator[dict[str, str]]:
    """Answer every operation with ``answer``; give the environment that points a server at it."""

    async def endpoint(request: Request) -> Response:
        return await answer(request)

    app = Starlette(routes=[Route("/runtimes/{rest:path}", endpoint, methods=["POST"])])
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: server.serve(sockets=[listening]))
        yield {
            "AGENTCORE_RUNTIME_ARN": ARN,
            "AGENTCORE_ENDPOINT_URL": f"http://127.0.0.1:{listening.getsockname()[1]}",
            "AGENTCORE_BEARER_TOKEN": "not-a-real-token",
        }
        server.should_exit = True
