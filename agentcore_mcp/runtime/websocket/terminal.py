"""The connection to an interactive shell.

A connection that is cut is made again by the service's rules: the same shell id in the same session is the same shell,
which sends the last 256 KiB again. A shell that another client takes over (close code 4000) is left to that client.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Self

import anyio

from agentcore_mcp.errors import (
    ResponseTimeoutError,
    ServiceError,
    StreamInterruptedError,
    TransportError,
    WebSocketClosedError,
)
from agentcore_mcp.runtime.websocket.connection import NORMAL_CLOSURE, REPLACED
from agentcore_mcp.wire.limits import SHELL_REPLAY_BYTES
from agentcore_mcp.wire.shells import frames, marks

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from agentcore_mcp.runtime.retries import Retries
    from agentcore_mcp.runtime.websocket.connection import RuntimeWebSocket

# What is sent again comes at once, and is at least a prompt. What comes later is new: a command may never be silent.
_REPLAY_S = 5.0
_REPLAY_SILENCE_S = 0.5
# By so much of what came last, its place in what is sent again is found.
_TAIL_BYTES = 4_096
# Columns and rows: at 80, lines are cut or folded more often.
_SCREEN = (200, 50)


class Terminal:
    """A terminal that a shell runs on. An async context manager; leaving it leaves the shell as it is.

    Attributes:
        session_id: The session that answers.
        is_new: Whether no command has run in the shell yet.
        exit_code: The shell's own once it has exited, as by ``exit``, ``exec`` or ``set -e``; the next one is a new
            shell.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[RuntimeWebSocket]],
        retries: Retries,
        open_timeout_s: float,
    ) -> None:
        self.session_id, self.is_new = "", True
        self.exit_code: int | None = None
        self._connect, self._retries, self._open_timeout_s = connect, retries, open_timeout_s
        self._open = AsyncExitStack()
        self._socket: RuntimeWebSocket
        self._ended_by_service = False
        # The end of what came, and what came since the last command.
        self._tail = self._since = b""

    async def __aenter__(self) -> Self:
        try:
            await self._attach()
        except BaseException:  # a cancellation, too: nobody leaves what was not entered
            await self._open.aclose()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def _attach(self, *, cut: bool = False) -> None:
        """Connect, also again, and read what the shell has shown before."""
        attempt = 0
        while True:
            attempt += 1
            await self._open.aclose()
            try:
                self._socket = await self._open.enter_async_context(self._connect())
                self.session_id, self.exit_code = self._socket.session_id, None
                # The first frame says whether the shell was there before.
                with anyio.move_on_after(self._open_timeout_s) as limit:
                    await self._next()
                if limit.cancelled_caught:
                    message = f"the shell said nothing for {self._open_timeout_s:g} s after it was connected to"
                    raise ResponseTimeoutError(message, session_id=self.session_id)
                # What a shell that has exited said before it closed the connection is still to be read.
                with suppress(WebSocketClosedError):
                    await self._socket.send_bytes(frames.resize(*_SCREEN))
            except (ServiceError, TransportError) as error:
                if (pause_s := self._retries.after_upgrade(attempt, error, cut=cut)) is None:
                    raise
                await anyio.sleep(pause_s)
            else:
                break
        self._since = b"" if self.is_new else await self._replay(to_prompt=not cut)

    async def _next(self) -> bytes:
        """Return what is shown next; b"" at the first frame, and when the shell has exited."""
        while True:
            message = await self._socket.receive_bytes()
            match message[:1]:
                case frames.STDOUT:
                    self._tail = (self._tail + message[1:])[-_TAIL_BYTES:]
                    return message[1:]
                case frames.STDERR:
                    return message[1:]
                case frames.CLOSE:
                    self._ended_by_service = True
                case frames.STATUS:
                    status = frames.read_status(message[1:])
                    if status.connected:
                        self.is_new = not status.reconnected
                    elif status.exit_code is None:
                        raise StreamInterruptedError(f"the shell failed: {status.message}", session_id=self.session_id)
                    else:
                        self.exit_code = status.exit_code
                    return b""

    async def _replay(self, *, to_prompt: bool) -> bytes:
        """Return what the shell sends again, up to where a pause or, if asked, its prompt shows that this is all."""
        shown = b""
        with anyio.move_on_after(_REPLAY_S):
            while len(shown) < SHELL_REPLAY_BYTES and not (to_prompt and marks.last(shown)[::2] == ("D", b"")):
                with anyio.move_on_after(_REPLAY_SILENCE_S if shown else None) as silence:
                    more = await self._next()
                if silence.cancelled_caught or not more:
                    break
                shown += more
        return shown

    async def _come_back(self, cut: WebSocketClosedError) -> bool:
        """Connect again after a cut, and read what was printed meanwhile; return whether that is certainly all.

        Raises:
            StreamInterruptedError: If the shell is gone, or another client's.
        """
        if cut.code in (NORMAL_CLOSURE, REPLACED) or self._ended_by_service:
            raise StreamInterruptedError(cut.message, session_id=self.session_id) from cut
        since, tail, self._tail = self._since, self._tail, b""
        await self._attach(cut=True)
        if self.is_new:
            message = "the shell has gone, with the environment that it ran in; how its command ended is not known"
            raise StreamInterruptedError(message, session_id=self.session_id)
        # Where its end can't be told from other lines, the last such is taken.
        first, last = (self._since.find(tail), self._since.rfind(tail)) if tail else (-1, -1)
        self._since = since + self._since[last + len(tail) if last >= 0 else 0 :]
        return 0 <= first == last
