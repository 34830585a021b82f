"""The caller's OpenTelemetry trace and baggage, made current while a handler works.

OpenTelemetry is an optional dependency. Where it is installed, the spans that a handler opens belong to the caller's
trace and ``opentelemetry.baggage`` returns the caller's entries. A trace that a server instrumentation has made current
stays current. Handlers also work without OpenTelemetry.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

from agentcore_mcp.hosting.logs import LOGGER_NAME
from agentcore_mcp.wire.headers import TRACE_HEADERS

if TYPE_CHECKING:
    from starlette.datastructures import Headers


def trace_context(headers: Headers) -> ExitStack:
    """Make the trace and baggage of a request's headers current, until the returned context manager exits."""
    undo = ExitStack()
    # Without any of them there is nothing to read, and OpenTelemetry is not imported.
    if any(name in headers for name in TRACE_HEADERS) and _usable():
        from opentelemetry import context, propagate, trace

        if not trace.get_current_span().get_span_context().is_valid:  # else it is a server instrumentation's
            # A repeated header is one list (RFC 9110, 5.3), of which the propagators read the first part only.
            carrier = {name: ",".join(headers.getlist(name)) for name in headers}
            undo.callback(context.detach, context.attach(propagate.extract(carrier)))
    return undo


@cache
def _usable() -> bool:
    try:
        import opentelemetry.propagate  # noqa: F401 - only to see whether it can be imported
    except ImportError:
        return False
    except ValueError as error:  # OTEL_PROPAGATORS names one that is not installed
        logging.getLogger(LOGGER_NAME).warning("the callers' traces can't be read: %s", error)
        return False
    return True
