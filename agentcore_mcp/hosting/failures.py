"""Turns exceptions of handlers into errors that can be answered and logged.

``SystemExit`` and its like would end the server or the worker loop, and a ``CancelledError`` would look as if the
client had disconnected. ``except Exception`` catches none of them, so they become ``RuntimeError`` here.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class contained:  # noqa: N801 - a context manager, as ``contextlib.suppress``
    """Raises ``RuntimeError`` in place of an exception in the block that is not an ``Exception``.

    A ``CancelledError`` is left alone where the task that has entered the block is being cancelled.
    """

    # A class: a generator would assign to the exception's ``__traceback__``, which frozen dataclasses don't allow.
    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, asyncio.CancelledError):
            if not _cancelling():
                raise RuntimeError("the handler was cancelled from within") from error
        elif error is not None and not isinstance(error, Exception):
            raise RuntimeError(f"the handler raised {text_of(error, repr)}") from error


def _cancelling() -> bool:
    with suppress(RuntimeError):  # no loop runs in this thread
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return False


def text_of(value: object, form: Callable[[object], str] = str) -> str:
    """Return ``str(value)``, or another form of it; a note if the value's own ``__str__`` or ``__repr__`` fails."""
    try:
        return form(value)
    except BaseException as failure:  # noqa: BLE001 - the agent's own code, which may raise anything
        return f"<{type(value).__name__}, whose {form.__name__}() raised {type(failure).__name__}>"
