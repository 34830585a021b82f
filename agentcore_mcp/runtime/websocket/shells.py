"""Commands in an interactive shell of a session, which keeps working directory, variables and jobs between commands.

``wire.shells.marks`` separates the output of a command from other output on the terminal.
"""

from __future__ import annotations

import codecs
import secrets
import shlex
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.errors import (
    AgentCoreError,
    InvalidRequestError,
    ResponseTimeoutError,
    StreamInterruptedError,
    WebSocketClosedError,
)
from agentcore_mcp.runtime.retries import DEFAULT_RETRIES, Retries
from agentcore_mcp.runtime.timeouts import OPEN_TIMEOUT_S
from agentcore_mcp.runtime.websocket.terminal import Terminal
from agentcore_mcp.wire.eventstream import STATUS_COMPLETED, STATUS_TIMED_OUT, ContentDelta, ContentStart, ContentStop
from agentcore_mcp.wire.limits import COMMAND_TIMEOUT_DEFAULT_S, FRAME_MAX_BYTES, SHELL_REPLAY_BYTES
from agentcore_mcp.wire.shells import frames, marks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from agentcore_mcp.runtime.websocket.connection import RuntimeWebSocket

# After this time of silence, a command with an unfinished line of output is assumed to wait for input.
PROMPT_SILENCE_S = 2.0
_PROMPT_MAX_CHARS = 200
# A shell that is ready for input reports it sooner, even with slow startup files. The preparation is sent repeatedly,
# since bash drops unread input at a Ctrl-C just before it.
_READY_S = 20.0
_READY_TRIES = 4
# The exit code after SIGINT, if the real one is unknown.
_INTERRUPTED = 130
# The pause between two ways to end a command after its timeout.
_GRACE_S = 2.0
_CTRL_C = frames.stdin(b"\x03")
_CUT = "\n[the connection was cut and made again; output may be missing here]\n"
# Kills the foreground job of a process's terminal, unless that is the process itself: the 8th field of proc(5).
_KILL = (
    'read -r _ _ _ _ _ _ _ group _ < /proc/{0}/stat && [ "$group" -gt 1 ] && [ "$group" -ne {0} ] && kill -9 "-$group"'
)


@dataclass(frozen=True, slots=True)
class ShellPrompt:
    """The command is silent after an unfinished line of output: it may wait for input.

    Attributes:
        line: The end of that line.
    """

    line: str


ShellEvent = ContentStart | ContentDelta | ShellPrompt | ContentStop


class RuntimeShell(Terminal):
    """An interactive shell, whose commands run one after the other. An async context manager.

    Leaving it only disconnects: the shell and its processes keep running.

    Args:
        connect: Connects to the shell, always the same one.
        beside: Runs a command in the session, outside the shell. Without it, a command that ignores Ctrl-C can only be
            ended with its shell.
        retries: How often a connection is tried.
        open_timeout_s: Timeout of the first frame of a connection.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[RuntimeWebSocket]],
        *,
        beside: Callable[[str], Awaitable[None]] | None = None,
        retries: Retries = DEFAULT_RETRIES,
        open_timeout_s: float = OPEN_TIMEOUT_S,
    ) -> None:
        super().__init__(connect, retries, open_timeout_s)
        self._beside = beside
        self._pid: int | None = None
        # The id of the current command, whose marks are followed, from its input to its end.
        self._id: str | None = None
        self._due = self._timeout_s = 0.0

    async def run(
        self, command: str, *, first: str | None = None, timeout_s: float = COMMAND_TIMEOUT_DEFAULT_S
    ) -> AsyncGenerator[ShellEvent, None]:
        """Run a command; yield its start, its output, when it seems to wait for input, and how it ended.

        A terminal has one channel, so stderr is in ``stdout``. Output of background jobs since the last command comes
        first. If this is cancelled, the command keeps running until ``end`` is called.

        Args:
            command: Any shell code, also of several lines.
            first: The code to run instead if no command has run in the shell yet.
            timeout_s: The command is ended after this time since the last input: by Ctrl-C, then by a signal that
                can't be ignored, finally with its shell.

        Raises:
            InvalidRequestError: If an earlier command still runs in the shell.
            ResponseTimeoutError: If the shell doesn't read its input.
            StreamInterruptedError: If the shell is gone, another client has taken it over, or the command can't be
                ended: it may still be running.
        """
        command_id, before = await self._prepare()
        printed = "" if self.is_new else marks.unmarked(before).decode("utf-8", "replace").strip()
        if printed:
            yield ContentDelta(stdout=f"[printed since the last command]\n{printed}\n[now]\n")
        line = first if first is not None and self.is_new else command
        self._id, self.is_new = command_id, False
        await self.type(marks.typed(line))
        async with aclosing(self._follow(timeout_s)) as events:
            async for event in events:
                yield event

    def resume(self, *, timeout_s: float = COMMAND_TIMEOUT_DEFAULT_S) -> AsyncGenerator[ShellEvent, None]:
        """Follow a command that was started on an earlier connection, as ``run`` does.

        Raises:
            InvalidRequestError: If no command runs in the shell.
            StreamInterruptedError: As for ``run``.
        """
        kind, self._id, self._since = marks.last(self._since)
        if self.is_new or self.exit_code is not None or kind in ("A", "D"):
            raise InvalidRequestError("no command runs in this shell, so there is nothing to type into; pass a command")
        return self._follow(timeout_s, has_begun=True)

    async def end(self) -> None:
        """End a command whose ``run`` or ``resume`` was cancelled, as after its timeout.

        Raises:
            StreamInterruptedError: As for ``run``.
        """
        if self._id is not None:
            async with aclosing(self._follow(0)) as events:
                async for _ in events:
                    pass

    async def type(self, data: bytes) -> None:
        """Send keyboard input, also while a command runs; ``wire.shells.marks.keys`` makes it from text.

        Raises:
            WebSocketClosedError: If the connection is closed.
        """
        for start in range(0, len(data), FRAME_MAX_BYTES - 1):
            await self._socket.send_bytes(frames.stdin(data[start : start + FRAME_MAX_BYTES - 1]))
        self._due = anyio.current_time() + self._timeout_s

    async def _follow(self, timeout_s: float, *, has_begun: bool = False) -> AsyncGenerator[ShellEvent, None]:
        """Yield the events of a command up to its end, beginning with output that was already received."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        line, told, status = "", False, STATUS_COMPLETED
        self._timeout_s, self._due = timeout_s, anyio.current_time() + timeout_s
        command_id = self._id or marks.ANY_ID
        # The kill spares the shell's own process; if a shell still reads there, as after `exec bash`, prepare it again.
        prompt = marks.preparation(secrets.token_hex(16) if command_id == marks.ANY_ID else command_id)
        ends = iter([_CTRL_C, b"", frames.stdin(prompt), frames.CLOSE])
        if has_begun:
            yield ContentStart()
        while True:
            printed, mark, self._since = marks.divide(self._since, command_id)
            # If the shell reads input (A), no command is running.
            ended = mark.kind in "AD" if mark is not None else self.exit_code is not None
            if text := decoder.decode(printed, final=ended):
                line, told = (line + text).rpartition("\n")[2][-_PROMPT_MAX_CHARS:], False
                yield ContentDelta(stdout=text)
            if ended:
                self._id = None
                code = self.exit_code if mark is None else mark.number if mark.kind == "D" else _INTERRUPTED
                yield ContentStop(code or 0, status)
                return
            if mark is not None:
                yield ContentStart()
                continue
            try:
                if anyio.current_time() >= self._due:
                    status = STATUS_TIMED_OUT
                    await self._end(next(ends, None))
                    self._due = anyio.current_time() + _GRACE_S
                silent_s = PROMPT_SILENCE_S if line.strip() and not told else float("inf")
                with anyio.move_on_after(min(silent_s, self._due - anyio.current_time())) as silence:
                    self._since += await self._next()
            except WebSocketClosedError as cut:
                if not await self._come_back(cut):
                    yield ContentDelta(stdout=_CUT)
            else:
                if silence.cancelled_caught and anyio.current_time() < self._due:
                    told = True
                    yield ShellPrompt(line)

    async def _end(self, frame: bytes | None) -> None:
        """Send a frame to end a command; b"" kills it from outside the shell or, without a way to, is Ctrl-C again."""
        if frame is None:
            raise StreamInterruptedError("the command's time is up, and neither it nor its shell could be ended")
        if frame:
            await self._socket.send_bytes(frame)
        elif self._beside is not None and self._pid is not None:
            with suppress(AgentCoreError):
                await self._beside(f"/bin/sh -c {shlex.quote(_KILL.format(self._pid))}")
        else:
            # Bash loses one that arrives while it begins a command.
            await self._socket.send_bytes(_CTRL_C)

    async def _prepare(self) -> tuple[str, bytes]:
        """Prepare the shell for a command; return the command's id, and the earlier output, within the replay limit."""
        before = b""
        for _ in range(_READY_TRIES):
            if self.exit_code is not None:
                # Bash may exit if Ctrl-C arrives while it starts a command. The next connection gets a new shell.
                await self._attach()
            kind, _, since = marks.last(self._since)
            if kind == "C":
                raise InvalidRequestError("an earlier command still runs in the shell: answer it, or end it with ^C")
            self._since, command_id = since, secrets.token_hex(16)
            with anyio.move_on_after(_READY_S / _READY_TRIES):
                with suppress(WebSocketClosedError):
                    await self.type(marks.preparation(command_id))
                # After the connection is closed, frames received before that are still to be read.
                while self.exit_code is None:
                    printed, mark, self._since = marks.divide(self._since, command_id)
                    before = (before + printed)[-SHELL_REPLAY_BYTES:]
                    if mark is not None:
                        self._pid = mark.number
                        return command_id, before
                    self._since += await self._next()
        message = f"the shell took no command for {_READY_S:g} s: another program reads the terminal; use another shell"
        raise ResponseTimeoutError(message, session_id=self.session_id)
