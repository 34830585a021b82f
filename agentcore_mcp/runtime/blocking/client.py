# Generated from agentcore_mcp/runtime/client.py by scripts/unasync.py: do not edit.
"""BlockingRuntimeClient: the operations over HTTP, streaming.

This module combines them: ``wire.requests`` builds a request, ``endpoints`` chooses its host, ``auth`` its credentials,
and ``retries`` decides whether it is sent again. Answers are in ``bodies`` and ``replies``.

Generated from the async half by ``scripts/unasync.py``.
"""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth
from agentcore_mcp.runtime.blocking.bodies import BlockingAnswer, BlockingCommandRun, BlockingInvocation, answer_in, check_success
from agentcore_mcp.runtime.endpoints import endpoints
from agentcore_mcp.runtime.environment import Certificates
from agentcore_mcp.runtime.blocking.harnesses import HarnessMethods
from agentcore_mcp.runtime.readers import command_body, invocation_body
from agentcore_mcp.runtime.replies import StoppedSession
from agentcore_mcp.runtime.requests import RuntimeRequest, new_session_id, parsed_arn
from agentcore_mcp.runtime.retries import DEFAULT_RETRIES, Retries
from agentcore_mcp.runtime.blocking.sending import Sender
from agentcore_mcp.runtime.timeouts import COMMAND_GRACE_S, CONNECT_TIMEOUT_S, READ_TIMEOUT_S, STOP_TIMEOUT_S
from agentcore_mcp.wire.headers import EVENT_STREAM_TYPE, JSON_TYPE, SSE_TYPE
from agentcore_mcp.wire.limits import COMMAND_TIMEOUT_DEFAULT_S
from agentcore_mcp.wire.requests import card_request, check_command, command_request, invoke_request, stop_request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    import httpx2

    from agentcore_mcp.runtime.readers import Body
    from agentcore_mcp.runtime.replies import Reply
    from agentcore_mcp.wire.ids import Runtime
    from agentcore_mcp.wire.requests import Request

T = TypeVar("T")


class BlockingRuntimeClient(HarnessMethods):
    """Calls agent runtimes. It keeps nothing open between calls, and may be shared by all callers.

    Args:
        auth: The auth flow of the requests; None is SigV4 with the default chain's credentials.
        endpoint_url: Where to send everything, instead of to the service's host for the runtime's region.
        use_fips: Send to the host whose cryptography is validated by FIPS 140.
        use_dualstack: Send to the host that has IPv6 addresses too.
        connect_timeout_s: Timeout of a connection, including its TLS handshake.
        read_timeout_s: Limit for silence while an agent works: before its answer and between two pieces of it. All of
            an answer's head may take twice as long.
        command_grace_s: Limit for silence of a command, on top of the command's own timeout.
        stop_timeout_s: Timeout of the answer to a stop.
        retries: When to repeat a call that didn't reach an agent; ``Retries(max_attempts=1)`` for never.
        tls: The certificates to trust, such as those of a TLS-inspecting proxy, or a function that reads them at the
            first call that needs them; None are the system's.
        transport: An httpx2 transport to send through. It is closed with the client, and no proxy is used.

    Raises:
        ConfigurationError: If the endpoint URL is neither https nor on this machine, or is combined with FIPS or
            dual-stack.
    """

    def __init__(
        self,
        *,
        auth: httpx2.Auth | None = None,
        endpoint_url: str | None = None,
        use_fips: bool = False,
        use_dualstack: bool = False,
        # Timeouts
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        command_grace_s: float = COMMAND_GRACE_S,
        stop_timeout_s: float = STOP_TIMEOUT_S,
        # Repetition and trust
        retries: Retries = DEFAULT_RETRIES,
        tls: ssl.SSLContext | Callable[[], ssl.SSLContext] | None = None,
        # Escape hatch
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.auth = SigV4Auth() if auth is None else auth
        self._read_timeout_s = read_timeout_s
        self._command_grace_s = command_grace_s
        self._stop_timeout_s = stop_timeout_s
        self.sender = Sender(
            endpoints(endpoint_url, use_fips=use_fips, use_dualstack=use_dualstack),
            retries,
            certificates=Certificates(tls),
            connect_timeout_s=connect_timeout_s,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the transport that the client was given. There is nothing else to close."""
        self.sender.close()

    def invoke(
        self,
        arn: Runtime | str,
        payload: bytes,
        *,
        session_id: str | None = None,
        qualifier: str | None = None,
        content_type: str = JSON_TYPE,
        accept: str = f"{SSE_TYPE}, {JSON_TYPE}",
        user_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout_s: float | None = None,
        auth: httpx2.Auth | None = None,
    ) -> AbstractContextManager[BlockingInvocation]:
        """Invoke an agent; the ``with`` block is entered when the head of its answer has arrived.

        Leaving the block early closes the connection, which does not stop the agent's work.

        Args:
            arn: The runtime's; or a ``RuntimeId``, its id and account.
            payload: What the agent receives, at most 100,000,000 bytes.
            session_id: 33 to 256 visible ASCII characters; an unknown one begins a new session, and so does None.
            qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
            content_type: The payload's media type.
            accept: The accepted media types.
            user_id: On whose behalf, at most 1024 characters; SigV4 callers need an extra IAM permission for it.
            headers: Further headers, such as ``…-Runtime-Custom-*`` or trace context.
            read_timeout_s: Instead of the client's.
            auth: Instead of the client's.

        Raises:
            InvalidRequestError: If an argument is outside these limits; nothing is sent then.
            CredentialsError: If there are no usable credentials.
            TransportError: If the connection fails: see its three subclasses.
            ProtocolError: If the answer is malformed or larger than 100,000,000 bytes.
            ServiceError: If AgentCore refuses.
            AgentError: If the agent fails, before its answer or in the middle of it.
        """
        build = partial(
            invoke_request,
            payload=payload,
            qualifier=qualifier,
            content_type=content_type,
            accept=accept,
            user_id=user_id,
            headers=headers,
        )
        return self._ask(arn, session_id, build, read_timeout_s, auth, invocation_body)

    def run_command(
        self,
        arn: Runtime | str,
        command: str,
        *,
        session_id: str | None = None,
        timeout_s: int = COMMAND_TIMEOUT_DEFAULT_S,
        qualifier: str | None = None,
        headers: Mapping[str, str] | None = None,
        auth: httpx2.Auth | None = None,
    ) -> AbstractContextManager[BlockingCommandRun]:
        """Run a shell command in a session's environment; the ``with`` block is entered as for ``invoke``.

        A stream that ends without an exit code raises StreamInterruptedError: the command may still be running.

        Args:
            arn: The runtime's, or a harness's; or a ``RuntimeId``, its id and account.
            command: 1 to 65,536 characters.
            session_id: 33 to 256 visible ASCII characters; an unknown one boots a new, empty environment, and so does
                None.
            timeout_s: After how many seconds the service ends the command, 1 to 3600.
            qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
            headers: Further headers, such as trace context.
            auth: Instead of the client's.

        Raises:
            InvalidRequestError, CredentialsError, TransportError, ProtocolError, ServiceError: As for ``invoke``.
        """
        check_command(command, timeout_s)  # Before the sum: it may not be a number.
        build = partial(command_request, command=command, timeout_s=timeout_s, qualifier=qualifier, headers=headers)
        silence_s = timeout_s + self._command_grace_s
        return self._ask(arn, session_id, build, silence_s, auth, command_body, EVENT_STREAM_TYPE)

    def agent_card(
        self,
        arn: Runtime | str,
        *,
        session_id: str | None = None,
        qualifier: str | None = None,
        headers: Mapping[str, str] | None = None,
        auth: httpx2.Auth | None = None,
    ) -> AbstractContextManager[BlockingInvocation]:
        """Get an A2A agent's card; the ``with`` block, arguments and errors are as for ``invoke``."""
        build = partial(card_request, qualifier=qualifier, headers=headers)
        return self._ask(arn, session_id, build, self._stop_timeout_s, auth, invocation_body)

    def _ask(
        self,
        arn: Runtime | str,
        session_id: str | None,
        build: Callable[..., Request],
        read_timeout_s: float | None,
        auth: httpx2.Auth | None,
        body_of: Callable[[Reply], Body[T]],
        media: str | None = None,
    ) -> AbstractContextManager[BlockingAnswer[T]]:
        """Build and check a request now, and send it when the block is entered; ``media`` is the type of a success."""
        arn = parsed_arn(arn)
        session_id = new_session_id() if session_id is None else session_id
        timeout_s = self._read_timeout_s if read_timeout_s is None else read_timeout_s
        request = RuntimeRequest(arn, build(arn, session_id=session_id), session_id, timeout_s)
        return answer_in(self.sender.send(request, auth or self.auth), body_of, media)

    def stop_session(
        self,
        arn: Runtime | str,
        *,
        session_id: str,
        qualifier: str | None = None,
        client_token: str | None = None,
        headers: Mapping[str, str] | None = None,
        missing_ok: bool = True,
        read_timeout_s: float | None = None,
        auth: httpx2.Auth | None = None,
    ) -> StoppedSession:
        """End a session, its environment and whatever runs in it.

        Args:
            arn: The runtime's.
            session_id: 33 to 256 visible ASCII characters.
            qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
            client_token: 33 to 256 letters, digits and dashes, the same for repeats of a stop; None is a new one.
            headers: Further headers, such as a gateway's API key.
            missing_ok: Whether a session that is already gone is no error.
            read_timeout_s: Instead of the client's ``stop_timeout_s``.
            auth: Instead of the client's.

        Raises:
            InvalidRequestError, CredentialsError, TransportError, ServiceError: As for ``invoke``.
        """
        arn = parsed_arn(arn)
        token = str(uuid.uuid4()) if client_token is None else client_token
        operation = stop_request(arn, session_id=session_id, client_token=token, qualifier=qualifier, headers=headers)
        timeout_s = self._stop_timeout_s if read_timeout_s is None else read_timeout_s
        request = RuntimeRequest(arn, operation, session_id, timeout_s)
        with self.sender.send(request, auth or self.auth) as reply:
            already_gone = missing_ok and reply.says_session_is_gone
            if not already_gone:
                check_success(reply)
            return StoppedSession(reply.session_id, already_gone, reply.response.status_code)
