"""AgentCore's front door for WebSockets, on one page: it opens every upgrade and takes it to the agent's ``/ws``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tests.support.servers import Recorded

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(slots=True)
class FrontDoor:
    """Hands on to the agent, as headers, what AWS says is read from the query too; keeps what came in.

    It checks no credentials: the tests compare what came in with what botocore would have sent.
    """

    agent: ASGIApp
    requests: list[Recorded] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.agent(scope, receive, send)
            return
        headers = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        query = scope["query_string"].decode()
        target = scope["raw_path"].decode() + (f"?{query}" if query else "")
        self.requests.append(Recorded("GET", target, tuple(headers), b""))
        said = [(name, value) for name, value in parse_qsl(query) if name.lower().startswith("x-amzn-")]
        seen = [*scope["headers"], *((name.lower().encode(), value.encode()) for name, value in said)]
        await self.agent({**scope, "path": "/ws", "raw_path": b"/ws", "headers": seen}, receive, send)
