"""How a runtime learns who calls: by a user id from the caller's token, or by a token that stands for it.

A caller's token goes to the one place that the configuration names for it: the authorization server that exchanges it,
AgentCore Identity, or the runtime, where the token is meant for that as well.
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

# What AgentCore Identity takes for a user id (GetWorkloadAccessTokenForUserId); the header alone may have 1,024.
USER_ID_MAX_CHARS = 128
_VISIBLE_ASCII = re.compile("[!-~]+")
# For how many callers, those who called last.
KEPT_MAX = 10_000


def user_id_of(agent: Agent, principal: Principal) -> str | None:
    """Return the user that an invocation names to the runtime; None for none.

    That of the configuration, or ``ISSUER#SUBJECT``; the first ``#`` is between the two, as an issuer has none. Longer
    than 128 characters, or with others than visible ASCII, it is ``sha256:`` and the hash of both with their lengths.
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
    """Return a token as it is, if it names an audience in one of its claims.

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
    """A source of tokens that stand for one caller's, which it has only while requests with that are on their way."""

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
    """Sends a token that stands for the caller of the request that is being answered.

    Args:
        exchange: Returns that token for the caller's; it may block, and raises a CredentialsError if it gets none.
    """

    def __init__(self, exchange: Callable[[str], Token]) -> None:
        self._exchange = exchange
        # By a digest, since nothing of a caller's token is kept.
        self._kept: OrderedDict[bytes, _Exchange] = OrderedDict()

    def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Add the token.

        Raises:
            CredentialsError: If there is none, such as for a stop on the server's own account.
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
