"""Failures: error responses, and failures to send or to read, translated to our exceptions. No I/O.

Every exception of httpx2 is translated here; its meaning depends on how much of the answer had arrived.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import (
    AgentCoreError,
    AgentRuntimeError,
    ConnectError,
    CredentialsError,
    ProtocolError,
    ResponseTimeoutError,
    ServiceError,
    StreamInterruptedError,
    TransportError,
)
from agentcore_mcp.runtime.auth.redaction import redacted
from agentcore_mcp.wire.challenges import scheme_of
from agentcore_mcp.wire.refusals import (
    BODY_EXCERPT_CHARS,
    FOREIGN,
    error_of_answer,
    is_foreign_page,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.runtime.replies import Reply
    from agentcore_mcp.runtime.timeouts import Deadline

# Enough of another library's message to recognise the failure.
DETAIL_MAX_CHARS = 200

# The exceptions while a body is read. On an event loop httpx2 passes some TLS failures on as OSErrors.
LINE_FAILURES = (httpx2.RequestError, OSError)

# What httpx2 raises before the first byte of the request has left.
_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


def failure(reply: Reply, body: bytes, media: str | None) -> AgentCoreError:
    """Return the exception for a reply that is not a success with the expected media type; None is any.

    The beginning of its body is enough, and a redirect's body is not needed.
    """
    if not reply.response.is_success:
        return refusal(reply, body)
    content_type = redacted(reply.content_type, reply.request)
    text = redacted(body.decode("utf-8", "replace"), reply.request)[:BODY_EXCERPT_CHARS]
    what, wanted = ("the answer", "") if media is None else ("the answer to a command", f", not {media!r}")
    who = f" ({FOREIGN})" if is_foreign_page(reply.response.headers) else ""
    return ProtocolError(f"{what} is {content_type!r:.200}{wanted}: {text!r}{who}", session_id=reply.session_id)


def refusal(reply: Reply, body: bytes) -> AgentRuntimeError:
    """Return the exception for a reply that is not a success."""
    response, request = reply.response, reply.request
    if response.has_redirect_location:
        return ServiceError(
            f"{host_of(request)} redirects to {_target(response)!r}, which is not followed because prompt, "
            "session id and credentials would be sent there; set the endpoint URL to where the runtime is",
            f"HTTP {response.status_code}",
            status=response.status_code,
            session_id=reply.session_id,
            foreign=True,
        )
    return error_of_answer(
        response.status_code,
        {name: redacted(value, request) for name, value in response.headers.items()},
        redacted(body.decode("latin-1"), request).encode("latin-1"),
        now=time.time(),
        sent=scheme_of(request.headers.get("authorization")),
        reason_phrase=redacted(response.reason_phrase, request),
        session_id=reply.session_id,
    )


@contextmanager
def sending_errors(request: httpx2.Request, session_id: str, deadline: Deadline) -> Iterator[None]:
    """Translate exceptions raised before the head of an answer has arrived.

    Messages name the host and never a header: h11 quotes illegal ones in full.
    """
    host = host_of(request)
    try:
        yield
    except AgentCoreError as error:
        error.session_id = error.session_id or session_id
        raise
    except _NOT_SENT as error:
        message = f"can't connect to {host}, nothing was sent: {_detail(error)}"
        raise ConnectError(message, session_id=session_id) from error
    except httpx2.ReadTimeout as error:
        silent_s = deadline.timeout_s if deadline.has_passed else request.extensions["timeout"]["read"]
        message = f"no answer from {host} within {silent_s:g} s; the work may still be going on"
        raise ResponseTimeoutError(message, session_id=session_id) from error
    except httpx2.LocalProtocolError:
        # All other headers were checked before. Drop the cause, which quotes the header.
        message = "a credential has characters that a header can't carry, such as a line break at its end"
        raise CredentialsError(f"{message}; nothing was sent to {host}", session_id=session_id) from None
    except (httpx2.TransportError, OSError) as error:
        message = (
            f"the connection to {host} failed: {_detail(error)}; it is unknown whether the request was carried out"
        )
        raise TransportError(message, session_id=session_id) from cause_of(error, request)
    except ValueError as error:
        # httpx2 parses the Location of a redirect even though it doesn't follow it, and fails on some values.
        message = f"{host} redirects to an unreadable address, which is not followed"
        raise ProtocolError(message, session_id=session_id) from error


@contextmanager
def reading_errors(reply: Reply) -> Iterator[None]:
    """Translate exceptions raised while a body is read, and add session and request id to our own errors."""
    request = reply.request
    host = host_of(request)
    try:
        yield
    except AgentCoreError as error:
        error.session_id = error.session_id or reply.session_id
        if isinstance(error, AgentRuntimeError):
            error.request_id = reply.request_id
        _redact(error, request)
        raise
    except httpx2.ReadTimeout as error:
        message = f"{host} fell silent for {reply.read_timeout_s:g} s; the work may still be going on"
        raise ResponseTimeoutError(message, session_id=reply.session_id) from error
    except (httpx2.TransportError, OSError) as error:
        message = f"the answer from {host} broke off: {_detail(error)}"
        raise StreamInterruptedError(message, session_id=reply.session_id) from cause_of(error, request)


def cause_of(error: BaseException, request: httpx2.Request) -> BaseException | None:
    """Return the error if it may be shown as a cause, else None: some libraries quote the request in theirs."""
    link: BaseException | None = error
    while link is not None:
        if redacted(str(link), request) != str(link):
            return None
        link = link.__cause__ or link.__context__
    return error


def host_of(request: httpx2.Request) -> str:
    """Return host and port as a message shows them."""
    return request.url.netloc.decode("ascii")


def _target(response: httpx2.Response) -> str:
    """Return the target of a redirect without user name, query and credentials: each may be a secret."""
    try:
        url = response.request.url.join(response.headers["location"])
    except (httpx2.InvalidURL, ValueError):
        return "an unreadable address"
    target = f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"
    return redacted(target, response.request)[:DETAIL_MAX_CHARS]


def _redact(error: AgentCoreError, request: httpx2.Request) -> None:
    """Remove the request's credentials from all texts of an error."""
    for name, value in vars(error).items():
        if type(value) is str:
            setattr(error, name, redacted(value, request))
    if isinstance(error, ServiceError):
        error.fields = tuple((redacted(name, request), redacted(said, request)) for name, said in error.fields)
    error.args = (error.message,)
    error.__cause__ = error.__cause__ and cause_of(error.__cause__, request)


def _detail(error: Exception) -> str:
    text = str(error)
    if isinstance(error, httpx2.RemoteProtocolError):
        text = text.partition(":")[0]
    return text[:DETAIL_MAX_CHARS] or type(error).__name__
