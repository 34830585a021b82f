"""AgentCoreRuntimeClient: ask agents, run commands and stop sessions, blocking or not, and open WebSockets.

The names, argument orders and results are those of the ``bedrock-agentcore`` package, its pull request 422 included, so
that a program only has to change its import. The methods are in ``methods``, once more in ``blocking``, and in
``websockets``. ``RuntimeClient`` is the other way to call: typed events, and answers that know their session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth
from agentcore_mcp.runtime.blocking.client import BlockingRuntimeClient
from agentcore_mcp.runtime.blocking.methods import BlockingMethods
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.runtime.endpoints import endpoints
from agentcore_mcp.runtime.environment import Certificates
from agentcore_mcp.runtime.retries import DEFAULT_RETRIES, Retries
from agentcore_mcp.runtime.sdk.methods import AsyncMethods
from agentcore_mcp.runtime.sdk.websockets import WebSocketMethods

if TYPE_CHECKING:
    from types import TracebackType

    import httpx2


class AgentCoreRuntimeClient(BlockingMethods, AsyncMethods, WebSocketMethods):
    """Calls agent runtimes. It keeps nothing open between calls, and may be shared by threads and by event loops.

    Each method that blocks runs in the calling thread, with no event loop behind it; its namesake in ``…_async`` does
    the same on an event loop. A blocking generator that is dropped is closed at once, an async one by its event loop a
    little later.

    Arguments of several methods:

    - ``runtime_arn``: The runtime. Host and signature are for its region.
    - ``bearer_token``: An OAuth access token; None signs with AWS credentials (SigV4), or does as ``auth`` says.
    - ``session_id``: 33 to 256 visible ASCII characters; None begins a new session.
    - ``endpoint_name``: The runtime's endpoint; None leaves the choice to the service (DEFAULT).
    - ``headers``: Further headers, such as ``X-Amzn-Bedrock-AgentCore-Runtime-Custom-*`` or trace context.
    - ``timeout``: For silence, in seconds: before an answer, and between two pieces of it. All of an answer's head may
      take twice as long. There is no limit for an answer that goes on arriving.

    Every method raises InvalidRequestError, which is a ValueError, for arguments that the service would refuse, before
    anything is sent; CredentialsError if there is nothing to sign with; TransportError and ProtocolError for what goes
    wrong on the line; and AgentRuntimeError if AgentCore refuses (ServiceError) or the agent fails (AgentError).

    On purpose not as in the published package: the region is always the ARN's; no endpoint is named unless asked for; a
    signature covers the session id; a further header replaces none of the request's own; a command's stream without
    its exit code raises StreamInterruptedError; an event with a member ``error`` is a failure only if it has exactly
    the form in which ``BedrockAgentCoreApp`` reports one.

    Args:
        region: What ``client.region`` says. It is not needed.
        session: A botocore or boto3 session that knows the AWS credentials; None is the default chain.
        auth: The auth flow of calls without a ``bearer_token``, such as ``BearerAuth(TokenCommand([…]))``,
            whose tokens are renewed; None signs them. Presigned URLs are always signed.
        endpoint_url: Where to send everything, instead of to the service: https, or http to this machine.
        use_fips: Send to the host whose cryptography is validated by FIPS 140.
        use_dualstack: Send to the host that has IPv6 addresses too.
        retries: When a call is sent again that didn't reach an agent; ``Retries(max_attempts=1)`` for never.
        transport: An httpx2 transport for the methods that block. It is closed with the client.
        async_transport: One for the async methods. It is closed at the end of an ``async with`` block.

    Raises:
        ConfigurationError: If the endpoint URL is neither https nor on this machine, or FIPS or dual-stack is asked
            for besides it.
    """

    def __init__(
        self,
        region: str | None = None,
        session: Any = None,
        *,
        auth: httpx2.Auth | None = None,
        endpoint_url: str | None = None,
        use_fips: bool = False,
        use_dualstack: bool = False,
        retries: Retries = DEFAULT_RETRIES,
        transport: httpx2.BaseTransport | None = None,
        async_transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.region = region
        self.session = session
        self._sigv4 = SigV4Auth(session)
        self._auth = self._sigv4 if auth is None else auth
        self._url_for = endpoints(endpoint_url, use_fips=use_fips, use_dualstack=use_dualstack)
        shared: dict[str, Any] = {
            "auth": self._auth,
            "endpoint_url": endpoint_url,
            "use_fips": use_fips,
            "use_dualstack": use_dualstack,
            "retries": retries,
            "tls": Certificates().read,
        }
        self._runtime = BlockingRuntimeClient(**shared, transport=transport)
        self._runtime_async = RuntimeClient(**shared, transport=async_transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runtime_async.aclose()
        self.close()

    def close(self) -> None:
        """Close ``transport``. There is nothing else to close."""
        self._runtime.close()
