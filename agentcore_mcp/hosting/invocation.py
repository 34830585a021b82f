"""Calling a handler, whatever kind of callable it is, without ever holding up the server's event loop.

Async code runs on the worker loop, other code in threads. What comes back is a value, or an async generator of pieces.
"""

from __future__ import annotations

import inspect
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, to_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from contextvars import Context

    from agentcore_mcp.hosting.context import RequestContext
    from agentcore_mcp.hosting.worker import WorkerLoop

_END = object()


async def invoke(handler: Callable[..., Any], payload: Any, context: RequestContext, *, worker: WorkerLoop) -> Any:
    """Call a handler with what it takes, and return its value or an async generator of its pieces.

    A generator has not begun to run when this returns: its failures come out of the iteration. It will run with the
    context variables of now, whenever it is read.
    """
    args = (payload, context) if _takes_context(handler) else (payload,)
    if _is(inspect.iscoroutinefunction, handler):
        result = await worker.run(handler, *args)
    elif _is(inspect.isasyncgenfunction, handler):
        result = handler(*args)
    else:
        result = await to_thread.run_sync(_contained, handler, *args)
    if inspect.isasyncgen(result):
        return worker.iterate(result, copy_context())
    if inspect.isgenerator(result):
        return _from_threads(result, copy_context())
    return result


def is_coroutine_callable(function: Callable[..., Any]) -> bool:
    """Tell whether calling it gives a coroutine."""
    return _is(inspect.iscoroutinefunction, function)


def _is(kind: Callable[[Any], bool], function: Callable[..., Any]) -> bool:
    """Tell a function's kind, also of what a ``partial`` calls and of objects with a ``__call__`` of that kind."""
    while isinstance(function, partial):
        function = function.func
    return kind(function) or kind(type(function).__call__)


def _takes_context(handler: Callable[..., Any]) -> bool:
    try:
        names = list(inspect.signature(handler).parameters)
    except (TypeError, ValueError):  # some built-ins have no signature
        return False
    return names[1:2] == ["context"]


async def _from_threads(generator: Generator[Any, Any, Any], context: Context) -> AsyncGenerator[Any]:
    """Run a generator's steps in threads, one at a time, all in ``context``."""
    try:
        while (piece := await to_thread.run_sync(context.run, _contained, next, generator, _END)) is not _END:
            yield piece
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(context.run, generator.close)


def _contained(function: Callable[..., Any], *args: Any) -> Any:
    """Make an ordinary error of what would end the server."""
    try:
        return function(*args)
    except SystemExit as error:
        raise RuntimeError(f"the handler called sys.exit({error.code!r})") from error
