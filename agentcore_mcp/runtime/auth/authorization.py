"""Authorization: adds credentials to a request, provides the flow without any, and translates failures of flows."""

from __future__ import annotations

from contextlib import aclosing, contextmanager, suppress
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import AgentCoreError, ConfigurationError, CredentialsError
from agentcore_mcp.runtime.endpoints import is_safe_for_credentials
from agentcore_mcp.wire.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
    from contextlib import AbstractContextManager


def authorize(request: httpx2.Request, headers: Mapping[str, str]) -> None:
    """Add a request's credentials.

    Raises:
        ConfigurationError: If the connection to its URL could be read in transit.
    """
    if not is_safe_for_credentials(request.url):
        raise ConfigurationError(f"credentials are not sent to {request.url.host!r} over {request.url.scheme!r}")
    request.headers.update(headers)


class NoAuth(httpx2.Auth):
    """Sends no credentials: for the local AgentCore, and refused for any host but this machine."""

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Pass the request on as it is.

        Raises:
            ConfigurationError: If the request would leave this machine.
        """
        if not is_loopback(request.url.host):
            raise ConfigurationError(
                f"a request to {request.url.host!r} needs credentials; none are needed on localhost only"
            )
        yield request


@contextmanager
def _failures_of_credentials() -> Iterator[None]:
    try:
        yield
    except AgentCoreError:
        raise
    except (OSError, ValueError) as error:
        # Leave out the error's text, which may contain a secret.
        raise CredentialsError(
            f"there are no credentials: the client's auth failed with {type(error).__name__}"
        ) from error


class GuardedAuth(httpx2.Auth):
    """Wraps another auth flow, perhaps a user's own: its failures become CredentialsErrors, not TransportErrors.

    Args:
        auth: The flow.
        inside: Makes the context manager that the flow runs in; the default translates its failures.
    """

    def __init__(
        self, auth: httpx2.Auth, inside: Callable[[], AbstractContextManager[None]] = _failures_of_credentials
    ) -> None:
        self._auth = auth
        self._inside = inside

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Do as the flow does.

        Raises:
            CredentialsError: If it fails; what it raised is the cause.
        """
        with self._inside():
            yield from self._auth.sync_auth_flow(request)

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Do as the flow does.

        Raises:
            CredentialsError: If it fails; what it raised is the cause.
        """
        with self._inside():
            async with aclosing(self._auth.async_auth_flow(request)) as flow:
                request = await anext(flow)
                with suppress(StopAsyncIteration):
                    while True:
                        request = await flow.asend((yield request))
