"""Calls that go on whoever waits for them, and end when nobody may any more."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from agentcore_mcp.config import Agent
from agentcore_mcp.errors import InvalidRequestError, ResponseTimeoutError
from agentcore_mcp.runtime.auth.authorization import NoAuth
from agentcore_mcp.server.agents import Target
from agentcore_mcp.server.call import Call
from agentcore_mcp.server.calls import KEPT_MAX_CALLS, UNATTENDED_MAX_CALLS, Calls
from agentcore_mcp.server.output import Output
from agentcore_mcp.server.progress import Progress
from agentcore_mcp.server.sessions import Session
from agentcore_mcp.server.spool import Spool
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.principals import ALICE, calling_as
from tests.support.processes import nameless_files
from tests.support.runtimes import ARN
from tests.support.tokens import held
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


FAR = Target(Agent(name="far", arn=RuntimeArn.parse(ARN)), NoAuth(), None)


class Work:
    """Says a word, and then waits until it is told to end; knows whether it has cleaned up."""

    def __init__(self) -> None:
        self.call = Call("invoke_agent", Session("session", FAR), "hi", "the agent", {"text": Output(Spool())})
        self.go_on = anyio.Event()
        self.cleaned_up = False

    async def __call__(self) -> None:
        try:
            self.call.add("text", "word")
            await self.go_on.wait()
        finally:
            await anyio.lowlevel.checkpoint()
            self.cleaned_up = True


async def ignore(progress: float, total: float | None, message: str | None) -> None:
    """Take a notification, and do nothing about it."""


async def stall(progress: float, total: float | None, message: str | None) -> None:
    """Never take a notification."""
    await anyio.sleep_forever()


@asynccontextmanager
async def running(calls: Calls) -> AsyncIterator[None]:
    """End the calls at the end of the block, as the server does."""
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await asyncio.gather(*await calls.end(), return_exceptions=True)


async def tell(calls: Calls, call: Call) -> None:
    """Tell a call's end to a request that attends to it."""
    call.attend(Progress(ignore, first="hello", waiting_for="the agent"))
    await calls.settle(call)


async def test_a_host_that_stalls_is_no_hindrance_to_handing_a_call_over() -> None:
    calls = Calls()
    async with running(calls):
        work = Work()
        calls.start(work.call, work)
        with anyio.fail_after(WAIT_S):
            assert not await calls.attend(work.call, stall, first="hello", handoff_after_s=0.01)
            work.go_on.set()
            assert await calls.attend(work.call, ignore, first="hello", handoff_after_s=None)

    assert work.call.outputs["text"].text() == "word"


async def test_a_call_that_has_ended_holds_nothing_of_its_callers_token() -> None:
    calls, work, token = Calls(), Work(), "not-a-real-token-of-a-caller"
    async with running(calls):
        with anyio.fail_after(WAIT_S), calling_as(ALICE, token):
            calls.start(work.call, work)
            await calls.attend(work.call, ignore, first="hello", handoff_after_s=0.01)
            during, deadline = held(calls), work.call.deadline
            work.go_on.set()
            while not work.call.finished:
                await anyio.lowlevel.checkpoint()

        assert token in during
        assert token not in held(calls)
        assert token not in held(deadline)


async def test_cancelling_the_wait_cancels_the_work() -> None:
    calls = Calls()
    async with running(calls):
        work = Work()
        calls.start(work.call, work)
        with anyio.move_on_after(0.01):
            await calls.attend(work.call, ignore, first="hello", handoff_after_s=None)
        with anyio.fail_after(WAIT_S):
            while not work.call.finished:
                await anyio.lowlevel.checkpoint()

    assert work.cleaned_up


async def test_a_call_that_is_cancelled_twice_may_clean_up() -> None:
    """As the command of a shell does, which is ended there."""
    calls, work = Calls(), Work()
    async with running(calls):
        calls.start(work.call, work)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(WAIT_S):
            while not work.call.finished:
                work.call.cancel(by_user=True)
                await anyio.lowlevel.checkpoint()

    assert work.cleaned_up
    assert work.call.cancelled


async def test_what_still_runs_at_the_end_is_cancelled_and_may_clean_up() -> None:
    calls = Calls()
    with anyio.CancelScope() as scope:
        async with running(calls):
            work = Work()
            calls.start(work.call, work)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()

    assert work.cleaned_up


async def test_a_call_that_nobody_collects_in_time_tells_so_when_it_is_collected() -> None:
    calls = Calls()
    async with running(calls):
        work = Work()
        calls.start(work.call, work)
        assert not await calls.attend(work.call, ignore, first="hello", handoff_after_s=0.01)
        assert work.call.deadline is not None
        work.call.cancel()  # as its deadline would do
        with anyio.fail_after(WAIT_S), pytest.raises(ResponseTimeoutError, match="without being collected"):
            await calls.attend(
                await calls.collectable(work.call.handle, "invoke_agent"), ignore, first="", handoff_after_s=None
            )


async def test_what_the_work_raises_is_raised_to_whoever_attends() -> None:
    async def fail() -> None:
        raise LookupError("the call failed")

    calls = Calls()
    async with running(calls):
        call = Work().call
        calls.start(call, fail)
        with pytest.raises(LookupError, match="the call failed"):
            await calls.attend(call, ignore, first="hello", handoff_after_s=None)


async def test_a_cancelled_call_leaves_no_file_open() -> None:
    calls = Calls()
    async with running(calls):
        work, before = Work(), nameless_files()
        work.call.add("text", "x" * 1_000_000)
        calls.start(work.call, work)
        assert nameless_files() > before
        with anyio.move_on_after(0.01):
            await calls.attend(work.call, ignore, first="hello", handoff_after_s=None)
        with anyio.fail_after(WAIT_S):
            while nameless_files() != before:
                await anyio.lowlevel.checkpoint()

    assert work.cleaned_up


async def test_a_call_of_which_no_result_left_anything_out_leaves_no_file_open() -> None:
    calls = Calls()
    async with running(calls):
        call, before = Work().call, nameless_files()
        for _ in range(4):
            call.add("text", "x" * 30_000)
            call.outputs["text"].begin_next()
        assert nameless_files() > before
        await tell(calls, call)
        assert nameless_files() == before


async def test_however_many_calls_left_something_out_the_files_of_the_last_ones_alone_are_open() -> None:
    before, calls = nameless_files(), Calls()
    kept = []
    for _ in range(2 * KEPT_MAX_CALLS):
        call = Work().call
        call.add("text", "x" * 100_000)
        call.finish()
        await tell(calls, call)
        kept.append(call)

    assert len(nameless_files() - before) == KEPT_MAX_CALLS
    assert await calls.named(kept[-1].handle) is kept[-1]
    with pytest.raises(InvalidRequestError, match=f"the last {KEPT_MAX_CALLS} calls"):
        await calls.named(kept[0].handle)


async def test_no_more_calls_go_on_unattended_than_may_and_one_too_many_says_why_it_waits() -> None:
    told: list[str] = []
    greeted: list[str] = []
    too_many = anyio.Event()

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        greeted.extend([message] if message == "hello" else [])
        if message and "go on unattended already" in message:
            told.append(message)
            too_many.set()

    calls = Calls()
    async with running(calls):
        works = [Work() for _ in range(UNATTENDED_MAX_CALLS + 1)]
        left: list[Work] = []

        async def attend(work: Work) -> None:
            assert not await calls.attend(work.call, listen, first="hello", handoff_after_s=0.3)
            left.append(work)

        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as tasks:
                for work in works:
                    calls.start(work.call, work)
                    tasks.start_soon(attend, work)
                await too_many.wait()
                await anyio.wait_all_tasks_blocked()
                assert len(left) == UNATTENDED_MAX_CALLS
                left[0].go_on.set()

        assert len(left) == len(works)
        assert len(told) == 1
        assert len(greeted) == len(works)
        assert f"{UNATTENDED_MAX_CALLS} other calls" in told[0]


async def test_a_call_that_is_being_waited_for_can_be_read_and_not_be_collected_as_well() -> None:
    calls = Calls()
    async with running(calls):
        work = Work()
        calls.start(work.call, work)
        assert not await calls.attend(work.call, ignore, first="hello", handoff_after_s=0.01)
        handle = work.call.handle
        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as tasks:

                async def collect() -> None:
                    call = await calls.collectable(handle, "invoke_agent")
                    assert await calls.attend(call, ignore, first="hello", handoff_after_s=None)

                tasks.start_soon(collect)
                await anyio.wait_all_tasks_blocked()
                assert await calls.named(handle) is work.call
                with pytest.raises(InvalidRequestError, match="is being waited for by another request"):
                    await calls.collectable(handle, "invoke_agent")
                work.go_on.set()


async def test_a_handle_of_no_use_any_more_says_why() -> None:
    calls = Calls()
    async with running(calls):
        whole, cancelled, uncollected = Work(), Work(), Work()
        works = [Work() for _ in range(KEPT_MAX_CALLS + 1)]
        with anyio.fail_after(WAIT_S):
            await tell(calls, whole.call)
            with pytest.raises(InvalidRequestError, match="was collected to its end, and its results were complete"):
                await calls.named(whole.call.handle)

            calls.start(cancelled.call, cancelled)
            with anyio.move_on_after(0.01):
                await calls.attend(cancelled.call, ignore, first="hello", handoff_after_s=None)
            while not cancelled.cleaned_up:
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(InvalidRequestError, match="was cancelled with its request"):
                await calls.named(cancelled.call.handle)

            for work in [uncollected, *works]:
                calls.start(work.call, work)
                assert not await calls.attend(work.call, ignore, first="hello", handoff_after_s=0.01)
                work.go_on.set()
                while not work.call.finished:
                    await anyio.lowlevel.checkpoint()
            with pytest.raises(InvalidRequestError, match="was not collected; the server keeps the last 32 such calls"):
                await calls.named(uncollected.call.handle)

            cut = [Work().call for _ in range(KEPT_MAX_CALLS + 1)]
            for call in cut:
                call.add("text", "x" * 100_000)
                await tell(calls, call)
            with pytest.raises(InvalidRequestError, match="the server keeps omitted text of the last 32 calls only"):
                await calls.named(cut[0].handle)


async def test_of_handles_that_are_of_no_use_any_more_the_last_ones_are_known() -> None:
    calls, gone = Calls(), [Work().call for _ in range(300)]
    for call in gone:
        await tell(calls, call)

    with pytest.raises(InvalidRequestError, match="was collected to its end"):
        await calls.named(gone[-1].handle)
    with pytest.raises(InvalidRequestError, match="no call has the handle"):
        await calls.named(gone[0].handle)


async def test_a_call_is_given_up_once_if_telling_its_progress_fails() -> None:
    class BrokenError(Exception):
        pass

    async def break_down(progress: float, total: float | None, message: str | None) -> None:
        raise BrokenError

    calls, work = Calls(), Work()
    async with running(calls):
        calls.start(work.call, work)
        with anyio.fail_after(WAIT_S), pytest.raises(BrokenError):
            await calls.attend(work.call, break_down, first="hello", handoff_after_s=None)
        task = work.call.task
        assert task is not None
        await asyncio.wait([task], timeout=WAIT_S)

    with pytest.raises(InvalidRequestError, match="was cancelled"):
        await calls.named(work.call.handle)
