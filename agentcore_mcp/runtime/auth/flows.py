"""How a request proves who sends it: SigV4, a bearer token, or nothing at all, each as an httpx2 auth flow.

Everything that touches ``Authorization`` is here, and goes on a request through ``_put_on`` alone, which refuses an
address where it could be read on the way. botocore finds the credentials and signs; it is imported at the first
signature, not before, and in a worker thread, since finding credentials may ask a metadata service, an SSO portal
or another process.
"""

from __future__ import annotations

import threading
from contextlib import aclosing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import httpx2

from agentcore_mcp.errors import AgentCoreError, ConfigurationError, CredentialsError
from agentcore_mcp.runtime.auth.aws_credentials import usable_credentials
from agentcore_mcp.runtime.auth.tokens import SENDABLE, Token, TokenCache, TokenSource, is_sendable, without_scheme
from agentcore_mcp.runtime.endpoints import is_loopback, is_safe_for_credentials

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator, Mapping

# Under this name a request's extensions carry the region it is signed for: it belongs to the request, not to the
# credentials, so one SigV4Auth serves agents in several regions.
REGION_EXTENSION = "aws_region"

_SERVICE = "bedrock-agentcore"

# botocore adds these after signing, so they are not in its signature and may be changed on the way. What else is
# left out (trace headers, user agent) is botocore's own list.
_ADDED_AFTER_SIGNING = frozenset({"accept-encoding", "content-length"})

# httpx2 reads a refusal to its end before it sends the request again, however long that end is in coming. So its
# connection is closed and this put in the place of its body.
_UNREAD = b""


class SigV4Auth(httpx2.Auth):
    """Signs requests with AWS credentials, as botocore does for the same request.

    The region is taken from ``request.extensions[REGION_EXTENSION]``.

    Args:
        session: A botocore or boto3 session that knows the credentials. None: a new botocore session and its
            default chain (environment, profile, SSO, process, container and instance roles).
    """

    requires_request_body = True

    def __init__(self, session: Any = None) -> None:
        self._session = session
        # One resolution at a time: a hundred calls at start must not mean a hundred SSO refreshes. Its own limiter,
        # so that waiting for credentials never uses up the threads others share. The lock covers the thread of a
        # cancelled call, which nobody waits for any more, and sync callers.
        self._turn = anyio.CapacityLimiter(1)
        self._lock = threading.Lock()

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sign in this thread.

        Raises:
            CredentialsError: If there are no usable credentials.
        """
        _put_on(request, self._sign(request))
        yield request

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Sign in a worker thread: credentials may need a refresh, and hashing 100 MB takes a while too.

        Raises:
            CredentialsError: If there are no usable credentials.
        """
        await request.aread()
        signed = await anyio.to_thread.run_sync(self._sign, request, abandon_on_cancel=True, limiter=self._turn)
        _put_on(request, signed)
        yield request

    def presign(self, url: str, *, region: str, expires_s: int) -> str:
        """Return a URL that whoever has it can send a GET request to for a while, as botocore signs it.

        Args:
            url: Where to.
            region: The region that is signed for.
            expires_s: For how many seconds from now.

        Raises:
            CredentialsError: If there are no usable credentials.
        """
        from botocore.auth import SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        signed = AWSRequest("GET", url)
        SigV4QueryAuth(self.credentials(), _SERVICE, region, expires=expires_s).add_auth(signed)
        return str(signed.url)

    def _sign(self, request: httpx2.Request) -> dict[str, str]:
        """Return the headers that the signature adds."""
        from botocore.auth import SigV4Auth as Signer
        from botocore.awsrequest import AWSRequest

        unsigned = {name: value for name, value in request.headers.items() if name.lower() not in _ADDED_AFTER_SIGNING}
        signed = AWSRequest(request.method, str(request.url), headers=unsigned, data=request.content)
        Signer(self.credentials(), _SERVICE, request.extensions[REGION_EXTENSION]).add_auth(signed)
        return {name: value for name, value in signed.headers.items() if name not in unsigned}

    def credentials(self) -> Any:
        """Return credentials that are valid now: found at first use, refreshed by botocore when they run out."""
        import botocore.session

        with self._lock:
            session = self._session or botocore.session.Session()
            credentials = usable_credentials(session)
            # Kept from the first success on: until then each attempt reads the configuration files anew.
            self._session = session
            return credentials


class BearerAuth(httpx2.Auth):
    """Sends an OAuth access token, and once more with another one if it is answered with a 401.

    Nothing is done twice by that: AgentCore's front door refuses a token before the agent is reached.

    Args:
        token: The token, or where tokens come from. ``Bearer`` before it is left out.

    Raises:
        ConfigurationError: If it is empty or has characters that a header can't carry.
    """

    requires_request_body = True

    def __init__(self, token: str | TokenSource) -> None:
        if isinstance(token, str):
            bare = without_scheme(token)
            if not is_sendable(bare):
                raise ConfigurationError(f"the bearer token ({len(token)} characters) can't be sent; {SENDABLE}")
            self._tokens = TokenCache(Token(bare))
        else:
            self._tokens = TokenCache(token)

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the token, waiting for it in this thread.

        Raises:
            CredentialsError: If there is no token.
        """
        token = self._tokens.get()
        _put_on(request, _bearer(token))
        response = yield request
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            another = self._tokens.get(refused=token)
            if another != token:
                if isinstance(response.stream, httpx2.SyncByteStream):
                    response.stream.close()
                response.stream = httpx2.ByteStream(_UNREAD)
                _put_on(request, _bearer(another))
                yield request

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Add the token, waiting for it in this task.

        Raises:
            CredentialsError: If there is no token.
        """
        await request.aread()
        token = await self._tokens.aget()
        _put_on(request, _bearer(token))
        response = yield request
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            another = await self._tokens.aget(refused=token)
            if another != token:
                if isinstance(response.stream, httpx2.AsyncByteStream):
                    await response.stream.aclose()
                response.stream = httpx2.ByteStream(_UNREAD)
                _put_on(request, _bearer(another))
                yield request


class NoAuth(httpx2.Auth):
    """Sends nothing: for the local AgentCore, and refused anywhere but on this machine."""

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Pass the request on as it is.

        Raises:
            ConfigurationError: If it would leave this machine.
        """
        if not is_loopback(request.url.host):
            raise ConfigurationError(
                f"a request to {request.url.host!r} needs credentials; none are needed on localhost only"
            )
        yield request


class ToldApart(httpx2.Auth):
    """Another auth flow, whoever has written it, whose failures are not taken for those of the line.

    Args:
        auth: The flow.
    """

    def __init__(self, auth: httpx2.Auth) -> None:
        self._auth = auth

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Do as the flow does.

        Raises:
            CredentialsError: If it fails; what it raised is the cause.
        """
        with _failures_of_credentials():
            yield from self._auth.sync_auth_flow(request)

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Do as the flow does.

        Raises:
            CredentialsError: If it fails; what it raised is the cause.
        """
        with _failures_of_credentials():
            async with aclosing(self._auth.async_auth_flow(request)) as flow:
                request = await anext(flow)
                with suppress(StopAsyncIteration):
                    while True:
                        request = await flow.asend((yield request))


@contextmanager
def _failures_of_credentials() -> Iterator[None]:
    try:
        yield
    except AgentCoreError:
        raise
    except (OSError, ValueError) as error:
        # Without its text, which may have a secret in it.
        raise CredentialsError(
            f"there are no credentials: the client's auth failed with {type(error).__name__}"
        ) from error


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _put_on(request: httpx2.Request, headers: Mapping[str, str]) -> None:
    if not is_safe_for_credentials(request.url):
        raise ConfigurationError(f"credentials are not sent to {request.url.host!r} over {request.url.scheme!r}")
    request.headers.update(headers)
