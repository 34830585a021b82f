"""What comes back for a request: the head of an answer and the session it is from, and what became of a stop."""

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
        response: The head, and the connection that the body comes on.
        session_id: The session that answered: the one asked for, unless the service says otherwise.
        deadline: That of the connection's reads.
    """

    response: httpx2.Response
    session_id: str
    deadline: Deadline = field(default_factory=Deadline)

    @classmethod
    def of(cls, response: httpx2.Response, session_id: str, deadline: Deadline | None = None) -> Reply:
        """Return the reply of whichever session has answered a request to the session ``session_id``."""
        return cls(response, session_in(response.headers, session_id), deadline or Deadline())

    @property
    def request(self) -> httpx2.Request:
        """What was sent."""
        return self.response.request

    @property
    def read_timeout_s(self) -> float:
        """How long the other side may be silent."""
        return float(self.request.extensions["timeout"]["read"])

    @property
    def content_type(self) -> str:
        """As the header has it; "" without one."""
        return self.response.headers.get("content-type", "")

    @property
    def media_type(self) -> str:
        """The bare type in lower case; "" without one."""
        return media_type(self.response.headers)

    @property
    def request_id(self) -> str | None:
        """The id that AWS support asks for, when there is one."""
        value = request_id_in(self.response.headers)
        return value and redacted(value, self.request)

    @property
    def endpoint_url(self) -> str | None:
        """The URL of the session's endpoint, if there is one that credentials may be sent to."""
        if (named := self.response.headers.get(ENDPOINT_HEADER)) is None:
            return None
        url = url_of(named)
        return str(url) if url is not None and is_safe_for_credentials(url) else None

    @property
    def says_session_is_gone(self) -> bool:
        """Whether there is no such session or runtime.

        Only if the service itself says so: a bare 404 may be any web server at a wrong endpoint URL.
        """
        return self.response.status_code == 404 and code_in(self.response.headers) == "ResourceNotFoundException"

    def is_success(self, media: str | None = None) -> bool:
        """Tell whether it is a success of the wanted type, and no web page that something on the way gave."""
        response = self.response
        return response.is_success and media in (None, self.media_type) and not is_foreign_page(response.headers)


@dataclass(frozen=True, slots=True)
class StoppedSession:
    """What became of a session that was to be stopped.

    Attributes:
        session_id: The session.
        already_gone: The service knew no such session, so there was nothing left to stop.
        status: The HTTP status.
    """

    session_id: str
    already_gone: bool
    status: int
