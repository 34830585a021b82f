"""A local AgentCore as a child process: what ``--local``, the demo and the tests start.

Light to import: everything that the local AgentCore needs is loaded in the child.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any, Self

from agentcore_mcp.errors import ConnectError

if TYPE_CHECKING:
    from types import TracebackType

# Importing it takes half a second on an idle laptop; a loaded CI machine may need many times that. An app may take a
# minute, its start timeout, and is then said to be stuck: that sentence is to come first.
READY_TIMEOUT_S = 90.0
# It ends its sessions within 2 s; past this it is stuck, and killed.
STOP_TIMEOUT_S = 5.0
_LINE_MAX_BYTES = 4096


class LocalAgentCore:
    """Starts ``agentcore-mcp local`` and stops it again.

    As a context manager it is ready inside. If this process dies in whatever way, the child notices that its
    standard input ends, and goes too.

    Args:
        options: Further options of the command, such as ``"--target", "http://127.0.0.1:8080"``.
        app: The agent to host, ``module:attribute``, imported from the current folder or the installed packages;
            None is the bundled sample agent.
        idle_timeout_s: After how many idle seconds a session ends; None is the default of 900.
        stderr: Where the child's standard error goes, which carries the agents' output: None is ours, otherwise
            a file or ``subprocess.DEVNULL``.
    """

    def __init__(
        self,
        *options: str,
        app: str | None = None,
        idle_timeout_s: float | None = None,
        stderr: IO[bytes] | int | None = None,
    ) -> None:
        self._options = [
            *options,
            *([] if app is None else ["--app", app]),
            *([] if idle_timeout_s is None else ["--idle-timeout", str(idle_timeout_s)]),
        ]
        self._stderr = stderr
        self._process: subprocess.Popen[bytes] | None = None
        self._reading = threading.Lock()
        self._line = b""
        self._announced: dict[str, Any] = {}

    @property
    def endpoint_url(self) -> str:
        """Return the endpoint's URL; known once `wait_ready` has returned."""
        return str(self._announced["endpoint_url"])

    @property
    def agent_runtime_arn(self) -> str:
        """Return the ARN of the first runtime it hosts; known once `wait_ready` has returned."""
        return str(self._announced["agent_runtime_arn"])

    @property
    def agents(self) -> dict[str, str]:
        """Return the ARNs of the runtimes it hosts, by the agents' names; known once `wait_ready` has returned."""
        return dict(self._announced["agents"])

    @property
    def auth(self) -> dict[str, str]:
        """Return what lets a caller in, empty if nothing has to; known once `wait_ready` has returned."""
        return dict(self._announced.get("auth", {}))

    @property
    def pid(self) -> int | None:
        """Return the child's process id, or None before `start`."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the child and return at once."""
        # -P: the folder we happen to be in is no place to import our own modules from.
        argv = [sys.executable, "-P", "-m", "agentcore_mcp", "local", "--until-stdin-closes", *self._options]
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            # A Ctrl-C in our terminal is for us; we stop the child when we are done.
            start_new_session=True,
        )

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until it can be called. Any number of threads may wait.

        Raises:
            ConnectError: If it exits first, or takes longer than ``timeout_s``.
        """
        with self._reading:
            if not self._announced:
                self._announced = json.loads(self._read_line(time.monotonic() + timeout_s))

    def stop(self) -> None:
        """End it with everything it has started, and wait for that."""
        process, self._process = self._process, None
        if process is None or process.stdin is None or process.stdout is None:
            return
        process.terminate()
        process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        # Whoever is in `wait_ready` reads the end of it now, and lets go.
        with self._reading:
            process.stdout.close()

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _read_line(self, deadline: float) -> bytes:
        process = self._process
        if process is None or process.stdout is None:
            raise ConnectError("the local AgentCore is not running")
        fd = process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_READ)
            while not self._line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise ConnectError("the local AgentCore was not ready in time")
                data = os.read(fd, _LINE_MAX_BYTES)
                if not data:
                    code = process.wait(STOP_TIMEOUT_S)
                    raise ConnectError(
                        f"the local AgentCore exited with code {code} at its start; its standard error says why"
                    )
                self._line += data
        return self._line
