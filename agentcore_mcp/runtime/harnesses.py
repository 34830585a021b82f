"""InvokeHarness, a method of ``RuntimeClient``.

The blocking half is generated from this module: see ``scripts/unasync.py``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from agentcore_mcp.runtime.readers import harness_body
from agentcore_mcp.wire.eventstream.harnesses import harness_request
from agentcore_mcp.wire.headers import EVENT_STREAM_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    import httpx2

    from agentcore_mcp.runtime.bodies import Invocation
    from agentcore_mcp.wire.ids import Runtime


class HarnessMethods:
    """See ``RuntimeClient``."""

    _ask: Callable[..., AbstractAsyncContextManager[Any]]

    def invoke_harness(
        self,
        arn: Runtime | str,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        session_id: str | None = None,
        qualifier: str | None = None,
        options: Mapping[str, Any] | None = None,
        user_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout_s: float | None = None,
        auth: httpx2.Auth | None = None,
    ) -> AbstractAsyncContextManager[Invocation]:
        """Invoke a harness. Anything not described here is as for ``invoke``.

        ``messages`` are the prompt, or messages as boto3 takes them. ``options`` replace the harness's own ``model``,
        ``systemPrompt``, ``tools``, ``skills``, ``allowedTools``, ``maxIterations``, ``maxTokens``, ``timeoutSeconds``
        or ``actorId``. Session ids have 33 to 100 letters, digits, dashes and underscores.

        Each piece of the answer is an event as JSON, such as ``{"contentBlockDelta": {…}}``; ``AnswerText`` reads their
        words. A last piece ``{"interrupts": [{"id": …, "reason": …, "toolUse": {…}}]}`` has the tool calls that the
        harness leaves to its caller; ``tool_results`` makes the messages that answer them. A stream that ends
        within a message raises StreamInterruptedError.
        """
        build = partial(
            harness_request, messages=messages, qualifier=qualifier, options=options, user_id=user_id, headers=headers
        )
        return self._ask(arn, session_id, build, read_timeout_s, auth, harness_body, EVENT_STREAM_TYPE)
