"""What an answer of a runtime is, or the failure to get one: which of our exceptions. No I/O: ``exchange`` has it.

Every exception of httpx2 is translated here, in ``transport_errors``, because what a failure means depends on how
much of the answer had arrived. What reads an answer is in ``readers``.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import (
    AgentCoreError,
    AgentError,
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
from agentcore_mcp.wire.headers import media_type
from agentcore_mcp.wire.ids import session_in
from agentcore_mcp.wire.refusals import (
    BODY_EXCERPT_CHARS,
    FOREIGN,
    code_in,
    error_of_answer,
    error_of_event,
    error_of_frame,
    is_foreign_page,
    request_id_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# An error's body is a few hundred bytes of JSON, a proxy's HTML page a few thousand. The status is known by then, so
# nobody should wait long for the words: in nearly all cases they come along with the head.
ERROR_BODY_MAX_BYTES = 65_536
ERROR_BODY_TIMEOUT_S = 3.0
# Enough of another library's message to recognise the failure.
DETAIL_MAX_CHARS = 200

# What may happen while a body is read. Of TLS on an event loop httpx2 passes on some failures as they are.
LINE_FAILURES = (httpx2.RequestError, OSError)

# What httpx2 raises before the first byte of the request has left.
_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


def is_success(response: httpx2.Response, media: str | None = None) -> bool:
    """Tell whether an answer is a success of the wanted type, and no web page that something on the way gave."""
    return (
        response.is_success and media in (None, media_type(response.headers)) and not is_foreign_page(response.headers)
    )


def session_is_gone(response: httpx2.Response) -> bool:
    """Tell whether the answer says that there is no such session or runtime.

    Only if the service itself says so: a bare 404 may be any web server at a wrong endpoint URL.
    """
    return response.status_code == 404 and code_in(response.headers) == "ResourceNotFoundException"


def failure(response: httpx2.Response, body: bytes, session_id: str, media: str | None = None) -> AgentCoreError:
    """Return the error that an answer is for which ``is_success`` is false, with as much of its body as was read."""
    if response.is_success:
        return _unwanted(response, body, session_in(response.headers, session_id), media)
    return refusal(response, body, session_id)


def refusal(response: httpx2.Response, body: bytes, session_id: str) -> AgentRuntimeError:
    """Return the error that an answer is which is no success.

    Args:
        response: The answer.
        body: As much of its body as was read. A redirect's is not needed.
        session_id: The session of the call.
    """
    session_id = session_in(response.headers, session_id)
    if response.has_redirect_location:
        return ServiceError(
            f"{host_of(response.request)} redirects to {_target(response)!r}, which is not followed: prompt, session "
            "id and credentials would go along; set the endpoint URL to where the runtime is",
            f"HTTP {response.status_code}",
            status=response.status_code,
            session_id=session_id,
            foreign=True,
        )
    return error_of_answer(
        response.status_code,
        {name: redacted(value, response.request) for name, value in response.headers.items()},
        _redacted_bytes(body, response.request),
        now=time.time(),
        sent=scheme_of(response.request.headers.get("authorization")),
        reason_phrase=redacted(response.reason_phrase, response.request),
        session_id=session_id,
    )


def frame_error(response: httpx2.Response, session_id: str, code: str, body: bytes) -> AgentRuntimeError:
    """Return the error that a frame of a command's stream carries."""
    return error_of_frame(
        redacted(code, response.request),
        _redacted_bytes(body, response.request),
        request_id=request_id_of(response),
        session_id=session_in(response.headers, session_id),
    )


def event_error(response: httpx2.Response, session_id: str, *failure: str) -> AgentError:
    """Return the error that an event is by which the agent reports its failure: its error, error type and message."""
    error, error_type, message = (redacted(text, response.request) for text in failure)
    session_id = session_in(response.headers, session_id)
    return error_of_event(error, error_type, message, request_id=request_id_of(response), session_id=session_id)


@contextmanager
def transport_errors(
    request: httpx2.Request, session_id: str, response: httpx2.Response | None = None
) -> Iterator[None]:
    """Translate httpx2's exceptions into ours, and complete ours with the ids of the call.

    Messages name the host and never a header: h11 quotes illegal ones in full.

    Args:
        request: What was sent or is being sent.
        session_id: The session of the call.
        response: The answer that is being read; None while its head has not arrived.
    """
    host = host_of(request)
    if response is not None:
        session_id = session_in(response.headers, session_id)
    try:
        yield
    except AgentRuntimeError:
        raise
    except AgentCoreError as error:
        error.session_id = error.session_id or session_id
        error.message = redacted(error.message, request)
        error.args = (error.message,)
        error.__cause__ = error.__cause__ and cause_of(error.__cause__, request)
        raise
    except _NOT_SENT as error:
        message = f"can't connect to {host}, nothing was sent: {_detail(error)}"
        raise ConnectError(message, session_id=session_id) from error
    except httpx2.ReadTimeout as error:
        silent = f"{request.extensions['timeout']['read']:g} s"
        message = f"no answer from {host} within {silent}" if response is None else f"{host} fell silent for {silent}"
        raise ResponseTimeoutError(f"{message}; the work may still be going on", session_id=session_id) from error
    except (httpx2.TransportError, OSError) as error:
        if response is not None:
            message = f"the answer from {host} broke off: {_detail(error)}"
            raise StreamInterruptedError(message, session_id=session_id) from cause_of(error, request)
        if isinstance(error, httpx2.LocalProtocolError):
            # All other headers were checked before. The cause is dropped because it quotes the header.
            message = "a credential has characters that a header can't carry, such as a line break at its end"
            raise CredentialsError(f"{message}; nothing was sent to {host}", session_id=session_id) from None
        message = (
            f"the connection to {host} failed: {_detail(error)}; it is unknown whether the request was carried out"
        )
        raise TransportError(message, session_id=session_id) from cause_of(error, request)
    except ValueError as error:
        if response is not None:
            raise
        # Of a redirect, which httpx2 doesn't follow but reads, and stumbles over some of what may stand there.
        message = f"{host} redirects to an unreadable address, which is not followed"
        raise ProtocolError(message, session_id=session_id) from error


def cause_of(error: BaseException, request: httpx2.Request) -> BaseException | None:
    """Return what to show as the cause: some libraries quote what they can't read, and that may be the request."""
    link: BaseException | None = error
    while link is not None:
        if redacted(str(link), request) != str(link):
            return None
        link = link.__cause__ or link.__context__
    return error


def no_head_in_time(request: httpx2.Request, timeout_s: float, session_id: str) -> ResponseTimeoutError:
    """Return the error for an answer whose head doesn't come, however much of it trickles in."""
    return ResponseTimeoutError(
        f"no answer from {host_of(request)} within {timeout_s:g} s; the work may still be going on",
        session_id=session_id,
    )


def request_id_of(response: httpx2.Response) -> str | None:
    """Return the id that AWS support asks for, when there is one."""
    value = request_id_in(response.headers)
    return value and redacted(value, response.request)


def host_of(request: httpx2.Request) -> str:
    """Return host and port as a message shows them."""
    return request.url.netloc.decode("ascii")


def _target(response: httpx2.Response) -> str:
    """Return where a redirect points, without user name, query and credentials: each may be a secret."""
    try:
        url = response.request.url.join(response.headers["location"])
    except (httpx2.InvalidURL, ValueError):
        return "an unreadable address"
    target = f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"
    return redacted(target, response.request)[:DETAIL_MAX_CHARS]


def _unwanted(response: httpx2.Response, body: bytes, session_id: str, media: str | None) -> ProtocolError:
    content_type = redacted(response.headers.get("content-type", ""), response.request)
    text = redacted(body.decode("utf-8", "replace"), response.request)[:BODY_EXCERPT_CHARS]
    what, wanted = ("the answer", "") if media is None else ("the answer to a command", f", not {media!r}")
    who = f" ({FOREIGN})" if is_foreign_page(response.headers) else ""
    return ProtocolError(f"{what} is {content_type!r:.200}{wanted}: {text!r}{who}", session_id=session_id)


def _redacted_bytes(body: bytes, request: httpx2.Request) -> bytes:
    return redacted(body.decode("latin-1"), request).encode("latin-1")


def _detail(error: Exception) -> str:
    text = str(error)
    if isinstance(error, httpx2.LocalProtocolError):
        text = ""
    elif isinstance(error, httpx2.RemoteProtocolError):
        text = text.partition(":")[0]
    return text[:DETAIL_MAX_CHARS] or type(error).__name__
