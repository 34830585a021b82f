"""StopRuntimeSession: ends a session at once; retries with the same client token get the same response."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from agentcore_mcp.local.line.refusals import Refusal, invalid_fields, session_starting
from agentcore_mcp.local.line.validation import json_object
from agentcore_mcp.wire.ids import CLIENT_TOKEN
from agentcore_mcp.wire.refusals import IDEMPOTENT_PARAMETER_MISMATCH

if TYPE_CHECKING:
    from agentcore_mcp.local.line.exchange import Exchange
    from agentcore_mcp.local.sandbox.session import Session
    from agentcore_mcp.local.sandbox.sessions import Sessions
    from agentcore_mcp.local.sandbox.targets import HostedAgent

BODY_MAX_BYTES = 4096
# Only retries repeat a token, and they come within seconds.
TOKENS_KEPT = 1000


class Stops:
    """The stops so far, by client token."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._stopped: OrderedDict[str, tuple[tuple[str, str], Session | None]] = OrderedDict()

    async def stop(self, exchange: Exchange, hosted: HostedAgent, session_id: str) -> None:
        """Answer StopRuntimeSession.

        Raises:
            Refusal: If the request is not valid, or there is no such session. The documentation's example returns
                ResourceNotFoundException for "not found or already terminated".
            ClientGoneError: If the client leaves before it has sent its whole request.
        """
        token = _client_token(await exchange.read(BODY_MAX_BYTES, field="clientToken"))
        session = self._session(hosted, session_id, token)
        if session is None:
            raise Refusal("ResourceNotFoundException", f"Session not found or already terminated: {session_id}")
        if session.starting:
            raise session_starting(session_id)
        await self._sessions.end(session)
        await exchange.answer_json(200, {})

    def _session(self, hosted: HostedAgent, session_id: str, token: str | None) -> Session | None:
        """Return the session that this request stops, or that its first attempt stopped."""
        session = self._sessions.get(hosted, session_id)
        if token is None:
            return session
        asked = (hosted.name, session_id)
        first_asked, session = self._stopped.setdefault(token, (asked, session))
        if first_asked != asked:
            raise Refusal(
                "ValidationException",
                "The client token was used for another session",
                reason=IDEMPOTENT_PARAMETER_MISMATCH,
                fields=(("clientToken", "Member was used for another session"),),
            )
        if len(self._stopped) > TOKENS_KEPT:
            self._stopped.popitem(last=False)
        return session


def _client_token(body: bytes) -> str | None:
    if not body:
        return None
    token = json_object(body).get("clientToken")
    if token is not None and not (isinstance(token, str) and CLIENT_TOKEN.fullmatch(token)):
        raise invalid_fields(("clientToken", f"Member must satisfy regular expression pattern: {CLIENT_TOKEN.pattern}"))
    return token
