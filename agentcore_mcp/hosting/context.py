"""What an agent can know about its request: as a handler's argument, and as context variables.

``RequestContext`` is the handler's second argument. ``BedrockAgentCoreContext`` offers the same and more to code many
calls deeper. The app fills both from the request's headers.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentcore_mcp.wire.headers import (
    ACCESS_TOKEN_HEADER,
    AGENT_REQUEST_ID_HEADER,
    IDENTITY_TOKEN_HEADER,
    OAUTH2_CALLBACK_HEADER,
    SESSION_HEADER,
    forwarded,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import HTTPConnection


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """The request, as a handler sees it.

    Attributes:
        session_id: The id of the runtime session; None if the request names none.
        request_headers: The headers an agent may see (``wire.headers``); None if there are none.
        request: The Starlette ``Request`` or ``WebSocket``; middleware can pass things on in its ``state``.
    """

    session_id: str | None = None
    request_headers: dict[str, str] | None = None
    request: Any = None


class BedrockAgentCoreContext:
    """The current request's identity, readable from every function, task and ``asyncio.to_thread`` of its handler.

    A thread that the handler starts itself begins without it, unless it runs in ``contextvars.copy_context()``.

    Outside of a request every getter returns None, or what the program has set. A token, URL or headers that are set
    before the app runs hold for requests that bring none.
    """

    _workload_access_token: ContextVar[str | None] = ContextVar("workload_access_token", default=None)
    _oauth2_callback_url: ContextVar[str | None] = ContextVar("oauth2_callback_url", default=None)
    _request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
    _session_id: ContextVar[str | None] = ContextVar("session_id", default=None)
    _request_headers: ContextVar[dict[str, str] | None] = ContextVar("request_headers", default=None)

    @classmethod
    def set_workload_access_token(cls, token: str | None) -> None:
        """Set the workload access token: the agent's own identity."""
        cls._workload_access_token.set(token)

    @classmethod
    def get_workload_access_token(cls) -> str | None:
        """Return the workload access token: the agent's own identity."""
        return cls._workload_access_token.get()

    @classmethod
    def set_oauth2_callback_url(cls, workload_callback_url: str | None) -> None:
        """Set the URL that a user's browser returns to after an OAuth consent."""
        cls._oauth2_callback_url.set(workload_callback_url)

    @classmethod
    def get_oauth2_callback_url(cls) -> str | None:
        """Return the URL that a user's browser returns to after an OAuth consent."""
        return cls._oauth2_callback_url.get()

    @classmethod
    def set_request_context(cls, request_id: str | None, session_id: str | None = None) -> None:
        """Set the ids that log lines carry."""
        cls._request_id.set(request_id)
        cls._session_id.set(session_id)

    @classmethod
    def get_request_id(cls) -> str | None:
        """Return the request's id: AgentCore's, or one made here if none came."""
        return cls._request_id.get()

    @classmethod
    def get_session_id(cls) -> str | None:
        """Return the id of the runtime session."""
        return cls._session_id.get()

    @classmethod
    def set_request_headers(cls, headers: dict[str, str] | None) -> None:
        """Set the headers an agent may see."""
        cls._request_headers.set(headers)

    @classmethod
    def get_request_headers(cls) -> dict[str, str] | None:
        """Return the headers an agent may see."""
        return cls._request_headers.get()


_VARIABLES = [value for value in vars(BedrockAgentCoreContext).values() if isinstance(value, ContextVar)]


def enter_request(connection: HTTPConnection) -> RequestContext:
    """Fill the context variables from a request or WebSocket, and return the handler's second argument."""
    here = BedrockAgentCoreContext
    headers = connection.headers
    session_id = headers.get(SESSION_HEADER)
    here.set_request_context(headers.get(AGENT_REQUEST_ID_HEADER) or str(uuid.uuid4()), session_id)
    if token := headers.get(IDENTITY_TOKEN_HEADER) or headers.get(ACCESS_TOKEN_HEADER):
        here.set_workload_access_token(token)
    if url := headers.get(OAUTH2_CALLBACK_HEADER):
        here.set_oauth2_callback_url(url)
    if seen := forwarded(headers.items()):
        here.set_request_headers(seen)
    return RequestContext(session_id=session_id, request_headers=here.get_request_headers(), request=connection)


@contextmanager
def request_scope() -> Iterator[None]:
    """Restore the context variables afterwards: one task may serve several requests, as in-process clients do."""
    before = [(variable, variable.get()) for variable in _VARIABLES]
    try:
        yield
    finally:
        for variable, value in before:
            variable.set(value)
