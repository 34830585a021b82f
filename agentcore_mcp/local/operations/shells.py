"""InvokeAgentRuntimeCommandShell: interactive shells in a session, from which clients can disconnect and reconnect.

Follows AWS's developer guide ("Interactive Shells (Terminals)") and, for the frames in `wire.shells`, the published
SDK. There is no limit here on the duration of a connection or its frames per second.
"""

from __future__ import annotations

import signal
import uuid
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.local.line.sockets import (
    GOING_AWAY,
    MESSAGE_TOO_BIG,
    NORMAL_CLOSURE,
    REPLACED,
    UNSUPPORTED_DATA,
    ClientSocket,
    SocketClosedError,
)
from agentcore_mcp.local.sandbox.terminal import SIZE_MAX, Terminal
from agentcore_mcp.wire.headers import SHELL_ID_HEADER
from agentcore_mcp.wire.ids import SHELL_ID
from agentcore_mcp.wire.limits import SHELL_FRAME_MAX_BYTES, SHELL_REPLAY_BYTES, SHELL_TEXT_FRAMES_MAX, SHELLS_MAX
from agentcore_mcp.wire.shells import frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from agentcore_mcp.local.sandbox.session import Session

_READ_BYTES = 16_384
# Between SIGHUP and SIGKILL.
_HANG_UP_GRACE_S = 1.0
_GOODBYE_S = 1.0


class Shell:
    """A shell, from its first connection until a client has received its exit code.

    Its screen has one reader at a time: a connection, or a task that buffers the output while no client is connected.
    A new reader replaces the current one.
    """

    def __init__(self, shell_id: str, session: Session, shells: dict[str, Shell]) -> None:
        self.id = shell_id
        self._session = session
        self._shells = shells
        self._terminal: Terminal | None = None
        self._recent = bytearray()
        self._lock = anyio.Lock()
        self._turn = 0
        self._reading = anyio.CancelScope()

    @property
    def has_exited(self) -> bool:
        """Return whether it has exited before any client received its exit code."""
        return self._terminal is not None and self._terminal.job.has_exited

    async def attach(self, socket: ClientSocket) -> None:
        """Connect a client to the shell until it leaves, another client connects, or the shell exits.

        Raises:
            Refusal: If bash can't be started.
            SocketClosedError: If the client leaves at once.
        """
        self._turn += 1
        turn = self._turn
        self._reading.cancel()
        try:
            async with self._lock:
                existed = self._terminal is not None
                terminal = self._terminal or await self._start()
                await socket.accept(headers=[(SHELL_ID_HEADER, self.id)])
                with anyio.CancelScope() as self._reading:
                    if turn != self._turn:
                        self._reading.cancel()
                    await self._converse(socket, terminal, reconnected=existed)
                replaced = self._reading.cancelled_caught
            if replaced:
                await socket.close(REPLACED, "Another client has connected to this shell.")
        finally:
            if self._session.stopping.is_set() and self._terminal is not None:
                self._terminal.close()
            else:
                self._session.background(partial(self._keep, turn))

    async def _start(self) -> Terminal:
        try:
            terminal = self._terminal = await Terminal.start(self._session.directory)
        except OSError as exc:
            self._forget()
            raise Refusal("InternalServerException", f"The shell could not be started: {exc.strerror}") from None
        self._session.processes.adopt(terminal.job)

        async def live() -> None:
            await terminal.job.wait()
            self._session.processes.release(terminal.job, is_read=True)

        self._session.background(live)
        return terminal

    async def _converse(self, socket: ClientSocket, terminal: Terminal, *, reconnected: bool) -> None:
        async with anyio.create_task_group() as tasks:

            async def run(part: Awaitable[None]) -> None:
                # If sending to the client fails, its last input, such as ^C, may still be unread.
                with suppress(SocketClosedError):
                    await part
                    tasks.cancel_scope.cancel()

            tasks.start_soon(run, self._show(socket, terminal, reconnected=reconnected))
            tasks.start_soon(run, self._take_input(socket, terminal))
            tasks.start_soon(run, self._until_the_session_ends(socket))

    async def _show(self, socket: ClientSocket, terminal: Terminal, *, reconnected: bool) -> None:
        await socket.send(frames.connected(self.id, reconnected=reconnected))
        recent = bytes(self._recent)
        for start in range(0, len(recent), _READ_BYTES):
            await socket.send(frames.stdout(recent[start : start + _READ_BYTES]))
        while data := await self._read(terminal):
            await socket.send(frames.stdout(data))
        exit_code = await terminal.job.wait()
        if self._session.stopping.is_set():
            # Killed with its session; `_until_the_session_ends` informs the client.
            await anyio.sleep_forever()
        await socket.send(frames.exited(exit_code, terminal.job.ended_by))
        self._forget()
        await socket.close(NORMAL_CLOSURE)

    async def _take_input(self, socket: ClientSocket, terminal: Terminal) -> None:
        texts = 0
        while texts < SHELL_TEXT_FRAMES_MAX:
            try:
                message = await socket.receive()
            except SocketClosedError:
                return
            if isinstance(message, str):
                texts += 1
                continue
            texts = 0
            if len(message) > SHELL_FRAME_MAX_BYTES:
                await socket.close(MESSAGE_TOO_BIG, f"A frame has at most {SHELL_FRAME_MAX_BYTES} bytes.")
                return
            await self._obey(message, socket, terminal)
        await socket.close(UNSUPPORTED_DATA, "Frames are binary.")

    async def _obey(self, message: bytes, socket: ClientSocket, terminal: Terminal) -> None:
        # Other frame types are left to later protocol versions.
        match message[:1]:
            case frames.STDIN:
                await terminal.write(message[1:])
            case frames.RESIZE:
                if size := frames.read_size(message[1:], size_max=SIZE_MAX):
                    terminal.resize(*size)
            case frames.HEARTBEAT:
                with suppress(SocketClosedError):
                    await socket.send(frames.HEARTBEAT)
            case frames.CLOSE:
                # In the background, as the client may leave before it is done.
                self._session.background(partial(self._hang_up, terminal))

    async def _until_the_session_ends(self, socket: ClientSocket) -> None:
        await self._session.stopping.wait()
        with anyio.move_on_after(_GOODBYE_S):
            await socket.send(frames.CLOSE)
        await socket.close(GOING_AWAY, self._session.why)

    async def _keep(self, turn: int) -> None:
        """Read the output while no client is connected, so that the shell doesn't block."""
        async with self._lock:
            with anyio.CancelScope() as self._reading:
                while turn == self._turn and self._terminal is not None and await self._read(self._terminal):
                    pass

    async def _read(self, terminal: Terminal) -> bytes:
        data = await terminal.read(_READ_BYTES)
        self._recent += data
        del self._recent[:-SHELL_REPLAY_BYTES]
        return data

    async def _hang_up(self, terminal: Terminal) -> None:
        terminal.job.signal(signal.SIGHUP)  # type: ignore[attr-defined, unused-ignore]
        with anyio.move_on_after(_HANG_UP_GRACE_S) as grace:
            await terminal.job.wait()
        if grace.cancelled_caught:
            terminal.job.kill()

    def _forget(self) -> None:
        if self._shells.get(self.id) is self:
            del self._shells[self.id]


class Shells:
    """The shells of all sessions."""

    def __init__(self) -> None:
        self._shells: dict[Session, dict[str, Shell]] = {}

    async def connect(self, socket: ClientSocket, session: Session, query: Mapping[str, str]) -> None:
        """Connect a client to a new shell, or reconnect it to an existing one.

        Raises:
            Refusal: If the shell's id is not valid, there are too many, or bash can't be started.
            SocketClosedError: If the client leaves before it is accepted.
        """
        shell_id = query.get("shellId") or str(uuid.uuid4())
        if not SHELL_ID.fullmatch(shell_id):
            raise Refusal("RuntimeClientError", f"Invalid shell ID: {shell_id}; it matches {SHELL_ID.pattern}")
        await self._of(session, shell_id).attach(socket)

    def _of(self, session: Session, shell_id: str) -> Shell:
        if session not in self._shells:
            self._shells[session] = {}
            session.background(partial(self._forget_at_its_end, session))
        shells = self._shells[session]
        if shell_id not in shells:
            for ended in [known for known in shells.values() if known.has_exited]:
                if len(shells) >= SHELLS_MAX:
                    del shells[ended.id]
            if len(shells) >= SHELLS_MAX:
                raise Refusal("RuntimeClientError", f"Maximum concurrent shell sessions reached ({SHELLS_MAX} open)")
            shells[shell_id] = Shell(shell_id, session, shells)
        return shells[shell_id]

    async def _forget_at_its_end(self, session: Session) -> None:
        await session.ended.wait()
        del self._shells[session]
