"""AgentCoreRuntimeClient: invoke agents, run commands and stop sessions, blocking or async, and open WebSockets.

The names, argument orders and results are those of the ``bedrock-agentcore`` package, its pull request 422 included, so
that a program only has to change its import. The methods are in ``methods``, its blocking copy in ``blocking``, and
``websockets``. ``RuntimeClient`` is the alternative, with typed events, and answers that know their session.
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

    Blocking methods run in the calling thread, without an event loop; their counterparts in ``…_async`` run on an event
    loop. A blocking generator that is dropped is closed at once, an async one a little later by its event loop.

    Arguments of several methods:

    - ``runtime_arn``: The runtime. Its region determines host and signature.
    - ``bearer_token``: An OAuth access token; None uses ``auth``, or signs with AWS credentials (SigV4).
    - ``session_id``: 33 to 256 visible ASCII characters; None begins a new session.
    - ``endpoint_name``: The runtime's endpoint; None leaves the choice to the service (DEFAULT).
    - ``headers``: Further headers, such as ``X-Amzn-Bedrock-AgentCore-Runtime-Custom-*`` or trace context.
    - ``timeout``: Limit for silence, in seconds: before an answer, and between two pieces of it. All of an answer's
      head may take twice as long. There is no limit for an answer that keeps arriving.

    Every method raises InvalidRequestError, which is a ValueError, for arguments that the service would refuse, before
    anything is sent; CredentialsError without usable credentials; TransportError or ProtocolError if the connection or
    the answer is broken; and AgentRuntimeError if AgentCore refuses (ServiceError) or the agent fails (AgentError).

    Deliberate differences from the published package: the region is always the ARN's; an endpoint is sent only if
    given; a signature covers the session id; further headers can't replace the request's own; a command's stream
    without an exit code raises StreamInterruptedError; an event with a member ``error`` is a failure only if it has
    exactly the form in which ``BedrockAgentCoreApp`` reports one.

    Args:
        region: The value of ``client.region``; not needed.
        session: A botocore or boto3 session with the AWS credentials; None is the default chain.
        auth: The auth flow of calls without a ``bearer_token``, such as ``BearerAuth(TokenCommand([…]))``,
            whose tokens are renewed; None signs them. Presigned URLs are always signed.
        endpoint_url: The URL for all requests, instead of the service's: https, or http to this machine.
        use_fips: Send to the host whose cryptography is validated by FIPS 140.
        use_dualstack: Send to the host that has IPv6 addresses too.
        retries: When to repeat a call that didn't reach an agent; ``Retries(max_attempts=1)`` for never.
        transport: An httpx2 transport for the blocking methods. It is closed with the client.
        async_transport: A transport for the async methods. It is closed at the end of an ``async with`` block.

    Raises:
        ConfigurationError: If the endpoint URL is neither https nor on this machine, or is combined with FIPS or
            dual-stack.
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
