"""Where the local AgentCore listens: on loopback, and nowhere twice."""

from __future__ import annotations

import socket

import pytest

from agentcore_mcp.local.line.listeners import listen
from tests.support.processes import open_files


def test_a_port_that_is_taken_leaves_no_file_open() -> None:
    with listen(0, backlog=1) as taken:
        address, port = taken.getsockname()
        before = open_files()
        with pytest.raises(OSError, match="Address already in use"):
            listen(port, backlog=1)

        assert open_files() == before
    assert address == "127.0.0.1"


def test_small_answers_are_not_held_back() -> None:
    """asyncio switches Nagle's algorithm off where a socket says that it is TCP."""
    with listen(0, backlog=1) as listener:
        assert listener.proto == socket.IPPROTO_TCP
