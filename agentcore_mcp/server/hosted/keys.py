"""The public keys of an authorization server, fetched when a token needs them and kept.

Keys rotate, so an unknown key id leads to another fetch; but not for every token, since anybody can make up key ids.
While the authorization server can't be reached, the keys fetched last stay valid for a day: with more, a revoked key
would be accepted for too long.
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import urlsplit

import anyio
import httpx2

from agentcore_mcp.config.hosted import Algorithm
from agentcore_mcp.runtime.environment import tls_context, trusts_environment
from agentcore_mcp.wire.headers import JSON_TYPE
from agentcore_mcp.wire.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt import PyJWK

    from agentcore_mcp.config.hosted import Issuer, ServerAuth

# How long keys are used before they are fetched again; a revoked key may be accepted that long.
FRESH_S = 3600.0
# How long keys are used if fetching them fails.
STALE_S = 86_400.0
# How soon an unknown key id, or a failure, may lead to another fetch.
AGAIN_S = 30.0
FETCH_TIMEOUT_S = 10.0
# A key takes about 500 bytes; Entra ID has a dozen.
DOCUMENT_MAX_BYTES = 262_144

logger = logging.getLogger(__name__)


class KeysUnavailableError(Exception):
    """An authorization server's keys can't be fetched, so its tokens can't be verified."""


def key_client(auth: ServerAuth) -> httpx2.AsyncClient:
    """Return the HTTP client for issuers' keys. It follows no redirects, and trusts the system's certificates.

    Raises:
        ConfigurationError: If the certificates can't be read.
    """
    by_proxy = all(trusts_environment(httpx2.URL(issuer.issuer)) for issuer in auth.issuers)
    return httpx2.AsyncClient(verify=tls_context(), trust_env=by_proxy, follow_redirects=False)


class IssuerKeys:
    """The keys of one issuer.

    Args:
        issuer: The issuer.
        http: Fetches them. It must not follow redirects.
        now: A monotonic clock, in seconds.
    """

    def __init__(self, issuer: Issuer, http: httpx2.AsyncClient, *, now: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._http = http
        self._now = now
        self._keys: dict[tuple[str | None, str], PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = anyio.Lock()

    async def key(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """Return the key with an id, for use with an algorithm; None if the issuer has no such key.

        Raises:
            KeysUnavailableError: If the issuer's keys can't be fetched, and those fetched last are too old.
        """
        age = self._now() - self._fetched_at
        is_good = age <= STALE_S and (key_id, algorithm) in self._keys
        # One request refreshes old keys while the others go on using them, since an issuer may be slow.
        if not is_good or (age > FRESH_S and not self._fetching.locked()):
            await self._refresh()
        if self._now() - self._fetched_at > STALE_S:
            raise KeysUnavailableError(f"the keys of {self._issuer.issuer} can't be fetched")
        return self._keys.get((key_id, algorithm))

    async def _refresh(self) -> None:
        tried_at = self._tried_at
        async with self._fetching:
            # The request that held the lock has fetched the keys for all that waited.
            if self._tried_at != tried_at or self._now() - self._tried_at < AGAIN_S:
                return
            self._tried_at = self._now()
            try:
                with anyio.fail_after(FETCH_TIMEOUT_S):
                    self._keys = _usable(await self._document(await self._jwks_url()))
            except (httpx2.HTTPError, OSError, ValueError, RecursionError, TimeoutError) as error:
                logger.warning(
                    "can't fetch the keys of %s: %s", self._issuer.issuer, str(error) or type(error).__name__
                )
                return
            self._fetched_at = self._now()

    async def _jwks_url(self) -> str:
        if self._issuer.jwks_url is not None:
            return self._issuer.jwks_url
        from mcp.client.auth.utils import build_oauth_authorization_server_metadata_discovery_urls as places_of

        places = places_of(self._issuer.issuer, "")
        for place in places:
            try:
                metadata = await self._document(place)
            except (httpx2.HTTPStatusError, ValueError):  # the body may be an HTML page
                continue
            # Otherwise one issuer could speak for another (RFC 8414, 3.3).
            if metadata.get("issuer") != self._issuer.issuer:
                raise ValueError(f"its metadata is of the issuer {metadata.get('issuer')!r}")
            jwks = metadata.get("jwks_uri")
            if not isinstance(jwks, str) or not self._may_fetch(jwks):
                raise ValueError(f"its jwks_uri is {jwks!r}, which is not https")
            return jwks
        raise ValueError(f"it has no metadata at {', '.join(places)}; set jwks_url")

    def _may_fetch(self, address: str) -> bool:
        url = urlsplit(address)
        at_home = is_loopback(urlsplit(self._issuer.issuer).hostname or "")
        return url.scheme == "https" or (url.scheme == "http" and at_home and is_loopback(url.hostname or ""))

    async def _document(self, url: str) -> dict[str, Any]:
        received = bytearray()
        async with self._http.stream("GET", url, headers={"Accept": JSON_TYPE}) as answer:
            if answer.status_code != 200:
                raise httpx2.HTTPStatusError(
                    f"{url} answers with HTTP {answer.status_code}", request=answer.request, response=answer
                )
            async for chunk in answer.aiter_bytes():
                received += chunk
                if len(received) > DOCUMENT_MAX_BYTES:
                    raise ValueError(f"{url} answers with more than {DOCUMENT_MAX_BYTES} bytes")
        document = json.loads(received)
        if not isinstance(document, dict):
            raise ValueError(f"{url} answers with no JSON object")  # noqa: TRY004 - about the document, not our types
        return document


def _usable(jwks: dict[str, Any]) -> dict[tuple[str | None, str], PyJWK]:
    """Return the public keys of a JSON Web Key Set by their ids and each algorithm that they can be used with.

    If the set has only one key, tokens may omit the key id.
    """
    import jwt

    given = jwks.get("keys")
    keys = [
        key
        for key in (given if isinstance(given, list) else [])
        if isinstance(key, dict) and isinstance(key.get("kid"), str | None) and key.get("use", "sig") == "sig"
    ]
    usable: dict[tuple[str | None, str], PyJWK] = {}
    for key in keys:
        for algorithm in get_args(Algorithm):
            if key.get("alg", algorithm) == algorithm:
                with suppress(jwt.PyJWTError):
                    usable[key.get("kid"), algorithm] = jwt.PyJWK(key, algorithm)
    if not usable:
        raise ValueError("it publishes no key for signatures")
    return usable | ({(None, algorithm): key for (_, algorithm), key in usable.items()} if len(keys) == 1 else {})
