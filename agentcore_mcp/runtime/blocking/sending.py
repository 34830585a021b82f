# Generated from agentcore_mcp/runtime/sending.py by scripts/unasync.py: do not edit.
"""Sending a request over its own connection, repeated as ``retries`` decides, until the head of an answer arrives.

Generated from the async half by ``scripts/unasync.py``.
"""

from __future__ import annotations

from contextlib import closing, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import httpx2
from time import sleep

from agentcore_mcp.errors import TransportError
from agentcore_mcp.runtime.auth.authorization import GuardedAuth
from agentcore_mcp.runtime.connections import NOBODY_TRUSTED, keep_alive
from agentcore_mcp.runtime.environment import Certificates, environment_errors, trusts_environment
from agentcore_mcp.runtime.failures import sending_errors
from agentcore_mcp.runtime.replies import Reply
from agentcore_mcp.runtime.timeouts import Deadline

if TYPE_CHECKING:
    from collections.abc import Generator, Callable

    from agentcore_mcp.runtime.requests import RuntimeRequest
    from agentcore_mcp.runtime.retries import Retries
    from agentcore_mcp.wire.ids import Runtime


class Sender:
    """Sends the requests of one client.

    Args:
        url_for: Returns the endpoint URL of a runtime.
        retries: Whether and when a request is repeated.
        certificates: The certificates to trust.
        connect_timeout_s: Timeout of a connection, including its TLS handshake.
        transport: A transport to use instead; then no proxy is used, and the transport has to limit slow heads.
    """

    def __init__(
        self,
        url_for: Callable[[Runtime], str],
        retries: Retries,
        *,
        certificates: Certificates,
        connect_timeout_s: float,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.url_for = url_for
        self.retries = retries
        self.certificates = certificates
        self._connect_timeout_s = connect_timeout_s
        self._transport = transport

    def close(self) -> None:
        """Close the transport, if one was given."""
        if self._transport is not None:
            self._transport.close()

    @contextmanager
    def send(self, request: RuntimeRequest, auth: httpx2.Auth) -> Generator[Reply, None, None]:
        """Send a request. The block is entered with the head of the answer; leaving it closes the connection."""
        attempt = 0
        while True:
            attempt += 1
            outgoing = request.to_http(self.url_for(request.runtime), self._connect_timeout_s)
            http = self._client(outgoing.url)
            try:
                reply = self._head(http, outgoing, request, GuardedAuth(auth))
            except TransportError as error:
                pause_s = self.retries.after_failure(request.operation, attempt, error)
                if pause_s is None:
                    raise
            else:
                response = reply.response
                with closing(response):
                    pause_s = self.retries.after_answer(
                        request.operation, attempt, response.status_code, response.headers
                    )
                    if pause_s is None:
                        yield reply
                        return
            finally:
                if self._transport is None:
                    http.close()
            sleep(pause_s)

    def _client(self, url: httpx2.URL) -> httpx2.Client:
        if self._transport is not None:
            return httpx2.Client(transport=self._transport)
        certificates = NOBODY_TRUSTED
        if url.scheme == "https":
            known = self.certificates.known
            certificates = self.certificates.read() if known is None else known
        with environment_errors():
            return httpx2.Client(verify=certificates, trust_env=trusts_environment(url), follow_redirects=False)

    def _head(
        self, http: httpx2.Client, outgoing: httpx2.Request, request: RuntimeRequest, auth: httpx2.Auth
    ) -> Reply:
        deadline = Deadline()
        stream: Any = None

        def trace(event: str, info: dict[str, Any]) -> None:
            nonlocal stream
            match event.split(".", 1)[1]:
                case "connect_tcp.complete":
                    stream = info["return_value"]
                    keep_alive(stream)
                    _shorten_reads(stream, deadline)
                case "start_tls.complete":
                    _shorten_reads(info["return_value"], deadline)
                case "start_tls.failed":
                    # httpx2 leaves the connection open if the handshake failed because the call was cancelled.
                    stream.close()
                case "receive_response_headers.started":
                    deadline.set(request.head_timeout_s)
                case "receive_response_headers.complete":
                    deadline.clear()

        if self._transport is None:
            outgoing.extensions["trace"] = trace
        with sending_errors(outgoing, request.session_id, deadline):
            return Reply.of(http.send(outgoing, auth=auth, stream=True), request.session_id, deadline)


def _shorten_reads(stream: Any, deadline: Deadline) -> None:
    read = stream.read

    def read_in_time(max_bytes: int, timeout: float) -> bytes:
        data: bytes = read(max_bytes, deadline.shorten(timeout))
        return data

    # Patch this one stream: httpx2 creates its streams itself, and can't be given others without a whole transport.
    with suppress(AttributeError):  # a stream without settable attributes keeps the usual timeout for the head
        stream.read = read_in_time
