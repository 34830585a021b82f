"""InvokeAgentRuntimeCommand: a fresh bash in the session's directory, with its output streamed."""

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

# 65,536 characters, each at worst escaped as two \\uXXXX, plus the rest of the object.
BODY_MAX_BYTES = 12 * COMMAND_MAX_CHARS + 1024
# Linux's limit for one argument (MAX_ARG_STRLEN less the final NUL), which a command outside ASCII may exceed. So
# commands are split into parts that fit even at four bytes per character.
_ARGUMENT_MAX_BYTES = 131_071
_PART_CHARS = _ARGUMENT_MAX_BYTES // 4
# The most output per frame: few frames for a lot of output, and far below any client's frame limit.
FRAME_BYTES = 16_384
# After a timeout: time for SIGTERM handlers to print their last output.
TERMINATE_GRACE_S = 1.0
# In the service model, exit codes above 0 are the command's own, and -1 is a platform error. No source says what the
# service sends with TIMED_OUT. The platform ended this command before it had an exit code, so -1; never 0, which a
# client that doesn't check the status would treat as success.
TIMED_OUT_EXIT_CODE: Final = -1

Emit = Callable[[CommandEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and its timeout."""

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
        """Return the bash command line that runs it."""
        if len(self.line.encode()) <= _ARGUMENT_MAX_BYTES:
            return [SHELL, "-c", self.line]
        parts = [self.line[start : start + _PART_CHARS] for start in range(0, len(self.line), _PART_CHARS)]
        # `set --` clears its arguments, as in the other form.
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
        # Killed with its session, so the command has no exit code of its own, and the response breaks off.
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
    # Incremental, as a character may be split between two reads.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while data := await output.read(FRAME_BYTES):
        if text := decoder.decode(data):
            await emit(text)
    if text := decoder.decode(b"", final=True):
        await emit(text)
