"""The caller's OpenTelemetry trace and baggage, made current while a handler works.

OpenTelemetry is no dependency. Where it is installed, the spans a handler opens belong to the caller's trace and
``opentelemetry.baggage`` answers with the caller's entries. Where instrumentation has done that already, nothing is
done again. Where OpenTelemetry can't be used, a handler works all the same.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from agentcore_mcp.hosting.logs import LOGGER_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.datastructures import Headers

# What AgentCore passes on. Without any of them there is nothing to read, and nothing to import.
_TRACE_HEADERS = ("traceparent", "baggage", "x-amzn-trace-id")


@contextmanager
def trace_context(headers: Headers) -> Iterator[None]:
    """Make the trace and baggage of a request's headers current."""
    if not any(name in headers for name in _TRACE_HEADERS) or not _usable():
        yield
        return
    from opentelemetry import context, propagate, trace

    if trace.get_current_span().get_span_context().is_valid:  # a server instrumentation has read them
        yield
        return
    # A repeated header is one list (RFC 9110, 5.3), of which the propagators would only see the first part.
    carrier = {name: ",".join(headers.getlist(name)) for name in headers}
    token = context.attach(propagate.extract(carrier))
    try:
        yield
    finally:
        context.detach(token)


@cache
def _usable() -> bool:
    try:
        import opentelemetry.propagate  # noqa: F401 - what this does is to fail
    except ImportError:
        return False
    except ValueError as error:  # OTEL_PROPAGATORS, which names one that is not installed
        logging.getLogger(LOGGER_NAME).warning("the callers' traces can't be read: %s", error)
        return False
    return True
