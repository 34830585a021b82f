"""A call: one request to one runtime, complete but for its credentials, and how long each part of it may take.

Whether it is sent by ``RuntimeClient`` on an event loop or by ``AgentCoreRuntimeClient`` in a thread, it is this.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

import httpx2

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.runtime.auth.sigv4 import REGION_EXTENSION
from agentcore_mcp.wire.ids import Runtime, RuntimeArn
from agentcore_mcp.wire.limits import SYNCHRONOUS_MAX_S

if TYPE_CHECKING:
    from agentcore_mcp.wire.requests import Request

# A TCP and TLS handshake across the world takes under a second; ten leave room for two lost packets and a proxy.
CONNECT_TIMEOUT_S = 10.0
# How long the other side may refuse to take the next piece of a request. 100 MB at once are allowed, so the network
# may be slow, but a minute without any progress is an end.
WRITE_TIMEOUT_S = 60.0
# Silence while an agent works. The service ends a synchronous request then, so nothing comes later.
READ_TIMEOUT_S = SYNCHRONOUS_MAX_S
# Longer than any session lives. Some systems count the milliseconds of a wait with 31 bits, which is 24 days.
READ_TIMEOUT_MAX_S = 86_400.0
# A command may be silent for as long as it may run; then the service needs time to end it and to say so.
COMMAND_GRACE_S = 30.0
# Stopping a session that is busy takes seconds, not minutes.
STOP_TIMEOUT_S = 60.0
# The service answers the upgrade to a WebSocket when the agent's container is up, for which it allows two minutes.
OPEN_TIMEOUT_S = 150.0

R = TypeVar("R", bound=Runtime)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one runtime.

    Attributes:
        runtime: Its region is signed for and names the host.
        request: What is sent.
        session_id: The session it is sent to.
        read_timeout_s: How long the other side may be silent.

    Raises:
        InvalidRequestError: If that is no time, or longer than any.
    """

    runtime: Runtime
    request: Request
    session_id: str
    read_timeout_s: float

    def __post_init__(self) -> None:
        check_timeout(self.read_timeout_s)

    @property
    def head_timeout_s(self) -> float:
        """How long all of the answer's head may take to come, once its request is out."""
        return 2 * self.read_timeout_s

    def to_http(self, endpoint_url: str, connect_timeout_s: float) -> httpx2.Request:
        """Return the request as httpx2 sends it, without credentials.

        Built here and not by httpx2's clients, whose defaults would add cookies and an Accept of their own. The
        encoding is boto3's: a proxy that compresses would hold pieces back.

        Args:
            endpoint_url: Where the operations' paths begin.
            connect_timeout_s: For a connection, its TLS handshake included.
        """
        return httpx2.Request(
            self.request.method,
            endpoint_url + self.request.target,
            headers=[
                (b"User-Agent", user_agent().encode("ascii")),
                (b"Accept-Encoding", b"identity"),
                *self.request.raw_headers,
            ],
            content=self.request.body,
            extensions={
                "timeout": httpx2.Timeout(
                    connect=connect_timeout_s, read=self.read_timeout_s, write=WRITE_TIMEOUT_S, pool=connect_timeout_s
                ).as_dict(),
                REGION_EXTENSION: self.runtime.region,
            },
        )


def check_timeout(timeout_s: float) -> None:
    """Check that it is a time.

    Raises:
        InvalidRequestError: If it is none, or longer than any.
    """
    if not 0 < timeout_s <= READ_TIMEOUT_MAX_S:
        raise InvalidRequestError(
            f"the timeout is {timeout_s!r} s, more than 0 and at most {READ_TIMEOUT_MAX_S:g} are allowed"
        )


def parsed_arn(arn: R | str) -> R | RuntimeArn:
    """Return an ARN in parts, whatever else names a runtime as it is.

    Raises:
        InvalidRequestError: If a text is not the ARN of an agent runtime.
    """
    return RuntimeArn.parse(arn) if isinstance(arn, str) else arn


@cache
def user_agent() -> str:
    """Return the name by which AgentCore's logs know us."""
    return f"agentcore-mcp/{version('agentcore-mcp')}"
