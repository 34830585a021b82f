"""Which call has which shell of a caller's sessions: a shell runs one command at a time, and what is typed is for that.

With a store, ``hosted.store.shells`` has it for all workers.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agentcore_mcp.server.sessions import Session

# How long a request waits for a command that seems to wait for input, as was said before.
ASKED_AGAIN_S = 10.0


@dataclass(slots=True, eq=False)
class InShell:
    """How a call is in a shell.

    Attributes:
        name: The shell's.
        asks: The line after which the command seems to wait for input; "" as long as it doesn't.
        asked: How often it has come to that.
        keys: What is typed and not sent yet, where the shell is read.
    """

    name: str
    asks: str = ""
    asked: int = 0
    keys: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def type(self, text: str) -> None:
        """Let what reads the shell send a text."""
        self.asks = ""
        self.keys.put_nowait(text)


def name_of(shell: InShell | None) -> str:
    """Return the name of a shell, "" without one."""
    return "" if shell is None else shell.name


class Shells:
    """The shells that run a command."""

    def __init__(self) -> None:
        self._held: dict[tuple[tuple[str, str], str], tuple[str, InShell]] = {}

    @asynccontextmanager
    async def held(self, session: Session, shell: InShell, handle: str) -> AsyncIterator[None]:
        """Let the call of a handle have its shell inside the block.

        Raises:
            InvalidRequestError: If another call has it.
        """
        key = session.key, shell.name
        if (other := self._held.setdefault(key, (handle, shell))[0]) != handle:
            raise busy(shell.name, other)
        try:
            yield
        finally:
            del self._held[key]

    async def holder(self, session: Session, name: str) -> str:
        """Return the handle of the call that has a shell, "" if none has."""
        return self._held[session.key, name][0] if (session.key, name) in self._held else ""

    async def type(self, session: Session, name: str, text: str) -> None:
        """Type a text into what runs in a shell; if nothing does any more, it is dropped."""
        if (held := self._held.get((session.key, name))) is not None:
            held[1].type(text)


def busy(name: str, handle: str) -> InvalidRequestError:
    """Return the refusal of a command in a shell that runs one."""
    return InvalidRequestError(
        f"the shell {name!r} still runs the call {handle!r}: wait for that with its handle alone, answer it with "
        "input, or end it with input ^C; or name another shell"
    )
