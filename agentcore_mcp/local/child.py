"""The child process that a `LocalAgentCore` runs in."""

from __future__ import annotations

import json
import pickle
import selectors
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

from agentcore_mcp.errors import ConfigurationError, ConnectError

if TYPE_CHECKING:
    from agentcore_mcp.local.settings import LocalSettings

# The child ends its sessions within 2 s; after this limit it counts as stuck, and is killed.
STOP_TIMEOUT_S = 5.0


class Child:
    """A process that reads its settings from standard input, and prints its outcome as a line on standard output.

    However this process dies, the child sees its standard input end, and exits too.

    Args:
        stderr: Its standard error; None is this process's.
    """

    def __init__(self, stderr: IO[bytes] | int | None) -> None:
        self._stderr = stderr
        self._process: subprocess.Popen[bytes] | None = None
        self._reading = threading.Lock()
        self.announced: dict[str, Any] = {}

    @property
    def pid(self) -> int | None:
        """Return its process id, or None while there is no process."""
        return None if self._process is None else self._process.pid

    def start(self, settings: LocalSettings) -> None:
        """Start it and return at once."""
        self.announced = {}
        # -P: don't import modules from the current folder.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "agentcore_mcp.local"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            # Ctrl-C in our terminal must reach only this process, which then stops the child.
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101  it is a pipe
        self._process.stdin.write(pickle.dumps(settings))
        self._process.stdin.flush()

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until it is ready and ``announced`` is set. Any number of threads may wait.

        Raises:
            ConfigurationError: If its settings can't work.
            ConnectError: If it exits for another reason, or takes longer.
        """
        with self._reading:
            if not self.announced:
                announced = json.loads(self._first_line(timeout_s))
                if "error" in announced:
                    raise ConfigurationError(announced["error"])
                self.announced = announced

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
        # A thread in `wait_ready` reads the end of the output now, and releases the lock.
        with self._reading:
            process.stdout.close()

    def _first_line(self, timeout_s: float) -> bytes:
        process = self._process
        if process is None or process.stdout is None:
            raise ConnectError("the local AgentCore is not running")
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                raise ConnectError("the local AgentCore was not ready in time")
        # The rest of the line, or the end of the output, follows at once.
        line = process.stdout.readline()
        if not line:
            code = process.wait(STOP_TIMEOUT_S)
            raise ConnectError(f"the local AgentCore exited with code {code} at its start; its standard error says why")
        return line
