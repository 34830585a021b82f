"""One request to an identity provider, and its response: the code that ``oauth`` and ``cognito`` share.

The request carries a secret, so it goes over https or stays on this machine, redirects are not followed, and neither
the request nor the response gets into an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import httpx2

from agentcore_mcp.errors import ConfigurationError, CredentialsError
from agentcore_mcp.runtime.endpoints import is_safe_for_credentials, url_of
from agentcore_mcp.runtime.environment import environment_errors, trusts_environment
from agentcore_mcp.wire.loopback import LOOPBACK_IN_WORDS
from agentcore_mcp.wire.masking import masked
from agentcore_mcp.wire.refusals import bare_code, code_in, members_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# An identity provider answers in well under a second, but Cognito may run three Lambda functions of up to 5 s first.
# This is for the whole exchange, from name resolution to the last byte of the response.
TOKEN_TIMEOUT_S = 30.0
# Tokens take a few thousand bytes each, and there are at most three in an answer.
ANSWER_MAX_BYTES = 262_144

_DETAIL_MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """The answer of an identity provider.

    Attributes:
        host: The host that answered.
        status: The HTTP status.
        body: The members of the JSON object; empty if it was not one.
        error_type: The code in ``x-amzn-errortype`` or the body's ``__type`` or ``error``, bare; "" without one.
    """

    host: str
    status: int
    body: Mapping[str, Any] = field(repr=False)
    error_type: str = ""

    def text(self, name: str) -> str:
        """Return a member if it is a string, else ""."""
        value = self.body.get(name)
        return value if isinstance(value, str) else ""


def check_token_url(text: str, setting: str) -> httpx2.URL:
    """Return the URL if secrets may be sent to it.

    Args:
        text: The URL; a query is kept.
        setting: The name of the setting, for errors.

    Raises:
        ConfigurationError: If it is not https or loopback http, or has a user name or fragment. The message shows
            the host at most, since the rest may hold a secret.
    """
    url = url_of(text)
    if url is None:
        raise ConfigurationError(f"{setting} is not a URL; it looks like https://HOST/PATH")
    if url.scheme not in ("https", "http") or url.userinfo or url.fragment:
        raise ConfigurationError(
            f"{setting} looks like https://HOST/PATH, without user name, password and fragment, but this one doesn't"
        )
    if not is_safe_for_credentials(url):
        raise ConfigurationError(
            f"{setting} would send secrets to {url.host!r} unencrypted; use https, or http with {LOOPBACK_IN_WORDS}"
        )
    return url


def post(url: httpx2.URL, body: bytes, headers: Mapping[str, str], *, setting: str, timeout_s: float) -> TokenAnswer:
    """Send one request and read the response, whatever its status. Blocks; not for a thread with an event loop.

    Args:
        url: As ``check_token_url`` returns it.
        body: The request's body.
        headers: The request's headers, with the body's type.
        setting: The name of the URL's setting, for errors.
        timeout_s: The timeout of the whole exchange.

    Raises:
        CredentialsError: If there is no answer in time, a redirect, or too large an answer.
    """
    return anyio.run(_post, url, body, headers, setting, timeout_s)


async def _post(
    url: httpx2.URL, body: bytes, headers: Mapping[str, str], setting: str, timeout_s: float
) -> TokenAnswer:
    host = url.netloc.decode("ascii")
    # A third each for connection and TLS handshake, so that neither is cancelled: httpx2 would leave the socket open.
    timeout = httpx2.Timeout(timeout_s, connect=timeout_s / 3)
    try:
        with environment_errors():
            client = httpx2.AsyncClient(trust_env=trusts_environment(url), timeout=timeout, follow_redirects=False)
    except ConfigurationError as error:
        raise CredentialsError(f"can't connect to {host}: {error.message}") from None
    received = bytearray()
    try:
        # A timeout for the whole exchange: httpx2's begin anew with every byte.
        with anyio.fail_after(timeout_s):
            async with (
                client,
                client.stream("POST", url, content=body, headers={**headers, "Accept-Encoding": "identity"}) as answer,
            ):
                if answer.is_redirect:
                    raise CredentialsError(
                        f"{host} redirects, which is not followed because secrets would be sent there; "
                        f"set {setting} to where tokens are issued"
                    )
                async for chunk in answer.aiter_bytes():
                    received += chunk
                    if len(received) > ANSWER_MAX_BYTES:
                        raise CredentialsError(f"{host} answers with more than the {ANSWER_MAX_BYTES} bytes allowed")
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        # Nothing was sent yet, so the text can't quote the request.
        detail = str(error)[:_DETAIL_MAX_CHARS] or type(error).__name__
        raise CredentialsError(f"can't connect to {host}: {detail}; check {setting} and the network") from None
    except (TimeoutError, httpx2.TimeoutException):
        raise CredentialsError(
            f"no answer from {host} within {timeout_s:g} s; check {setting} and the network"
        ) from None
    except (httpx2.RequestError, OSError, ValueError) as error:  # TLS on an event loop; an unreadable redirect
        detail = type(error).__name__
        raise CredentialsError(f"the exchange with {host} failed: {detail}; check {setting} and the network") from None
    members = members_in(bytes(received))
    error_type = code_in(answer.headers) or bare_code(members.get("__type") or members.get("error"))
    return TokenAnswer(host, answer.status_code, members, error_type)


def explain(text: str, secrets: Iterable[str]) -> str:
    """Return an identity provider's error text as the end of a sentence, with the secrets masked."""
    text = masked(text, secrets)
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return f" ({text[:_DETAIL_MAX_CHARS].rstrip('.')})" if text else ""
