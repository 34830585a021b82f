"""A request ready to send, except for credentials: an operation with its host and its timeouts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

import httpx2

from agentcore_mcp.runtime.auth.sigv4 import REGION_EXTENSION
from agentcore_mcp.runtime.timeouts import WRITE_TIMEOUT_S, check_timeout
from agentcore_mcp.wire.ids import Runtime, RuntimeArn

if TYPE_CHECKING:
    from agentcore_mcp.wire.requests import Request

R = TypeVar("R", bound=Runtime)


@dataclass(frozen=True, slots=True)
class RuntimeRequest:
    """One request to one runtime.

    Attributes:
        runtime: The runtime, whose region determines the host and the signature.
        operation: The operation's request.
        session_id: The session it is sent to.
        read_timeout_s: How long the other side may be silent.

    Raises:
        InvalidRequestError: If the timeout is not above 0 and at most 86,400 s.
    """

    runtime: Runtime
    operation: Request
    session_id: str
    read_timeout_s: float

    def __post_init__(self) -> None:
        check_timeout(self.read_timeout_s)

    @property
    def head_timeout_s(self) -> float:
        """How long all of the answer's head may take to arrive, once the request is sent."""
        return 2 * self.read_timeout_s

    def to_http(self, endpoint_url: str, connect_timeout_s: float) -> httpx2.Request:
        """Return the request as httpx2 sends it.

        Built here and not by httpx2's clients, whose defaults would add cookies and their own Accept. The
        Accept-Encoding is boto3's, identity: a proxy that compresses would delay pieces.

        Args:
            endpoint_url: The URL to which the operations' paths are appended.
            connect_timeout_s: Timeout of a connection, including its TLS handshake.
        """
        timeout = httpx2.Timeout(
            connect=connect_timeout_s, read=self.read_timeout_s, write=WRITE_TIMEOUT_S, pool=connect_timeout_s
        )
        return httpx2.Request(
            self.operation.method,
            _parsed(endpoint_url + self.operation.target),
            headers=[
                (b"User-Agent", user_agent().encode("ascii")),
                (b"Accept-Encoding", b"identity"),
                *self.operation.raw_headers,
            ],
            content=self.operation.body,
            extensions={"timeout": timeout.as_dict(), REGION_EXTENSION: self.runtime.region},
        )


def parsed_arn(arn: R | str) -> R | RuntimeArn:
    """Return the parsed ARN of a string; other identifiers of a runtime are returned unchanged.

    Raises:
        InvalidRequestError: If a string is not the ARN of an agent runtime.
    """
    return RuntimeArn.parse(arn) if isinstance(arn, str) else arn


def new_session_id() -> str:
    """Return a new, random session id."""
    return str(uuid.uuid4())


# Parsing takes httpx2 as long as the rest of a request, and a server calls the same few URLs all the time.
_parsed = lru_cache(httpx2.URL)


@cache
def user_agent() -> str:
    """Return the User-Agent."""
    return f"agentcore-mcp/{version('agentcore-mcp')}"
