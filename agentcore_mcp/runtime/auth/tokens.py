"""Bearer tokens: their checks, their sources, and the cache that renews a token before it expires.

A source gets tokens and knows nothing of requests: ``TokenFile`` here, ``TokenCommand``, ``ClientCredentials`` and
``CognitoPassword`` in their own modules, and any user class with a ``fetch``. ``TokenCache`` decides when to call the
source; ``runtime.auth`` adds the token to requests.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import re
import stat
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from agentcore_mcp.errors import AgentCoreError, CredentialsError
from agentcore_mcp.wire.limits import TOKEN_MIN_LEFT_S

if TYPE_CHECKING:
    import os

# AgentCore refuses a token in the last minute of its life. A second minute allows for clock skew and for requests that
# wait for a connection.
RENEWAL_MARGIN_S = 2.0 * TOKEN_MIN_LEFT_S
# A token is sent in a header, and servers accept 8 to 64 KiB of headers. Anything larger is the wrong file.
TOKEN_MAX_BYTES = 65_536

# RFC 6750, 2.1. In particular no line end, space or quote, and no JSON, which some programs print.
_SENDABLE = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# Some programs print a token with the scheme of the header, and some people copy it with that.
_SCHEME = re.compile(r"bearer(?: +|$)", re.IGNORECASE)
SENDABLE = (
    "a bearer token is not empty and has letters, digits and -._~+/ alone, = at its end: no spaces, quotes or JSON"
)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and its expiry. Times are in seconds since the epoch.

    Attributes:
        value: The bare token, without ``Bearer``.
        expires_at: When servers begin to refuse it; infinite if unknown.
        renew_at: When the cache begins to ask the source for a new token.
        refresh_token: The refresh token for the next one, if any.
    """

    value: str = field(repr=False)
    expires_at: float = math.inf
    renew_at: float = math.inf
    refresh_token: str | None = field(default=None, repr=False)

    @classmethod
    def issued(cls, value: str, *, expires_in: object = None, refresh_token: str | None = None) -> Self:
        """Make a token that was just issued.

        Args:
            value: The bare token.
            expires_in: The token's lifetime in seconds as a token endpoint returns it, a number or its digits. If it
                is anything else, the ``exp`` claim of a JWT counts.
            refresh_token: The refresh token for the next one, if any.
        """
        now = time.time()
        lifetime_s = _seconds(expires_in)
        if lifetime_s == math.inf:
            lifetime_s = max(0.0, _seconds(read_claims(value).get("exp")) - now)
        # For a short life use half of it, or a token of two minutes would be renewed for every request.
        margin_s = min(RENEWAL_MARGIN_S, max(TOKEN_MIN_LEFT_S, lifetime_s / 2))
        return cls(value, now + lifetime_s, now + lifetime_s - margin_s, refresh_token)


class TokenSource(Protocol):
    """A source of tokens."""

    def fetch(self, previous: Token | None) -> Token:
        """Get a token. Called in its own thread, never concurrently, so it may block, but not forever.

        Args:
            previous: The token of the last call, whose refresh token may be usable; None at first.

        Raises:
            CredentialsError: If it can't get a token; the message must say what to do and contain no secret.
        """


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file with the bare token in it. It is read for each request, so renewing the token only means writing the file.

    Attributes:
        path: A regular file of at most 65,536 bytes; space around the token and a leading ``Bearer`` are ignored.
    """

    path: str | os.PathLike[str]

    def fetch(self, previous: Token | None) -> Token:  # noqa: ARG002 - the file alone counts
        """Read the file.

        Raises:
            CredentialsError: If it can't be read or holds no token.
        """
        path = Path(self.path)
        try:
            # Anything else, such as a pipe, could block.
            if not stat.S_ISREG(path.stat().st_mode):
                raise CredentialsError(f"the token file {str(path)!r} is no regular file")
            with path.open("rb") as file:
                data = file.read(TOKEN_MAX_BYTES + 1)
        except OSError as error:
            raise CredentialsError(f"can't read the token file {str(path)!r}: {error.strerror}") from None
        if len(data) > TOKEN_MAX_BYTES:
            raise CredentialsError(f"the token file {str(path)!r} has more than the {TOKEN_MAX_BYTES} bytes allowed")
        text = without_scheme(data.decode("utf-8-sig", "replace").strip())
        if not is_sendable(text):
            raise CredentialsError(f"the token file {str(path)!r} holds {len(text)} characters; {SENDABLE}")
        return Token(text, expires_at=0.0, renew_at=0.0)


class TokenCache:
    """Keeps the token of a source until renewal, for async callers of any event loop and sync callers of any thread.

    If several callers need a new token, the source is called once and all of them get its result. The call runs in a
    separate thread, so that cancelling a caller doesn't affect the others.

    Args:
        source: The source of tokens, or a fixed token.
    """

    def __init__(self, source: TokenSource | Token) -> None:
        self._source = None if isinstance(source, Token) else source
        self._token = source if isinstance(source, Token) else None
        self._lock = threading.Lock()
        # The pending call's result: a token, or the error text, with which each waiter raises its own exception.
        self._asking: Future[Token | str] | None = None

    def get(self, *, refused: str | None = None) -> str:
        """Return a token that is not due for renewal, blocking this thread if needed.

        Args:
            refused: The token that a server refused. It is returned again only if the source has no other.

        Raises:
            CredentialsError: If the source has no token.
        """
        found = self._find(refused)
        return self._settle(found if isinstance(found, Token) else found.result(), refused)

    async def aget(self, *, refused: str | None = None) -> str:
        """Like ``get``, but wait in this task."""
        found = self._find(refused)
        # Cancelling this wait does not cancel the call of the source: a running future can't be cancelled.
        return self._settle(found if isinstance(found, Token) else await asyncio.wrap_future(found), refused)

    def _find(self, refused: str | None) -> Token | Future[Token | str]:
        with self._lock:
            token = self._token
            source = self._source
            if token is not None and (source is None or (token.value != refused and time.time() < token.renew_at)):
                return token
            if self._asking is None:
                asking: Future[Token | str] = Future()
                asking.set_running_or_notify_cancel()
                # A daemon thread, so that a program can exit without waiting for a token.
                threading.Thread(target=self._ask, args=(source, token, asking), daemon=True).start()
                self._asking = asking
            return self._asking

    def _ask(self, source: TokenSource, previous: Token | None, asking: Future[Token | str]) -> None:
        name = type(source).__name__
        outcome: Token | str
        try:
            outcome = source.fetch(previous)
            if not is_sendable(outcome.value):
                outcome = f"{name} gave {len(outcome.value)} characters; {SENDABLE}"
        except AgentCoreError as error:
            outcome = error.message
        except BaseException as error:  # noqa: BLE001 - or the waiters would wait forever; its text may hold a secret
            outcome = f"{name} failed: {type(error).__name__}"
        with self._lock:
            self._asking = None
            # Don't keep a token that is for one request only.
            if isinstance(outcome, Token) and (outcome.expires_at > 0 or outcome.refresh_token):
                self._token = outcome
        asking.set_result(outcome)

    def _settle(self, outcome: Token | str, refused: str | None) -> str:
        if isinstance(outcome, Token):
            return outcome.value
        kept = self._token
        if kept is not None and kept.value != refused and time.time() < kept.expires_at < math.inf:
            return kept.value  # due for renewal, but not expired
        # A new exception for each waiter, since each adds its own session id and traceback; and outside any except
        # block, so that the source's exception is not chained to it.
        raise CredentialsError(outcome)


def without_scheme(text: str) -> str:
    """Return a token without ``Bearer`` before it."""
    found = _SCHEME.match(text)
    return text if found is None else text[found.end() :]


def is_sendable(text: str) -> bool:
    """Tell whether a text can be sent as a bearer token."""
    return _SENDABLE.fullmatch(text) is not None


def read_claims(token: str) -> dict[str, Any]:
    """Return the claims of a JWT without verifying them; empty for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _seconds(value: object) -> float:
    """Return a count of seconds; infinite if the value is not a number of 0 or more."""
    if not isinstance(value, int | float | str):
        return math.inf
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return math.inf
    return seconds if seconds >= 0 else math.inf
