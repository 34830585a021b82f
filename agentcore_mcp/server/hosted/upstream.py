"""Identifies the caller to a runtime: by a user id from the caller's token, or by a token on the caller's behalf.

A caller's token goes only where the configuration sends it: to the authorization server that exchanges it, to AgentCore
Identity, or to the runtime, if the token is meant for that as well.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import CredentialsError
from agentcore_mcp.runtime.auth.authorization import GuardedAuth
from agentcore_mcp.runtime.auth.bearer import BearerAuth
from agentcore_mcp.runtime.auth.tokens import Token, read_claims
from agentcore_mcp.server.hosted.principals import current_principal, current_token

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from agentcore_mcp.config import Agent
    from agentcore_mcp.server.hosted.principals import Principal

# AgentCore Identity's limit of a user id (GetWorkloadAccessTokenForUserId); the header itself may have 1,024.
USER_ID_MAX_CHARS = 128
_VISIBLE_ASCII = re.compile("[!-~]+")
# How many callers' token sources are kept; the least recently used goes first.
KEPT_MAX = 10_000


def user_id_of(agent: Agent, principal: Principal) -> str | None:
    """Return the user id that an invocation sends to the runtime, or None.

    It is the configured one, or ``ISSUER#SUBJECT``, split at the first ``#``, as an issuer has none. If that has more
    than 128 characters or any but visible ASCII, it is ``sha256:`` and the hash of both with their lengths.
    """
    if agent.user_id is not None or not agent.send_user_id or not principal.subject:
        return agent.user_id
    if not (agent.auth.none or agent.auth.signs):
        return None
    user_id = f"{principal.issuer}#{principal.subject}"
    if len(user_id) <= USER_ID_MAX_CHARS and _VISIBLE_ASCII.fullmatch(user_id):
        return user_id
    both = "".join(f"{len(part)}:{part}" for part in (principal.issuer, principal.subject))
    return f"sha256:{hashlib.sha256(both.encode('utf-8', 'surrogatepass')).hexdigest()}"


def passed_through(token: str, *, audience: str, audience_claim: str) -> Token:
    """Return a token unchanged, if one of its claims names an audience.

    Raises:
        CredentialsError: If it does not.
    """
    named = read_claims(token).get(audience_claim)
    if audience not in (named if isinstance(named, list) else [named]):
        raise CredentialsError(
            f"the caller's token is not sent to the runtime, because its claim {audience_claim} doesn't name "
            f"{audience!r}; the caller needs a token for both, or the server token_exchange instead of pass_through"
        )
    return Token(token, expires_at=0.0, renew_at=0.0)


class _Exchange:
    """Exchanges one caller's token for others; it has the caller's own only while requests that use it are running."""

    def __init__(self, exchange: Callable[[str], Token]) -> None:
        self._exchange = exchange
        self._given: list[str] = []
        self.auth = BearerAuth(self)

    def fetch(self, previous: Token | None) -> Token:  # noqa: ARG002 - the caller's token alone counts
        given = self._given[:1]
        if not given:  # Asked from a thread: its request may have been cancelled meanwhile.
            raise CredentialsError("the request whose caller's token was to be exchanged was cancelled; call again")
        return self._exchange(given[0])

    @contextmanager
    def having(self, token: str) -> Iterator[None]:
        self._given.append(token)
        try:
            yield
        finally:
            self._given.pop()


class CallerAuth(httpx2.Auth):
    """Sends a token on behalf of the caller of the request that is being answered.

    Args:
        exchange: Returns that token for the caller's own; it may block, and raises CredentialsError if it gets none.
    """

    def __init__(self, exchange: Callable[[str], Token]) -> None:
        self._exchange = exchange
        # Keyed by a digest: callers' tokens themselves are not kept.
        self._kept: OrderedDict[bytes, _Exchange] = OrderedDict()

    def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Add the token.

        Raises:
            CredentialsError: If there is no caller's token, as when the server itself stops a session.
        """
        caller, token = current_principal(), current_token()
        if not token:
            raise CredentialsError("the agent is called with its callers' tokens, and no caller asked for this")
        key = hashlib.sha256(f"{caller.key} {token}".encode()).digest()
        source = self._kept.get(key) or self._kept.setdefault(key, _Exchange(self._exchange))
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return GuardedAuth(source.auth, partial(source.having, token)).async_auth_flow(request)
