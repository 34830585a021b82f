"""Calling a handler, whatever kind of callable it is, without holding up the server's event loop.

Coroutines and async generators run on the worker loop, all other code in threads. Their values are encoded there too:
that calls the values' own code, which may be slow, and a handler may modify a value after it has yielded it.
"""

from __future__ import annotations

import inspect
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, to_thread
from starlette.responses import Response

from agentcore_mcp.hosting.failures import contained
from agentcore_mcp.hosting.streaming import encode_event, encode_events, encode_json
from agentcore_mcp.hosting.worker import runs_here
from agentcore_mcp.wire.headers import JSON_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from contextvars import Context

    from agentcore_mcp.hosting.context import RequestContext
    from agentcore_mcp.hosting.worker import WorkerLoop


async def invoke(
    handler: Callable[..., Any], payload: Any, context: RequestContext, *, worker: WorkerLoop
) -> Response | AsyncGenerator[bytes]:
    """Call a handler with its arguments, and return its answer, or an async generator of its events.

    A generator has not begun to run when this returns: the iteration raises its failures. It runs with the context
    variables that are set at this call, whenever it is read.
    """
    args = (payload, context) if _takes_context(handler) else (payload,)
    # Calling an async function only makes its coroutine. Which callables are async can't always be seen from outside:
    # a plain decorator hides it.
    result = await to_thread.run_sync(_called, handler, *args)
    if inspect.isawaitable(result):
        result = await worker.run(_awaited, result)
    if inspect.isasyncgen(result):
        return worker.iterate(encode_events(result), copy_context())
    if inspect.isgenerator(result):
        return _from_threads(result, copy_context())
    response: Response = result
    return response


def _takes_context(handler: Callable[..., Any]) -> bool:
    try:
        names = list(inspect.signature(handler).parameters)
    except (TypeError, ValueError):  # some built-ins have no signature
        return False
    return names[1:2] == ["context"]


def _called(handler: Callable[..., Any], *args: Any) -> Any:
    runs_here(None)
    with contained():
        result = handler(*args)
        return result if inspect.isawaitable(result) else _answer_or_generator(result)


async def _awaited(result: Awaitable[Any]) -> Any:
    return _answer_or_generator(await result)


def _answer_or_generator(result: Any) -> Any:
    if inspect.isasyncgen(result) or inspect.isgenerator(result) or isinstance(result, Response):
        return result
    return Response(encode_json(result), media_type=JSON_TYPE)


async def _from_threads(generator: Generator[Any, Any, Any], context: Context) -> AsyncGenerator[bytes]:
    """Run a generator's steps in threads, one at a time, all in ``context``."""
    try:
        while event := await to_thread.run_sync(context.run, _next_event, generator):
            yield event
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(context.run, _close, generator)


def _next_event(generator: Generator[Any, Any, Any]) -> bytes:
    """Return the next piece as an event; nothing at the end."""
    runs_here(None)
    with contained():
        for piece in generator:
            return encode_event(piece)
    return b""


def _close(generator: Generator[Any, Any, Any]) -> None:
    with contained():
        generator.close()
