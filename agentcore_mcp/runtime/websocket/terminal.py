"""The connection to an interactive shell.

After a cut it reconnects by the service's rules: the same shell id in the same session is the same shell, which sends
the last 256 KiB again. If another client takes the shell over (close code 4000), it doesn't reconnect.
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

# The replay arrives at once, and is at least a prompt. Later output is new, and may never pause.
_REPLAY_S = 5.0
_REPLAY_SILENCE_S = 0.5
# How much of the last output is searched for in the replay, to find where new output begins.
_TAIL_BYTES = 4_096
# Columns and rows: with 80 columns, programs cut or fold lines more often.
_SCREEN = (200, 50)


class Terminal:
    """The terminal of a shell. An async context manager; leaving it keeps the shell running.

    Attributes:
        session_id: The session that answers.
        is_new: Whether no command has run in the shell yet.
        exit_code: The shell's exit code once it has exited, as by ``exit``, ``exec`` or ``set -e``; the next connection
            gets a new shell.
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
        # The end of all output, and the output since the last command.
        self._tail = self._since = b""

    async def __aenter__(self) -> Self:
        try:
            await self._attach()
        except BaseException:  # cancellation too: __aexit__ isn't called if __aenter__ fails
            await self._open.aclose()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def _attach(self, *, cut: bool = False) -> None:
        """Connect or reconnect, and read the shell's replay."""
        attempt = 0
        while True:
            attempt += 1
            await self._open.aclose()
            try:
                self._socket = await self._open.enter_async_context(self._connect())
                self.session_id, self.exit_code = self._socket.session_id, None
                # The first frame says whether the shell existed before.
                with anyio.move_on_after(self._open_timeout_s) as limit:
                    await self._next()
                if limit.cancelled_caught:
                    message = f"the shell said nothing for {self._open_timeout_s:g} s after it was connected to"
                    raise ResponseTimeoutError(message, session_id=self.session_id)
                # If the shell has exited and closed the connection, frames received before that are still to be read.
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
        """Return the next output; b"" at the first frame, and when the shell has exited."""
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
        """Return the shell's replay, up to a pause or, if ``to_prompt``, its prompt."""
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
        """Reconnect after a cut, and read the output since then; return whether it is certainly complete.

        Raises:
            StreamInterruptedError: If the shell is gone, or another client has taken it over.
        """
        if cut.code in (NORMAL_CLOSURE, REPLACED) or self._ended_by_service:
            raise StreamInterruptedError(cut.message, session_id=self.session_id) from cut
        since, tail, self._tail = self._since, self._tail, b""
        await self._attach(cut=True)
        if self.is_new:
            message = "the shell has gone, with the environment that it ran in; how its command ended is not known"
            raise StreamInterruptedError(message, session_id=self.session_id)
        # If the tail occurs more than once in the replay, take the last occurrence.
        first, last = (self._since.find(tail), self._since.rfind(tail)) if tail else (-1, -1)
        self._since = since + self._since[last + len(tail) if last >= 0 else 0 :]
        return 0 <= first == last
