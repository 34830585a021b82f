"""A Redis server of a test's own: started, stopped and started again on the same port and folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import WAIT_S, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Set by `.ci/run`, which installs Redis: there a test that stays away is a failure.
REQUIRE = "AGENTCORE_MCP_REQUIRE_REDIS"


def require_redis() -> None:
    """Skip the test on a machine without redis-server, or fail it where one is promised."""
    if shutil.which("redis-server") is None:
        problem = "redis-server can't be found"
        if os.environ.get(REQUIRE):
            pytest.fail(f"{REQUIRE} is set: {problem}")
        pytest.skip(problem)


class RedisServer:
    """Keeps what it has in a folder, with each write, so that a restart loses nothing.

    It waits for no disk: what it wrote outlasts its process anyway, and a busy disk would stop it for seconds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self._folder, "appendonly": "yes", "save": ""}
        command = ["redis-server", *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        self._process = subprocess.Popen([*command, "--appendfsync", "no"], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                if self.ask("PING") == b"+PONG\r\n":
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def stop(self) -> None:
        """End it in order, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WAIT_S)
            self._process = None

    def ask(self, command: str) -> bytes:
        """Send an inline command, and return its answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S) as connection:
            connection.sendall(f"{command}\r\nQUIT\r\n".encode())
            with connection.makefile("rb") as answers:
                return answers.read().removesuffix(b"+OK\r\n")


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """Run one until the end of the block."""
    require_redis()
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
