"""A handler works inside the caller's trace, with the caller's baggage, however it is written."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, context, trace
from starlette.datastructures import Headers

from agentcore_mcp.hosting import BedrockAgentCoreApp
from agentcore_mcp.hosting.telemetry import trace_context
from tests.support.processes import printed
from tests.support.serving import exchange, http_request, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
HEADERS = (
    ("traceparent", f"00-{TRACE_ID}-b7ad6b7169203331-01"),
    ("baggage", "tenant=blue"),
    ("baggage", "plan=gold%20plus"),
)
SEEN = [TRACE_ID, {"tenant": "blue", "plan": "gold plus"}]
NOTHING = ["0" * 32, {}]


def _seen() -> list[Any]:
    trace_id = trace.get_current_span().get_span_context().trace_id
    return [trace.format_trace_id(trace_id), dict(baggage.get_all())]


def _function(payload: Any) -> list[Any]:
    return _seen()


async def _coroutine(payload: Any) -> list[Any]:
    return _seen()


def _generator(payload: Any) -> Iterator[list[Any]]:
    yield _seen()


async def _async_generator(payload: Any) -> AsyncIterator[list[Any]]:
    yield _seen()


@pytest.mark.parametrize("handler", [_function, _coroutine, _generator, _async_generator])
def test_a_handler_sees_the_callers_trace_and_baggage(handler: Any) -> None:
    app = BedrockAgentCoreApp()
    app.entrypoint(handler)

    with serving(app) as port:
        answers = [exchange(port, http_request("POST", "/invocations", b"null", headers)) for headers in (HEADERS, ())]

    assert [json.loads(_json_of(answer)) for answer in answers] == [SEEN, NOTHING]


def _json_of(answer: bytes) -> str:
    return next(line for line in answer.decode().split("\n") if line.startswith(("[", "data: "))).removeprefix("data: ")


def test_afterwards_the_trace_is_no_longer_current() -> None:
    with trace_context(Headers(raw=[(name.encode(), value.encode()) for name, value in HEADERS])):
        assert _seen() == SEEN

    assert _seen() == NOTHING


def test_what_a_server_instrumentation_has_made_current_stays() -> None:
    span = trace.NonRecordingSpan(trace.SpanContext(trace_id=7, span_id=7, is_remote=False))
    token = context.attach(trace.set_span_in_context(span))
    try:
        with trace_context(Headers({"traceparent": HEADERS[0][1]})):
            assert trace.get_current_span() is span
    finally:
        context.detach(token)


def test_without_opentelemetry_a_handler_works_all_the_same() -> None:
    """Another interpreter, in which it can't be imported: here it is installed, with the tests' own dependencies."""
    script = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from starlette.datastructures import Headers\n"
        "from agentcore_mcp.hosting.telemetry import trace_context\n"
        "with trace_context(Headers({'baggage': 'a=1'})): print('worked')"
    )

    assert printed(script)[0] == "worked\n"


def test_with_a_propagator_that_is_not_installed_a_handler_works_all_the_same() -> None:
    """OTEL_PROPAGATORS is the platform's, what is installed is the agent's; OpenTelemetry refuses to be imported."""
    script = (
        "from starlette.datastructures import Headers\n"
        "from agentcore_mcp.hosting.telemetry import trace_context\n"
        "for _ in range(2):\n"
        "    with trace_context(Headers({'baggage': 'a=1'})): print('worked')"
    )
    environ = {**os.environ, "OTEL_PROPAGATORS": "tracecontext,of-another-planet"}
    worked, errors = printed(script, env=environ)

    assert worked == "worked\nworked\n"
    assert errors.count("of-another-planet") == 1
