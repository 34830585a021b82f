"""InvokeAgentRuntime: the payload goes to the session's agent, and its answer comes back as it is made."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.hosting.dataplane.refusals import runtime_failed
from agentcore_mcp.wire.operations import CUSTOM_HEADER_PREFIX, PAYLOAD_MAX_BYTES, SESSION_HEADER, USER_HEADER

if TYPE_CHECKING:
    from agentcore_mcp.hosting.dataplane.exchange import Exchange
    from agentcore_mcp.hosting.dataplane.session import Session

AGENT_REQUEST_ID_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Request-Id"
_TRACE_HEADERS = ("x-amzn-trace-id", "traceparent", "tracestate", "baggage")
_MCP_HEADERS = ("mcp-session-id", "mcp-protocol-version")
# What the agent gets to see: the members of the service model's request, and the custom headers. Everything else,
# Authorization first, only reaches an agent whose runtime has it on its allow list.
_PASSED_IN = frozenset(
    {"content-type", "content-length", "accept", USER_HEADER.lower(), "mcp-method", "mcp-name"}
    | {*_TRACE_HEADERS, *_MCP_HEADERS}
)
# What the client gets to see: the members of the service model's response, and how the body is framed.
_PASSED_OUT = frozenset({"content-type", "content-length", "content-encoding", *_TRACE_HEADERS, *_MCP_HEADERS})


def agent_client() -> httpx2.AsyncClient:
    """Make the HTTP client that calls agent processes.

    It waits for an answer for ever, because stopping the session is what ends a stuck agent, it opens a connection
    for each call, because one kept open could close under the next call, and it keeps no cookies, which one agent
    would set and all others get.
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
    agent = await session.agent()
    request = client.build_request(
        "POST",
        f"{agent.base_url}/invocations",
        headers=_to_agent(exchange, session.id),
        content=exchange.body(PAYLOAD_MAX_BYTES, field="payload"),
    )
    try:
        response = await client.send(request, stream=True)
        try:
            if not response.is_success:
                raise runtime_failed(
                    f"Received error ({response.status_code}) from runtime. Please check the agent's output, which "
                    "the local AgentCore prints on its standard error, for more information."
                )
            passed = [(name, value) for name, value in response.headers.items() if name in _PASSED_OUT]
            await exchange.start(response.status_code, passed)
            async for piece in response.aiter_raw():
                await exchange.write(piece)
        finally:
            await response.aclose()
    except httpx2.TransportError:
        raise runtime_failed(await session.why_broken()) from None
    await exchange.finish()


def _to_agent(exchange: Exchange, session_id: str) -> dict[str, str]:
    custom = CUSTOM_HEADER_PREFIX.lower()
    passed = {name: value for name, value in exchange.headers.items() if name in _PASSED_IN or name.startswith(custom)}
    return {
        **passed,
        "accept-encoding": "identity",
        SESSION_HEADER: session_id,
        AGENT_REQUEST_ID_HEADER: exchange.request_id,
    }
