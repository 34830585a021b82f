"""Replies: the head of an answer with its session, and the result of a stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentcore_mcp.runtime.auth.redaction import redacted
from agentcore_mcp.runtime.endpoints import is_safe_for_credentials, url_of
from agentcore_mcp.runtime.timeouts import Deadline
from agentcore_mcp.wire.headers import ENDPOINT_HEADER, media_type
from agentcore_mcp.wire.ids import session_in
from agentcore_mcp.wire.refusals import code_in, is_foreign_page, request_id_in

if TYPE_CHECKING:
    import httpx2


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose head has arrived.

    Attributes:
        response: The head, and the connection for the body.
        session_id: The session that answered: the requested one, unless the service names another.
        deadline: The deadline of the connection's reads.
    """

    response: httpx2.Response
    session_id: str
    deadline: Deadline = field(default_factory=Deadline)

    @classmethod
    def of(cls, response: httpx2.Response, session_id: str, deadline: Deadline | None = None) -> Reply:
        """Return the reply to a request that was sent to ``session_id``; its headers may name another session."""
        return cls(response, session_in(response.headers, session_id), deadline or Deadline())

    @property
    def request(self) -> httpx2.Request:
        """The request that was sent."""
        return self.response.request

    @property
    def read_timeout_s(self) -> float:
        """How long the other side may be silent."""
        return float(self.request.extensions["timeout"]["read"])

    @property
    def content_type(self) -> str:
        """The Content-Type header; "" without one."""
        return self.response.headers.get("content-type", "")

    @property
    def media_type(self) -> str:
        """The media type without parameters, in lower case; "" without one."""
        return media_type(self.response.headers)

    @property
    def request_id(self) -> str | None:
        """The id that AWS support asks for, when there is one."""
        value = request_id_in(self.response.headers)
        return value and redacted(value, self.request)

    @property
    def endpoint_url(self) -> str | None:
        """The URL of the session's endpoint, if there is one that is safe for credentials."""
        if (named := self.response.headers.get(ENDPOINT_HEADER)) is None:
            return None
        url = url_of(named)
        return str(url) if url is not None and is_safe_for_credentials(url) else None

    @property
    def says_session_is_gone(self) -> bool:
        """Whether the service reports that there is no such session or runtime.

        A bare 404 doesn't count: it may come from any web server at a wrong endpoint URL.
        """
        return self.response.status_code == 404 and code_in(self.response.headers) == "ResourceNotFoundException"

    def is_success(self, media: str | None = None) -> bool:
        """Tell whether it is a success with the expected type, and not the web page of an intermediary."""
        response = self.response
        return response.is_success and media in (None, self.media_type) and not is_foreign_page(response.headers)


@dataclass(frozen=True, slots=True)
class StoppedSession:
    """The result of stopping a session.

    Attributes:
        session_id: The session.
        already_gone: The service knew no such session, so there was nothing left to stop.
        status: The HTTP status.
    """

    session_id: str
    already_gone: bool
    status: int
