"""Agent processes: one session's agent, in a process of its own.

It stands in for the service's microVM: no session can see the memory of another session's agent. The process gets the
whole environment, because the agent may need its credentials to call a model.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from agentcore_mcp.local.line.listeners import HOST, listen
from agentcore_mcp.local.sandbox.jobs import SHELL, Job
from agentcore_mcp.local.sandbox.last_words import LastWords
from agentcore_mcp.local.sandbox.pipes import OutputPipe
from agentcore_mcp.local.sandbox.targets import AgentApp, AgentCommand

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

# Read by the published package: `build_a2a_app` writes the runtime URL into the agent's card, and `serve_a2a` takes
# its port from A2A_PORT.
RUNTIME_URL_VARIABLE = "AGENTCORE_RUNTIME_URL"
_PORT_VARIABLES = ("PORT", "A2A_PORT")
_LAUNCHER = Path(__file__).with_name("launcher.py")
# Requests that may wait while the agent is imported.
_BACKLOG = 128
# Longer lines of the agent's output are split into pieces of this size.
LINE_MAX_BYTES = 4096
_READ_BYTES = 16_384
# Time for a command to stop what it has started elsewhere: `docker run` stops its container on SIGTERM, and leaves it
# running on SIGKILL.
_COMMAND_GRACE_S = 1.0


class AgentProcess:
    """A running agent process.

    Attributes:
        base_url: Where it answers, without a trailing slash.
        exit_code: Its exit code once it has exited, 128+N after signal N.
        exited: Set when it has, and all of its output has been passed on.
        last_words: What it printed that may explain why it exited.
    """

    def __init__(self, job: Job, output: OutputPipe, port: int, lifeline: int | None) -> None:
        self.job = job
        self.base_url = f"http://{HOST}:{port}"
        self.exit_code: int | None = None
        self.exited = anyio.Event()
        self.last_words = LastWords(os.environ)
        self._output = output
        self._lifeline = lifeline

    @classmethod
    async def start(cls, target: AgentApp | AgentCommand, *, cwd: Path, runtime_url: str) -> AgentProcess:
        """Start an agent process.

        Args:
            target: What to start.
            cwd: Its working directory.
            runtime_url: The URL for its callers, which A2A agents put into their cards.

        Raises:
            OSError: If the process can't be started.
        """
        env = {**os.environ, RUNTIME_URL_VARIABLE: runtime_url}
        if isinstance(target, AgentCommand):
            return await cls._run_command(target, cwd, env)
        with listen(0, backlog=_BACKLOG) as listener:
            # Close our own copy of the listener here: otherwise, a connection to a dead agent would hang instead
            # of being refused.
            return await cls._launch(target, cwd, env, listener)

    @classmethod
    async def _launch(cls, app: AgentApp, cwd: Path, env: dict[str, str], listener: socket.socket) -> AgentProcess:
        lifeline, lifeline_held = os.pipe()
        output = OutputPipe()
        fds = (lifeline, listener.fileno())
        # -P keeps the session's directory, where anyone may have put a json.py, off the import path.
        argv = [sys.executable, "-P", str(_LAUNCHER), app.target, str(app.folder or ""), *map(str, fds)]
        try:
            job = await Job.start(argv, cwd=cwd, env={**env, "PYTHONUNBUFFERED": "1"}, stdout=output, pass_fds=fds)
        except BaseException:  # a cancellation, too
            os.close(lifeline_held)
            raise
        finally:
            os.close(lifeline)
        return cls(job, output, listener.getsockname()[1], lifeline_held)

    @classmethod
    async def _run_command(cls, command: AgentCommand, cwd: Path, env: dict[str, str]) -> AgentProcess:
        # Pick a free port and release it, as a command takes a port number, not an open socket.
        with listen(0, backlog=1) as listener:
            port = listener.getsockname()[1]
        line = command.line.replace("{port}", str(port)).replace("{folder}", shlex.quote(str(command.folder)))
        env |= dict.fromkeys(_PORT_VARIABLES, str(port))
        output = OutputPipe()
        return cls(await Job.start([SHELL, "-c", line], cwd=cwd, env=env, stdout=output), output, port, None)

    async def run(self, show: Callable[[str], None]) -> None:
        """Pass the output on, line by line, until the process has exited."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._relay, show)
            self.exit_code = await self.job.wait()
        self._output.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
        self.exited.set()

    async def quit(self) -> None:
        """Send SIGTERM to a command, and wait for it shortly. An app has nothing to clean up."""
        if self._lifeline is None:
            self.job.signal(signal.SIGTERM)
            with anyio.move_on_after(_COMMAND_GRACE_S):
                await self.exited.wait()

    def failure(self) -> str:
        """Return a sentence with its exit code and the end of its output, which may explain it."""
        words = self.last_words.quoted()
        said = f" The end of its output: {words}" if words else ""
        return f"Runtime exited with code {self.exit_code}.{said}"

    async def _relay(self, show: Callable[[str], None]) -> None:
        pending = b""
        while data := await self._output.read(_READ_BYTES):
            *lines, pending = (pending + data).split(b"\n")
            if len(pending) >= LINE_MAX_BYTES:
                lines.append(pending)
                pending = b""
            for line in lines:
                self._say(line, show)
        if pending:
            self._say(pending, show)

    def _say(self, line: bytes, show: Callable[[str], None]) -> None:
        for start in range(0, max(1, len(line)), LINE_MAX_BYTES):
            text = line[start : start + LINE_MAX_BYTES].decode("utf-8", "replace").rstrip()
            self.last_words.hear(text)
            show(text)
