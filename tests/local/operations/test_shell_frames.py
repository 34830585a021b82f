"""The frames of an interactive shell that the published SDK never sends, or keeps to itself."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from agentcore_mcp.local.sandbox.terminal import Terminal
from agentcore_mcp.wire.headers import SESSION_HEADER
from agentcore_mcp.wire.shells import frames
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.agentcore import Boto

STDIN, STDOUT, STATUS, RESIZE, HEARTBEAT, CLOSE = b"\x00", b"\x01", b"\x03", b"\x04", b"\x05", b"\xff"


@contextmanager
def _shell(boto: Boto, session_id: str, **query: str) -> Iterator[ClientConnection]:
    url = f"{boto.endpoint_url.replace('http', 'ws')}/runtimes/{quote(boto.arn, safe='')}/ws/shells?{urlencode(query)}"
    with connect(
        url, additional_headers={SESSION_HEADER: session_id}, close_timeout=1, open_timeout=WAIT_S
    ) as connection:
        yield connection


def _next(shell: ClientConnection, channel: bytes) -> bytes:
    """Return the next frame of a channel, passing over what the shell writes meanwhile."""
    while (frame := shell.recv(timeout=WAIT_S))[:1] != channel:
        assert isinstance(frame, bytes)
        assert frame[:1] == STDOUT
    assert isinstance(frame, bytes)
    return frame[1:]


def _until(shell: ClientConnection, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += _next(shell, STDOUT)
    return seen


def _closed(shell: ClientConnection) -> tuple[int, str]:
    """Read to the end, and return what the server closed with."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            shell.recv(timeout=WAIT_S)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def test_the_first_frame_says_which_shell_it_is_and_whether_it_was_there_before(boto: Boto, session_id: str) -> None:
    statuses = []
    for _ in range(2):
        with _shell(boto, session_id, shellId="mine") as shell:
            frame = shell.recv(timeout=WAIT_S)
            assert isinstance(frame, bytes)
            assert frame[:1] == STATUS
            statuses.append(json.loads(frame[1:]))

    assert statuses[0] == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {"shellId": "mine", "reconnected": False},
        "status": "Success",
    }
    assert statuses[1]["metadata"] == {"shellId": "mine", "reconnected": True}


def test_a_shell_without_an_id_is_given_one(boto: Boto, session_id: str) -> None:
    with _shell(boto, session_id) as shell:
        assert shell.response is not None
        given = shell.response.headers["X-Amzn-Bedrock-AgentCore-Shell-Id"]

        assert json.loads(_next(shell, STATUS))["metadata"]["shellId"] == given
        assert len(given) == 36


def test_a_heartbeat_is_answered(boto: Boto, session_id: str) -> None:
    with _shell(boto, session_id) as shell:
        _next(shell, STATUS)
        shell.send(HEARTBEAT)

        assert _next(shell, HEARTBEAT) == b""


@pytest.mark.parametrize("ignores_hangup", [False, True])
def test_a_client_can_ask_for_the_end_of_the_shell(boto: Boto, session_id: str, ignores_hangup: bool) -> None:
    with _shell(boto, session_id) as shell:
        _next(shell, STATUS)
        # Once it listens to signals at all, which bash does not while it starts.
        shell.send(STDIN + (b"trap '' HUP; " if ignores_hangup else b"") + b"echo re''ady\n")
        _until(shell, b"ready")
        shell.send(CLOSE)
        status = json.loads(_next(shell, STATUS))

        assert status["reason"] == "NonZeroExitCode"
        assert {"reason": "Signal", "message": "9" if ignores_hangup else "1"} in status["details"]["causes"]
        assert _closed(shell) == (1000, "")


def test_a_stopped_session_announces_the_end_and_says_why(boto: Boto, session_id: str) -> None:
    with _shell(boto, session_id) as shell:
        _next(shell, STATUS)
        boto.stop(session_id)

        assert _next(shell, CLOSE) == b""
        assert _closed(shell) == (1001, "The session was stopped.")


def test_five_text_frames_in_a_row_are_too_many(boto: Boto, session_id: str) -> None:
    with _shell(boto, session_id) as shell:
        for message in ["text"] * 4 + [HEARTBEAT] + ["text"] * 5:
            shell.send(message)

        assert _closed(shell)[0] == 1003


def test_a_frame_over_64_kilobytes_closes_the_connection_and_not_the_shell(boto: Boto, session_id: str) -> None:
    with _shell(boto, session_id, shellId="mine") as shell:
        typed = STDIN + b"word=kept; cat > /dev/null\n"
        shell.send(typed.ljust(65_536, b"\n"))
        shell.send(STDIN.ljust(65_537, b"\n"))

        assert _closed(shell)[0] == 1009
    with _shell(boto, session_id, shellId="mine") as shell:
        _next(shell, STATUS)
        shell.send(STDIN + b"\x04echo $word\n")
        _until(shell, b"kept\r\n")


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x07unknown",
        RESIZE,
        RESIZE + b"{",
        RESIZE + b'{"width": 0, "height": 1}',
        RESIZE + b'{"width": 65536, "height": 1}',
    ],
)
def test_a_frame_that_means_nothing_is_passed_over(boto: Boto, session_id: str, frame: bytes) -> None:
    with _shell(boto, session_id) as shell:
        _next(shell, STATUS)
        shell.send(frame)
        shell.send(STDIN + b"stty size\n")

        assert b"24 80" in _until(shell, b"24 80")


def test_a_terminal_is_as_large_as_one_can_be(boto: Boto, session_id: str) -> None:
    with _shell(boto, session_id) as shell:
        _next(shell, STATUS)
        shell.send(RESIZE + b'{"width": 65535, "height": 65535}')
        shell.send(STDIN + b"stty size\n")

        _until(shell, b"65535 65535")


@pytest.mark.parametrize("shell_id", ["-mine", "my shell", "m" * 129, "mine\n"])
def test_an_id_that_is_none_is_424(boto: Boto, session_id: str, shell_id: str) -> None:
    with pytest.raises(InvalidStatus) as caught, _shell(boto, session_id, shellId=shell_id):
        pass

    assert caught.value.response.status_code == 424
    assert "Invalid shell ID" in json.loads(caught.value.response.body)["message"]


def test_a_client_that_does_not_read_stops_the_shell_from_writing(boto: Boto, session_id: str) -> None:
    with _shell(boto, session_id) as shell:
        _next(shell, STATUS)
        shell.send(STDIN + b"for i in {1..300}; do printf '%0100000d' 0; printf . >> written; done\n")
        looks = ["none yet"]
        while len(looks) < 5 or len(set(looks[-5:])) > 1:
            looks.append(boto.run("cat written 2> /dev/null | wc -c", session_id).stdout)

        assert int(looks[-1]) < 250


async def test_typing_into_a_shell_that_has_gone_does_nothing(tmp_path: Path) -> None:
    terminal = await Terminal.start(tmp_path)
    await terminal.write(b"exit\n")
    await terminal.job.wait()
    await terminal.write(b"anybody there?\n")
    while await terminal.read(1024):
        pass
    await terminal.write(b"anybody there?\n")
    terminal.resize(80, 25)
    terminal.close()


def test_a_size_that_is_no_number_of_characters_is_none() -> None:
    assert frames.read_size(b'{"width": 1, "height": 100}', size_max=100) == (1, 100)
    for payload in (
        b"[" * 100_000,
        b"\xff",
        b"[]",
        b'{"width": "80", "height": "24"}',
        b'{"width": 101, "height": 1}',
        b'{"width": 1, "height": 0}',
    ):
        assert frames.read_size(payload, size_max=100) is None
