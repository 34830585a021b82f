"""When the host is told, and how much at a time."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given, settings, strategies as st

from agentcore_mcp.server.progress import MESSAGE_MAX_CHARS, Progress
from tests.support.waiting import WAIT_S

LONG_S = 3600.0


class Host:
    """Takes notifications, and can stop taking them."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.messages: list[str] = []
        self.reading = anyio.Event()
        self.reading.set()
        self._arrived = anyio.Event()

    async def report(self, progress: float, total: float | None, message: str | None) -> None:
        await self.reading.wait()
        assert total is None
        assert message is not None
        self.values.append(progress)
        self.messages.append(message)
        self._arrived.set()

    async def has(self, count: int) -> None:
        with anyio.fail_after(WAIT_S):
            while len(self.messages) < count:
                self._arrived = anyio.Event()
                await self._arrived.wait()


async def test_the_first_line_and_the_first_piece_go_out_at_once() -> None:
    host = Host()
    progress = Progress(host.report, first="hello", waiting_for="it", interval_s=LONG_S, heartbeat_s=LONG_S)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.run)
        await host.has(1)
        progress.add("piece")
        await host.has(2)
        progress.close()

    assert host.messages == ["hello", "piece"]


async def test_pieces_within_an_interval_go_out_together_and_the_rest_at_the_end() -> None:
    host = Host()
    progress = Progress(host.report, first="hello", waiting_for="it", interval_s=LONG_S, heartbeat_s=LONG_S)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.run)
        progress.add("one")
        await host.has(2)
        for piece in (" two", " three", ""):
            progress.add(piece)
        progress.close()

    assert host.messages == ["hello", "one", " two three"]
    assert host.values == sorted(set(host.values))


async def test_the_next_piece_follows_after_the_interval_without_waiting_for_the_end() -> None:
    host = Host()
    progress = Progress(host.report, first="hello", waiting_for="it", interval_s=0.01, heartbeat_s=LONG_S)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.run)
        for count, piece in enumerate(("one", "two", "three"), start=2):
            progress.add(piece)
            await host.has(count)
        progress.close()

    assert host.messages == ["hello", "one", "two", "three"]


async def test_silence_is_told_with_how_long_and_what_for() -> None:
    host = Host()
    progress = Progress(host.report, first="hello", waiting_for="the agent", interval_s=0.01, heartbeat_s=0.02)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.run)
        await host.has(3)
        progress.close()

    assert host.messages[1] == "waiting for the agent: nothing new for 0 s"


async def test_a_stalled_host_neither_blocks_nor_grows() -> None:
    host = Host()
    host.reading = anyio.Event()
    progress = Progress(host.report, first="hello", waiting_for="it")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.run)
        for _ in range(10_000):
            progress.add("0123456789")
        progress.add("the end")
        progress.close()
        host.reading.set()

    assert host.messages[0] == "hello"
    assert host.messages[1].startswith(f"[... {100_000 + 7 - MESSAGE_MAX_CHARS:,} characters skipped ...] ")
    assert host.messages[1].endswith("0123456789the end")
    assert len(host.messages) == 2


async def shown(*pieces: tuple[str, str] | None) -> list[str]:
    """Return what a host is sent of pieces and their sources, of which None means that it has all before it."""
    host = Host()
    progress = Progress(host.report, first="hello", waiting_for="it", interval_s=0.001, heartbeat_s=LONG_S)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.run)
        await host.has(1)
        for piece in pieces:
            if piece is None:
                await host.has(len(host.messages) + 1)
            else:
                text, source = piece
                progress.add(text, source=source, mark="[err] " if source == "err" else "")
        progress.close()
    return host.messages[1:]


OUT, ERR, NOTE = "out", "err", "note"


@pytest.mark.parametrize(
    ("pieces", "messages"),
    [
        # What is from elsewhere begins a line, and every line says where it is from.
        ([("Let me", OUT), ("[look]\n", NOTE), ("Found", OUT)], ["Let me\n[look]\nFound"]),
        ([("Let me", OUT), None, ("[look]\n", NOTE), ("Found", OUT)], ["Let me", "\n[look]\nFound"]),
        ([("a\n", OUT), ("b\n\nc", ERR), ("d\n", ERR), ("e", ERR)], ["a\n[err] b\n\n[err] cd\n[err] e"]),
        ([("a", ERR), None, ("b\n", ERR), ("c", ERR), ("d", OUT)], ["[err] a", "b\n[err] c\nd"]),
        # Of a line that rewrites itself, the newest state.
        ([("1%\r2%", OUT), ("\r3%", OUT)], ["3%"]),
        ([("1%\r2%\r", OUT), None, ("3%\r4%\r", OUT), None, ("\n", OUT)], ["2%", "\n4%", "\n"]),
        ([("1%", OUT), None, ("\r2%\r3%", OUT), None, ("\r4%\r\n", OUT)], ["1%", "\n3%", "\n4%\n"]),
        ([("1%\r", ERR), ("2%\r", ERR), ("x", OUT), ("3%\r4%", ERR)], ["[err] 2%\nx\n[err] 4%"]),
        # An unfinished line is seen, and goes on where it was.
        ([("Password: ", OUT), None, ("ok\r", OUT), None, ("\nnext", OUT)], ["Password: ", "ok", "\nnext"]),
        # What shows nothing is not sent.
        ([("\r", OUT), ("a\n", OUT), None, ("\r", OUT)], ["a\n"]),
    ],
)
async def test_sources_have_lines_of_their_own_and_a_line_its_newest_state(
    pieces: list[tuple[str, str] | None], messages: list[str]
) -> None:
    assert await shown(*pieces) == messages


def test_a_progress_bar_is_not_what_is_too_much() -> None:
    async def told() -> list[str]:
        return await shown(("begin\n", OUT), *[(f"\r{count}", OUT) for count in range(10_000)])

    assert anyio.run(told) == ["begin\n9999"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(alphabet="ab\r\n", max_size=5), st.sampled_from([OUT, ERR, NOTE])), max_size=12))
def test_lines_are_never_mixed(pieces: list[tuple[str, str]]) -> None:
    """Letters tell their sources: what is said in capitals is an error."""

    async def told() -> list[str]:
        return await shown(*((text.upper() if source == ERR else text, source) for text, source in pieces))

    for line in "".join(anyio.run(told)).split("\n"):
        assert line.removeprefix("[err] ").isupper() if line.startswith("[err] ") else not line or line.islower()


async def test_a_host_that_is_gone_does_not_end_the_wait_for_the_call() -> None:
    told: list[str | None] = []

    async def gone(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)
        raise anyio.ClosedResourceError

    progress = Progress(gone, first="hello", waiting_for="it", interval_s=LONG_S, heartbeat_s=LONG_S)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.run)
        progress.add("piece")
        await anyio.wait_all_tasks_blocked()
        assert told == ["hello", "piece"]
        progress.add("more")
        progress.close()

    assert told == ["hello", "piece", "more"]


async def test_what_ended_before_anybody_attended_is_told_at_once() -> None:
    host = Host()
    progress = Progress(host.report, first="hello", waiting_for="it", interval_s=LONG_S, heartbeat_s=LONG_S)
    progress.close()
    with anyio.fail_after(WAIT_S):
        await progress.run()

    assert host.messages == ["hello"]
