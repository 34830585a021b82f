"""Frames of shells, as the published SDK reads and writes them."""

from __future__ import annotations

import json

import pytest

from agentcore_mcp.wire.shells import frames
from agentcore_mcp.wire.shells.frames import Status
from tests.support.shells import ShellChannel, ShellFramer


def test_what_a_client_sends_is_what_the_published_sdk_sends() -> None:
    sdk = ShellFramer()

    assert sdk.encode_stdin("ls\n") == frames.STDIN + b"ls\n"
    assert frames.resize(80, 24) == sdk.encode_resize(80, 24)
    assert sdk.encode_heartbeat() == frames.HEARTBEAT


def test_what_a_shell_sends_is_what_the_published_sdk_reads() -> None:
    read = [ShellFramer().decode(frame) for frame in (frames.stdout(b"x"), frames.connected("a", reconnected=True))]

    assert [frame.channel for frame in read] == [ShellChannel.STDOUT, ShellChannel.STATUS]


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        (frames.connected("a", reconnected=True), Status(connected=True, reconnected=True)),
        (frames.connected("a", reconnected=False), Status(connected=True)),
        (frames.exited(0, None), Status(exit_code=0, message="")),
        (frames.exited(3, None), Status(exit_code=3, message="command terminated with exit code 3")),
        (frames.exited(137, 9), Status(exit_code=137, message="command terminated with exit code 137")),
        (
            frames.STATUS + json.dumps({"status": "Failure", "message": "init", "code": 500}).encode(),
            Status(message="init"),
        ),
        *((frames.STATUS + data, Status()) for data in (b"", b"[", b"[]", b"\xff", b"[" * 100_000, b'{"message": 1}')),
    ],
)
def test_a_status_says_whether_it_is_the_first_or_the_last(frame: bytes, status: Status) -> None:
    read = frames.read_status(frame.removeprefix(frames.STATUS))

    assert (read.connected, read.reconnected, read.exit_code) == (
        status.connected,
        status.reconnected,
        status.exit_code,
    )
    assert status.message in read.message
