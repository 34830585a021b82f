"""Bearer tokens: what one is, where it may come from, and the cache that asks for a new one before the old one ends.

A source knows how to get a token and nothing of requests; ``TokenFile`` here, ``TokenCommand``, ``ClientCredentials``
and ``CognitoPassword`` in modules of their own, and any class of a user's with a ``fetch``. ``TokenCache`` decides
when to ask it. What the token is then sent with is for ``runtime.auth`` to decide.
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

# AgentCore refuses a token in the last minute of its life, so that minute is worth nothing. Another one is for clocks
# that differ and requests that wait for a connection.
RENEWAL_MARGIN_S = 2.0 * TOKEN_MIN_LEFT_S
# Tokens are carried in a header, and servers take 8 to 64 KiB of those. More is not a token but a wrong file.
TOKEN_MAX_BYTES = 65_536

# RFC 6750, 2.1. In particular no line end or space, and nothing of the JSON or the quotes that some programs print.
_SENDABLE = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# Some programs print a token as it stands in a header, and some people copy it from one.
_SCHEME = re.compile(r"bearer(?: +|$)", re.IGNORECASE)
SENDABLE = (
    "a bearer token is not empty and has letters, digits and -._~+/ alone, = at its end: no spaces, quotes or JSON"
)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and what is known of its end. Times are in seconds since the epoch.

    Attributes:
        value: The bare token, without ``Bearer``.
        expires_at: From when on it is refused; infinite if unknown.
        renew_at: From when on the source is asked for another one.
        refresh_token: What the source may get the next one with.
    """

    value: str = field(repr=False)
    expires_at: float = math.inf
    renew_at: float = math.inf
    refresh_token: str | None = field(default=None, repr=False)

    @classmethod
    def issued(cls, value: str, *, expires_in: object = None, refresh_token: str | None = None) -> Self:
        """Make the token that was issued just now.

        Args:
            value: The bare token.
            expires_in: How many seconds it is good for, as a token endpoint says it: a number or its digits. If it
                is anything else, the ``exp`` claim counts, if the token is a JWT.
            refresh_token: What the source may get the next one with.
        """
        now = time.time()
        lifetime_s = _seconds(expires_in)
        if lifetime_s == math.inf:
            lifetime_s = max(0.0, _seconds(read_claims(value).get("exp")) - now)
        # Half of a short life, or a token of two minutes would be asked for anew with every request.
        margin_s = min(RENEWAL_MARGIN_S, max(TOKEN_MIN_LEFT_S, lifetime_s / 2))
        return cls(value, now + lifetime_s, now + lifetime_s - margin_s, refresh_token)


class TokenSource(Protocol):
    """Where tokens come from."""

    def fetch(self, previous: Token | None) -> Token:
        """Get a token. Called in a thread of its own, never twice at a time, so it may take its time, but not forever.

        Args:
            previous: What it returned before, since its refresh token may do; None at first.

        Raises:
            CredentialsError: If it can't get one; the message says what to do and has no secret in it.
        """


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file with the bare token in it. It is read for each request, so a new token is written to the file alone.

    Attributes:
        path: A regular file of at most 65,536 bytes; space around the token doesn't matter, nor ``Bearer`` before it.
    """

    path: str | os.PathLike[str]

    def fetch(self, previous: Token | None) -> Token:  # noqa: ARG002 - the file alone counts
        """Read the file.

        Raises:
            CredentialsError: If it can't be read or holds no token.
        """
        path = Path(self.path)
        try:
            # Anything else, such as a pipe, could make us wait.
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
    """Keeps the token of a source until it is due, for async callers of any event loop and sync callers of any thread.

    However many callers need a new one, the source is asked once and all of them get what it says. It is asked in a
    thread that belongs to none of them: a caller that is cancelled leaves the others nothing to clean up.

    Args:
        source: Where tokens come from, or the only one there is.
    """

    def __init__(self, source: TokenSource | Token) -> None:
        self._source = None if isinstance(source, Token) else source
        self._token = source if isinstance(source, Token) else None
        self._lock = threading.Lock()
        # What is being waited for: a token, or the text of the error that each waiter raises for itself.
        self._asking: Future[Token | str] | None = None

    def get(self, *, refused: str | None = None) -> str:
        """Return a token that is not due, waiting for it in this thread.

        Args:
            refused: The token that a server did not accept. It is returned again only if the source has no other.

        Raises:
            CredentialsError: If the source has none.
        """
        found = self._find(refused)
        return self._settle(found if isinstance(found, Token) else found.result(), refused)

    async def aget(self, *, refused: str | None = None) -> str:
        """Return a token that is not due, waiting for it in this task; else as ``get``."""
        found = self._find(refused)
        # Cancelling this wait does not cancel the asking: a future that runs already can't be.
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
                # A daemon: a program that ends does not wait for a token.
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
            # One that is good for one request is not kept.
            if isinstance(outcome, Token) and (outcome.expires_at > 0 or outcome.refresh_token):
                self._token = outcome
        asking.set_result(outcome)

    def _settle(self, outcome: Token | str, refused: str | None) -> str:
        if isinstance(outcome, Token):
            return outcome.value
        kept = self._token
        if kept is not None and kept.value != refused and time.time() < kept.expires_at < math.inf:
            return kept.value  # due, but not over
        # Made anew for each waiter, since each adds its own session id and traceback, and outside any except block,
        # so that what the source stumbled over is not chained to it.
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
