"""The ids that a caller makes up: of sessions, of stops (client tokens) and of interactive shells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.headers import SESSION_HEADER
from agentcore_mcp.wire.limits import SESSION_ID_MAX_CHARS, SESSION_ID_MIN_CHARS

if TYPE_CHECKING:
    from collections.abc import Mapping

# The model gives session ids no pattern. A header value can carry visible ASCII without any escaping, so that is
# what is let through; in particular no CR, LF or space.
_SESSION_ID = re.compile(rf"[!-~]{{{SESSION_ID_MIN_CHARS},{SESSION_ID_MAX_CHARS}}}")
# In answers the model has 1 to 100 of fewer characters, but who sends more may mean it.
_ANSWERED_ID = re.compile(rf"[!-~]{{1,{SESSION_ID_MAX_CHARS}}}")
CLIENT_TOKEN = re.compile(r"(?=.{33,256}$)[a-zA-Z0-9](?:-*[a-zA-Z0-9])*")
# https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-get-started-command-shell.html
SHELL_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}")


def check_session_id(session_id: str) -> str:
    """Return a session id that the service accepts and a header can carry.

    Raises:
        InvalidRequestError: If it is not 33 to 256 visible ASCII characters.
    """
    if not _SESSION_ID.fullmatch(session_id):
        raise InvalidRequestError(
            f"not a session id: {session_id[:SESSION_ID_MAX_CHARS]!r} ({len(session_id)} characters); it "
            f"has {SESSION_ID_MIN_CHARS} to {SESSION_ID_MAX_CHARS} letters, digits and punctuation marks, no spaces"
        )
    return session_id


def session_in(headers: Mapping[str, str], asked: str) -> str:
    """Return the session that an answer comes from: the one that was asked, unless its headers name another."""
    named = headers.get(SESSION_HEADER, "")
    return named if _ANSWERED_ID.fullmatch(named) else asked


def check_client_token(token: str) -> str:
    """Return a client token that the service accepts.

    Raises:
        InvalidRequestError: If it is not 33 to 256 letters, digits and dashes.
    """
    if not CLIENT_TOKEN.fullmatch(token):
        raise InvalidRequestError(f"not a client token: {token!r}; it has 33 to 256 letters, digits and dashes")
    return token


def check_shell_id(shell_id: str) -> str:
    """Return a shell id that the service accepts.

    Raises:
        InvalidRequestError: If it is not 1 to 128 letters, digits, dashes and underscores.
    """
    if not SHELL_ID.fullmatch(shell_id):
        raise InvalidRequestError(
            f"not a shell id: {shell_id!r}; it has 1 to 128 letters, digits, dashes and underscores, and begins with "
            "a letter or digit"
        )
    return shell_id
