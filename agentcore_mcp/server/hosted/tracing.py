"""Traces: continues a caller's trace here, and passes it on to AgentCore.

The SDK gives each message a span, below the one that ``_meta`` names. Only OpenTelemetry's API is used, which comes
with the SDK: without a tracer provider, which ``opentelemetry-instrument`` sets up, there are no spans, and the
caller's trace headers are passed on as far as W3C Trace Context and Baggage allow.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers

from agentcore_mcp.wire.headers import BAGGAGE, TRACE_HEADERS, VALUE_CHARS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from starlette.types import ASGIApp, Receive, Scope, Send


def continuing(app: ASGIApp) -> ASGIApp:
    """Return an app that continues the trace of a request's headers, for messages that name no other."""
    from opentelemetry import context, propagate, trace

    async def continued(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not any(name == b"traceparent" for name, _ in scope["headers"]):
            await app(scope, receive, send)
            return
        found = propagate.extract(Headers(scope=scope), context.get_current())
        before = context.attach(found) if trace.get_current_span(found).get_span_context().is_valid else None
        try:
            await app(scope, receive, send)
        finally:
            if before is not None:
                context.detach(before)

    return continued


async def keep_baggage(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Keep the baggage of a message that names a trace: middleware, since the SDK reads only the trace from it."""
    from opentelemetry import context, propagate, trace

    baggage = (ctx.meta or {}).get(BAGGAGE)
    if not isinstance(baggage, str) or not trace.get_current_span().get_span_context().is_valid:
        return await call_next(ctx)
    before = context.attach(propagate.extract({BAGGAGE: baggage}, context.get_current()))
    try:
        return await call_next(ctx)
    finally:
        context.detach(before)


def span(operation: str, agent: str, session_id: str) -> AbstractContextManager[None]:
    """Put the block's requests to an agent into a span of the current trace.

    A failure is recorded by its class alone: its message may quote the agent.
    """
    from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider

    # As long as no provider is set up, a span would be the caller's own again.
    if isinstance(get_tracer_provider(), ProxyTracerProvider):
        return nullcontext()
    return _span(operation, agent, session_id)


@contextmanager
def _span(operation: str, agent: str, session_id: str) -> Iterator[None]:
    from opentelemetry.trace import SpanKind, StatusCode, get_tracer

    attributes = {"gen_ai.agent.name": agent, "gen_ai.conversation.id": session_id}
    with get_tracer("agentcore-mcp").start_as_current_span(
        f"{operation} {agent}",
        kind=SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield
        except BaseException as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(StatusCode.ERROR)
            raise


def traced(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request with those of the current trace; configured ones of the same name win."""
    from opentelemetry.propagate import inject

    ours: dict[str, str] = {}
    inject(ours)
    configured = {name.lower() for name in headers}
    fit = {
        name: value
        for name, value in ours.items()
        # A caller's value may be longer than AWS accepts.
        if name.lower() in TRACE_HEADERS - configured and len(value) <= VALUE_CHARS[name.lower()][1]
    }
    return {**headers, **fit}
