"""The connection to an interactive shell: what is typed into it, and what it shows.

A connection that is cut is made again, as the service's rules have it: the same shell id in the same session is the
same shell, which sends the last 256 KiB again. Where another client takes the shell over (close code 4000), it is left
to that one.
"""

from __future__ import annotations

import shlex
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import (
    AgentCoreError,
    ServiceError,
    StreamInterruptedError,
    TransportError,
    WebSocketClosedError,
)
from agentcore_mcp.runtime.websocket.connection import NORMAL_CLOSURE, REPLACED
from agentcore_mcp.wire.limits import FRAME_MAX_BYTES, SHELL_REPLAY_BYTES
from agentcore_mcp.wire.shells import frames, marks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from agentcore_mcp.runtime.retries import Retries
    from agentcore_mcp.runtime.websocket.connection import RuntimeWebSocket

    Connect = Callable[[], AbstractAsyncContextManager[RuntimeWebSocket]]
    Beside = Callable[[str], Awaitable[None]]

# What is sent again comes at once.
_REPLAY_SILENCE_S = 0.5
# Columns and rows: at 80, lines are cut or folded more often.
_SCREEN = (200, 50)
# Kills the foreground job of a process's terminal, unless that is the process itself: the 8th field of proc(5).
_KILL = (
    'read -r _ _ _ _ _ _ _ group _ < /proc/{0}/stat && [ "$group" -gt 1 ] && [ "$group" -ne {0} ] && kill -9 "-$group"'
)


class Terminal:
    """A terminal that a shell runs on.

    Args:
        connect: Connects to it, each time to the same.
        beside: Runs a command in the session, outside the shell, if there is a way to.
        retries: How often a connection is tried.

    Attributes:
        session_id: The session that answers.
        exit_code: The shell's own once it has exited; None before.
        is_new: Whether no shell was there before the connection.
    """

    def __init__(self, connect: Connect, beside: Beside | None, retries: Retries) -> None:
        self.session_id = ""
        self.exit_code: int | None = None
        self.is_new = True
        self._connect = connect
        self._beside = beside
        self._retries = retries
        self._open = AsyncExitStack()
        self._socket: RuntimeWebSocket
        self._ended_by_service = False

    async def connect(self, *, cut: bool = False) -> None:
        """Connect, also again.

        Raises:
            AgentCoreError: If that fails.
        """
        attempt = 0
        while True:
            attempt += 1
            await self._open.aclose()
            try:
                self._socket = await self._open.enter_async_context(self._connect())
                self.session_id, self.exit_code = self._socket.session_id, None
                # The first frame says whether the shell was there before.
                await self.next()
                await self._socket.send_bytes(frames.resize(*_SCREEN))
            except (ServiceError, TransportError) as error:
                if (pause_s := self._retries.after_upgrade(attempt, error, cut=cut)) is None:
                    raise
                await anyio.sleep(pause_s)
            else:
                return

    async def aclose(self) -> None:
        """Leave the shell, and what runs in it, as they are."""
        await self._open.aclose()

    async def type(self, data: bytes) -> None:
        """Type something.

        Raises:
            WebSocketClosedError: If the connection is closed.
        """
        for start in range(0, len(data), FRAME_MAX_BYTES - 1):
            await self._socket.send_bytes(frames.STDIN + data[start : start + FRAME_MAX_BYTES - 1])

    async def next(self) -> bytes:
        """Return what is shown next; b"" at the first frame, and when the shell has exited.

        Raises:
            StreamInterruptedError: If the service ends the shell.
            WebSocketClosedError: If the connection is closed.
        """
        while True:
            message = await self._socket.receive_bytes()
            match message[:1]:
                case frames.STDOUT | frames.STDERR:
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

    async def read(self, within_s: float) -> bytes | None:
        """Return what is shown next, as ``next`` does; None if nothing is for so long."""
        with anyio.move_on_after(within_s):
            return await self.next()
        return None

    async def replay(self) -> bytes:
        """Return what the shell sends again, up to where its prompt or a pause shows that this is all."""
        shown = b""
        while len(shown) < SHELL_REPLAY_BYTES and marks.last(shown) != ("D", b""):
            if (data := await self.read(_REPLAY_SILENCE_S)) is None:
                break
            if self.exit_code is not None:
                # It exited while nobody was connected, and its name is free again.
                await self.connect()
                return b""
            shown += data
        return shown

    async def come_back(
        self, cut: WebSocketClosedError, command_id: str, given: int, tail: bytes
    ) -> tuple[bytes, bool]:
        """Connect again after a cut; return what a command printed meanwhile, and whether some of it may be missing.

        Args:
            cut: How the connection ended.
            command_id: The command's.
            given: How much of its output came before the cut.
            tail: The end of that.

        Raises:
            StreamInterruptedError: If the shell is gone, or another client's.
        """
        if cut.code in (NORMAL_CLOSURE, REPLACED) or self._ended_by_service:
            raise StreamInterruptedError(cut.message, session_id=self.session_id) from cut
        await self.connect(cut=True)
        if self.is_new:
            message = "the shell has gone, with the environment that it ran in; how its command ended is not known"
            raise StreamInterruptedError(message, session_id=self.session_id)
        shown = b""
        while len(shown) < SHELL_REPLAY_BYTES and self.exit_code is None:
            begun = marks.begun_at(shown, command_id)
            if begun >= 0 and len(shown) - begun >= given:
                return shown[begun + given :], False
            if (data := await self.read(_REPLAY_SILENCE_S)) is None:
                break
            shown += data
        # Its beginning is not kept any more. Where its end can't be told from other lines, the last such is taken.
        seen = shown.count(tail) if tail else 0
        return (shown[shown.rindex(tail) + len(tail) :] if seen else shown), seen != 1

    async def kill(self, pid: int) -> None:
        """Kill what runs in the foreground, from outside, unless that is the process itself."""
        if self._beside is not None:
            with suppress(AgentCoreError):
                await self._beside(f"/bin/sh -c {shlex.quote(_KILL.format(pid))}")

    async def hang_up(self) -> None:
        """End the shell."""
        await self._socket.send_bytes(frames.CLOSE)
