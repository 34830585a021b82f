"""InvokeAgentRuntime: forwards the payload to the session's agent, and streams its response back.

GetAgentCard is the same without a payload.
"""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.local.line.routes import ENDPOINTS
from agentcore_mcp.local.sandbox.targets import INVOKE_PATHS
from agentcore_mcp.wire.headers import (
    AGENT_REQUEST_ID_HEADER,
    ANSWER_HEADERS,
    CUSTOM_HEADER_PREFIX,
    ENDPOINT_HEADER,
    MCP_SESSION_HEADER,
    SESSION_HEADER,
)
from agentcore_mcp.wire.limits import PAYLOAD_MAX_BYTES
from agentcore_mcp.wire.operations import INVOKE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from agentcore_mcp.local.line.exchange import Exchange
    from agentcore_mcp.local.sandbox.session import Session

# The headers that reach the agent: those of the service model's request, and custom headers. All others, above all
# Authorization, only reach an agent whose runtime has them on its allow list.
_PASSED_IN = frozenset({"content-length", *(member.header.lower() for member in INVOKE.members)})
# The headers that reach the client: those of the service model's response, and of the body's length and encoding.
_PASSED_OUT = frozenset({"content-length", "content-encoding", *ANSWER_HEADERS})


def agent_client() -> httpx2.AsyncClient:
    """Make the HTTP client that calls agent processes.

    It has no timeout, because only stopping the session ends a stuck agent. It opens a connection per call, because
    one kept alive could close under the next call. It keeps no cookies, which it would send to all other agents.
    """
    return httpx2.AsyncClient(
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=None,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        trust_env=False,
    )


async def invoke(exchange: Exchange, session: Session, client: httpx2.AsyncClient) -> None:
    """Answer InvokeAgentRuntime.

    Raises:
        Refusal: If the payload is too long, or the agent fails before its answer has begun.
        ClientGoneError: If the client leaves before it has sent its whole payload.
    """
    payload = exchange.body(PAYLOAD_MAX_BYTES, field="payload")
    if session.hosted.allowed_ports:
        exchange.answer_with(ENDPOINT_HEADER, f"http://{exchange.headers['host']}{ENDPOINTS}{session.endpoint}")
    await _pass_on(exchange, session, client, "POST", INVOKE_PATHS[session.hosted.protocol], payload)


async def agent_card(exchange: Exchange, session: Session, client: httpx2.AsyncClient) -> None:
    """Answer GetAgentCard with the A2A agent's own card.

    Raises:
        Refusal: If the agent fails before its answer has begun.
        ClientGoneError: If the client leaves at once.
    """
    await exchange.read(0, field="body")
    await _pass_on(exchange, session, client, "GET", "/.well-known/agent-card.json")


def to_agent(headers: Mapping[str, str], session: Session, request_id: str) -> dict[str, str]:
    """Return the client's headers that reach the agent, and those that the front door adds."""
    custom = CUSTOM_HEADER_PREFIX.lower()
    allowed = _PASSED_IN | session.hosted.allowed_headers
    passed = {name: value for name, value in headers.items() if name in allowed or name.startswith(custom)}
    return {
        **passed,
        "accept-encoding": "identity",
        SESSION_HEADER: session.id,
        AGENT_REQUEST_ID_HEADER: request_id,
    }


def refused_by_agent(status: int, session: Session, asked: str) -> Refusal:
    """Refuse a request because the agent did, without the agent's own error text."""
    message = f"Received error ({status}) from runtime. Please check the agent's output, which the local AgentCore "
    message += "prints on its standard error, for more information."
    if status < 500:
        message += f" It was asked for {asked}, as an agent with the protocol {session.hosted.protocol!r}."
    return Refusal("RuntimeClientError", message)


async def _pass_on(
    exchange: Exchange,
    session: Session,
    client: httpx2.AsyncClient,
    method: str,
    path: str,
    content: AsyncIterator[bytes] | None = None,
) -> None:
    agent = await session.agent()
    # As bytes, because header values need not be ASCII, and pass unchanged.
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in to_agent(exchange.headers, session, exchange.request_id).items()
    ]
    request = client.build_request(method, f"{agent.base_url}{path}", headers=headers, content=content)
    try:
        with session.until_it_ends():
            response = await client.send(request, stream=True)
            try:
                if not response.is_success:
                    raise refused_by_agent(response.status_code, session, f"{method} {path}")
                answered = [
                    (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers.raw
                ]
                if session.hosted.protocol == "mcp":
                    name = MCP_SESSION_HEADER.lower()
                    session.mcp_session_id = response.headers.get(name, session.mcp_session_id)
                    answered = [*(f for f in answered if f[0] != name), (name, session.mcp_session_id)]
                await exchange.start(response.status_code, [field for field in answered if field[0] in _PASSED_OUT])
                async for piece in response.aiter_raw():
                    await exchange.write(piece)
            finally:
                await response.aclose()
    except httpx2.TransportError:
        raise Refusal("RuntimeClientError", await session.why_broken()) from None
    await exchange.finish()
