"""What a process prints arrives whole, and what others print into its pipe for a while."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

import anyio
import pytest

from agentcore_mcp.local.sandbox.pipes import OutputPipe
from tests.support.agentcore import Ran
from tests.support.processes import open_files
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.agentcore import Boto

SIZES = [1, 65_535, 65_536, 65_537, 131_072, 900_000, 1_048_576]
ENLARGE = "import fcntl, os; fcntl.fcntl({fd}, fcntl.F_SETPIPE_SZ, 1 << 20); os.write({fd}, b'x' * {size})"


@pytest.mark.parametrize(
    ("command", "ran"),
    [
        ("echo hello > >(cat)", Ran("hello\n", "", 0, "COMPLETED")),
        ("echo hello > >(cat >&2)", Ran("", "hello\n", 0, "COMPLETED")),
        ("exec > >(tee run.log) 2>&1; echo hello; echo too >&2", Ran("hello\ntoo\n", "", 0, "COMPLETED")),
        ("{ echo hello >&2; exit 3; } 2> >(sed 's/^/E: /' >&2)", Ran("", "E: hello\n", 3, "COMPLETED")),
        ("exec 5>&1 > >(sed s/l/L/g >&5); echo hello", Ran("heLLo\n", "", 0, "COMPLETED")),
        ("echo hello > >(cat | cat | cat)", Ran("hello\n", "", 0, "COMPLETED")),
        ("(sleep 0.05; echo late) & echo early", Ran("early\nlate\n", "", 0, "COMPLETED")),
        ("seq 1 100000 > >(tail -1)", Ran("100000\n", "", 0, "COMPLETED")),
    ],
)
def test_what_a_command_leaves_to_others_to_print_is_waited_for(
    boto: Boto, session_id: str, command: str, ran: Ran
) -> None:
    assert boto.run(command, session_id) == ran


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fd", [1, 2])
def test_a_pipe_that_was_enlarged_is_read_to_its_end(boto: Boto, session_id: str, fd: int, size: int) -> None:
    ran = boto.run(f'python3 -c "{ENLARGE.format(fd=fd, size=size)}"', session_id)

    assert (ran.stdout, ran.stderr)[fd - 1] == "x" * size


@pytest.mark.parametrize("background", ["sleep 100", "setsid sleep 100", "while sleep 0.05; do echo tick; done", "yes"])
def test_a_background_process_does_not_hold_the_answer_up(boto: Boto, session_id: str, background: str) -> None:
    began = time.monotonic()
    ran = boto.run(f"{background} & echo done", session_id)

    assert "done\n" in ran.stdout
    assert time.monotonic() - began < 30


def _pipe() -> OutputPipe:
    pipe = OutputPipe()
    fcntl.fcntl(pipe.writer, fcntl.F_SETPIPE_SZ, 1 << 20)  # type: ignore[attr-defined, unused-ignore]
    return pipe


async def _rest_of(pipe: OutputPipe, *, pause_s: float = 0) -> int:
    """Read to the end; return how many bytes there were."""
    count = 0
    while data := await pipe.read(16_384):
        count += len(data)
        await anyio.sleep(pause_s)
    return count


@pytest.mark.parametrize("size", [1, 65_537, 1_048_576])
async def test_what_was_in_the_pipe_at_the_end_arrives_however_long_it_takes(size: int) -> None:
    pipe = _pipe()
    os.write(pipe.writer, b"x" * size)
    pipe.end()
    # Longer than a background process would be listened to.
    assert await _rest_of(pipe, pause_s=1.2 * 16_384 / max(size, 16_384)) == size
    pipe.close_writer()
    pipe.close()


async def test_an_end_wakes_a_reader_that_waits() -> None:
    pipe = _pipe()
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_rest_of, pipe)
            await anyio.wait_all_tasks_blocked()
            pipe.end()
    pipe.close_writer()
    pipe.close()


async def test_a_pipe_without_writers_ends_at_once() -> None:
    pipe = _pipe()
    pipe.close_writer()

    assert await pipe.read(1) == b""
    pipe.end()
    assert await pipe.read(1) == b""
    pipe.close()


async def test_what_is_wrong_with_a_pipe_is_not_taken_for_its_end(tmp_path: Path) -> None:
    folder, writer = os.open(tmp_path, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY)
    pipe = OutputPipe((folder, writer))
    with pytest.raises(IsADirectoryError):
        await pipe.read(1)
    pipe.close_writer()
    pipe.close()


async def test_a_pipe_that_is_closed_has_ended_and_can_be_closed_again() -> None:
    pipe = _pipe()
    os.write(pipe.writer, b"unread")
    pipe.close()
    pipe.close()
    pipe.end()

    assert await pipe.read(1) == b""
    pipe.close_writer()


async def test_a_pipe_that_nobody_reads_is_closed_also_when_that_is_cancelled() -> None:
    before = open_files()
    pipe = _pipe()
    with anyio.move_on_after(0.01):
        await pipe.discard()
    pipe.close_writer()

    assert open_files() == before
