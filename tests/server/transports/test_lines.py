"""The lines of a pipe, and of what else a host may start the server on."""

from __future__ import annotations

import json
import os
import re
import socket
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import example, given, settings, strategies as st

from agentcore_mcp.server.transports.lines import LINE_MAX_BYTES, Lines, Writer, request_id, without_half_characters
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator


async def read(descriptor: int) -> tuple[list[str], list[bytes], int]:
    """Return the lines, the ends of those that are too long, and how often the end was told."""
    ends: list[bytes] = []
    told: list[None] = []
    with anyio.fail_after(WAIT_S):
        lines = [line async for line in Lines(descriptor, lambda: told.append(None), ends.append)]
    return lines, ends, len(told)


@contextmanager
def file_of(data: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_characters="\n\\", exclude_categories=["Cs"])), max_size=6), st.booleans()
)
@example(["x" * 65_535, "y"], True)
@example(["x" * 65_536, "y" * 200_000], False)
def test_lines_come_as_they_were_written(written: list[str], ended: bool) -> None:
    data = "\n".join(written) + "\n" * ended
    with file_of(data.encode()) as descriptor:
        lines, ends, told = anyio.run(read, descriptor)

    *whole, rest = data.split("\n")
    assert lines == ([*whole, rest] if rest else whole)
    assert (ends, told) == ([], 1)


async def test_a_line_may_have_as_many_bytes_as_one_may_and_not_one_more() -> None:
    most = b"a" + b"x" * (LINE_MAX_BYTES - 2) + b"z"
    with file_of(b"\n".join((most, b"b" + most, b"next", most))) as descriptor:
        lines, ends, _ = await read(descriptor)
    with file_of(b"only\n" + b"c" + most) as descriptor:
        unfinished, none, _ = await read(descriptor)

    assert [len(line) for line in lines] == [LINE_MAX_BYTES, 4, LINE_MAX_BYTES]
    assert [(end[:2], end[-1:]) for end in ends] == [(b"ba", b"z")]
    assert len(ends[0]) < 10_000
    assert (unfinished, none) == (["only"], [])


async def test_a_socket_is_read_and_written_as_a_pipe_is() -> None:
    """Hosts that run on Node start servers on a pair of sockets."""
    text = "0123456789" * 100_000
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(WAIT_S)
        writer = Writer(ours.fileno())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.write, f"{text}\n")
            with theirs.makefile("rb") as reader:
                received = await anyio.to_thread.run_sync(reader.readline)
        theirs.sendall(b"one\ntwo")
        theirs.shutdown(socket.SHUT_WR)
        lines, _, told = await read(ours.fileno())

    assert received.decode() == f"{text}\n"
    assert (lines, told) == (["one", "two"], 1)


async def test_a_peer_that_leaves_with_something_unread_is_the_end() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.sendall(b"unread")
        theirs.sendall(b"one\n")
        lines = Lines(ours.fileno(), lambda: None, lambda _: None).__aiter__()
        first = await anext(lines)
        theirs.close()
        with anyio.fail_after(WAIT_S):
            rest = [line async for line in lines]

    assert (first, rest) == ("one", [])


@pytest.mark.parametrize("kind", ["pipe", "socket"])
async def test_what_nobody_will_read_is_not_written(kind: str) -> None:
    if kind == "pipe":
        read_end, write_end = os.pipe()
    else:
        read_end, write_end = (end.detach() for end in socket.socketpair())
    os.close(read_end)
    with anyio.fail_after(WAIT_S), pytest.raises(anyio.ClosedResourceError):
        await Writer(write_end).write("hello")
    os.close(write_end)


async def test_a_reader_that_stalls_stalls_the_writer_alone() -> None:
    read_end, write_end = os.pipe()
    with anyio.move_on_after(0.2) as waiting:
        await Writer(write_end).write("x" * 1_000_000)
    os.close(read_end)
    os.close(write_end)

    assert waiting.cancelled_caught


# Backslashes, letters that follow one in an escape, and halves of pairs, so that they meet.
HARD_TEXT = st.text(st.sampled_from('\\ud8D"a\n\ud83d\ude00\U0001f600') | st.characters())


@given(HARD_TEXT, st.booleans())
@example("\ud83d", False)
@example("\\ud83d", False)
@example("\\\ud83d", False)
@example("\ud83d\\ude00", False)
@example("\ud83d\ud83d\ude00\ude00", False)
def test_a_line_keeps_every_character_but_halves_of_them(text: str, upper: bool) -> None:
    line = json.dumps(text)
    if upper:
        line = re.sub(r"\\(?:u([0-9a-f]{4})|.)", lambda found: rf"\u{found[1].upper()}" if found[1] else found[0], line)

    read = json.loads(without_half_characters(line))

    assert read == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"id":8}}', 7),
        (b'{"method":"tools/call","params":{"id":8},"jsonrpc":"2.0","id":7}\r', 7),
        (b'{"jsonrpc": "2.0", "method": "tools/call", "id": "seven", "params": {}}', "seven"),
        (b'{"params":{},"id":7,"jsonrpc":"2.0","method":"ping"}', 7),
        (b'{"jsonrpc":"2.0","method":"note","params":{"a":1,"id":8}}', None),
        (b'{"jsonrpc":"2.0","method":"note","params":{"id":8}}', None),
        (b'{"jsonrpc":"2.0","method":"note","params":{"text":",\\"id\\":8}"}}', None),
        (b'{"jsonrpc":"2.0","id":7.5,"method":"ping"}', None),
        (b'{"method":"note","params":{"a":[' + b"1," * 3_000 + b'{"id":8}]}}', None),
        (b'{"method":"note","params":{"id":8,"a":[' + b"1," * 3_000 + b"]}}", None),
        (b'{"params":["{\\"id\\":8,' + b"{" * 3_000 + b'"],"method":"ping","id":9,"jsonrpc":"2.0"} \r', 9),
        (b"\xff" * 3_000, None),
        (b"", None),
    ],
)
def test_the_id_of_a_request_is_found_in_its_ends(line: bytes, number: int | str | None) -> None:
    assert request_id(line) == number
