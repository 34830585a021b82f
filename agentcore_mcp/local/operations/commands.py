"""InvokeAgentRuntimeCommand: a fresh bash in the session's directory, its output streamed as it comes."""

from __future__ import annotations

import codecs
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio

from agentcore_mcp.local.line.refusals import Refusal, invalid_fields
from agentcore_mcp.local.line.validation import json_object
from agentcore_mcp.local.sandbox.jobs import SHELL, Job, command_environment
from agentcore_mcp.local.sandbox.pipes import OutputPipe
from agentcore_mcp.wire.eventstream import (
    STATUS_COMPLETED,
    STATUS_TIMED_OUT,
    CommandEvent,
    ContentDelta,
    ContentStart,
    ContentStop,
    encode_command_event,
)
from agentcore_mcp.wire.headers import EVENT_STREAM_TYPE
from agentcore_mcp.wire.limits import (
    COMMAND_MAX_CHARS,
    COMMAND_TIMEOUT_DEFAULT_S,
    COMMAND_TIMEOUT_MAX_S,
    COMMAND_TIMEOUT_MIN_S,
)

if TYPE_CHECKING:
    from agentcore_mcp.local.line.exchange import Exchange
    from agentcore_mcp.local.sandbox.session import Session

# 65,536 characters, each escaped as two \\uXXXX at worst, and the rest of the object.
BODY_MAX_BYTES = 12 * COMMAND_MAX_CHARS + 1024
# Linux takes no longer single argument (MAX_ARG_STRLEN less its ending), and a command that is not ASCII may be longer:
# so many characters, at four bytes each, are one argument.
_ARGUMENT_MAX_BYTES = 131_071
_PART_CHARS = _ARGUMENT_MAX_BYTES // 4
# How much output goes into one frame: few frames for a lot of output, and far below any client's frame limit.
FRAME_BYTES = 16_384
# After a timeout: time for what handles SIGTERM to print its last words.
TERMINATE_GRACE_S = 1.0
# The model says: above 0 the command's own, -1 a platform error. No source says what the service sends with
# TIMED_OUT. The platform ended this command and its own code never came to be, so -1; never 0, which a client that
# looks no further would take for success.
TIMED_OUT_EXIT_CODE: Final = -1

Emit = Callable[[CommandEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and for how long at most."""

    line: str
    timeout_s: int

    @classmethod
    def parse(cls, body: bytes) -> Command:
        """Read the request's body.

        Raises:
            Refusal: If it is not what the service model allows.
        """
        members = json_object(body)
        line, timeout_s = members.get("command"), members.get("timeout")
        if not isinstance(line, str):
            raise invalid_fields(("command", "Member must be a string"))
        if not 1 <= len(line) <= COMMAND_MAX_CHARS:
            raise invalid_fields(("command", f"Member must have length between 1 and {COMMAND_MAX_CHARS}"))
        try:
            encoded = line.encode()
        except UnicodeEncodeError:
            raise invalid_fields(("command", "Member must not contain half of a surrogate pair")) from None
        if b"\0" in encoded:
            raise invalid_fields(("command", "Member must not contain a NUL"))
        if timeout_s is None:
            timeout_s = COMMAND_TIMEOUT_DEFAULT_S
        if type(timeout_s) is not int or not COMMAND_TIMEOUT_MIN_S <= timeout_s <= COMMAND_TIMEOUT_MAX_S:
            raise invalid_fields(
                ("timeout", f"Member must be an integer between {COMMAND_TIMEOUT_MIN_S} and {COMMAND_TIMEOUT_MAX_S}")
            )
        return cls(line, timeout_s)

    def argv(self) -> list[str]:
        """Return how bash is called to run it."""
        if len(self.line.encode()) <= _ARGUMENT_MAX_BYTES:
            return [SHELL, "-c", self.line]
        parts = [self.line[start : start + _PART_CHARS] for start in range(0, len(self.line), _PART_CHARS)]
        # It sees no arguments of its own, as with the other way.
        return [SHELL, "-c", 'eval "set --; $1$2$3"', SHELL, *parts]


async def command(exchange: Exchange, session: Session) -> None:
    """Answer InvokeAgentRuntimeCommand.

    Raises:
        Refusal: If the request is not valid, or bash can't be started.
        ClientGoneError: If the client leaves before it has sent its whole request.
    """
    asked = Command.parse(await exchange.read(BODY_MAX_BYTES, field="command"))
    sending = anyio.Lock()

    async def emit(event: CommandEvent) -> None:
        async with sending:
            await exchange.write(encode_command_event(event))

    stdout, stderr = OutputPipe(), OutputPipe()
    environment = command_environment(os.environ, session.directory)
    try:
        job = await Job.start(asked.argv(), cwd=session.directory, env=environment, stdout=stdout, stderr=stderr)
    except OSError as exc:
        raise Refusal("InternalServerException", f"{SHELL} could not be started: {exc.strerror}") from None
    session.processes.adopt(job)
    try:
        await exchange.start(200, [("content-type", EVENT_STREAM_TYPE)])
        await emit(ContentStart())
        stop = await _run(job, asked.timeout_s, stdout, stderr, emit)
    finally:
        session.processes.release(job)
    if session.stopping.is_set():
        # Killed with its session: there is no exit code that would be the command's, so the answer breaks off.
        return
    await emit(stop)
    await exchange.finish()


async def _run(job: Job, timeout_s: int, stdout: OutputPipe, stderr: OutputPipe, emit: Emit) -> ContentStop:
    """Stream the output until the shell has exited and everything it wrote is delivered."""
    status = STATUS_COMPLETED
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stream, stdout, lambda text: emit(ContentDelta(stdout=text)))
        tasks.start_soon(_stream, stderr, lambda text: emit(ContentDelta(stderr=text)))
        exit_code = TIMED_OUT_EXIT_CODE
        with anyio.move_on_after(timeout_s) as limit:
            exit_code = await job.wait()
        if limit.cancelled_caught:
            status = STATUS_TIMED_OUT
            job.signal(signal.SIGTERM)
            with anyio.move_on_after(TERMINATE_GRACE_S):
                await job.wait()
            job.kill()
            await job.wait()
    return ContentStop(exit_code, status)


async def _stream(output: OutputPipe, emit: Callable[[str], Awaitable[None]]) -> None:
    # Incremental, so that a character that comes in two pieces stays one.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while data := await output.read(FRAME_BYTES):
        if text := decoder.decode(data):
            await emit(text)
    if text := decoder.decode(b"", final=True):
        await emit(text)
