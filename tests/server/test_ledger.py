"""Which sessions are known to be open, whatever becomes of the calls in them and of what stops them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest

from agentcore_mcp.errors import ServiceError, SessionStoppedError
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.book import MAX_SESSIONS
from agentcore_mcp.server.call import Call
from agentcore_mcp.server.hosted.principals import ANYBODY
from agentcore_mcp.server.ledger import Ledger
from agentcore_mcp.server.sessions import Session
from agentcore_mcp.wire.eventstream import ContentStop
from tests.support.tools import SESSION, settings
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from agentcore_mcp.server.agents import Target

NO = ServiceError("no", status=403)


@pytest.fixture
async def target() -> Target:
    return (await create_server(settings("http://127.0.0.1:9")).state.agents.all())[0]


def call_in(session: Session) -> Call:
    return Call("invoke_agent", session, "hi", "the agent", {})


@pytest.mark.parametrize(("calls_before", "open_after"), [(0, 0), (1, 1)])
async def test_a_session_is_open_once_a_call_in_it_was_not_refused(
    target: Target, calls_before: int, open_after: int
) -> None:
    ledger = Ledger()
    for _ in range(calls_before):
        async with ledger.running(call_in(Session(SESSION, target))):
            pass
    with pytest.raises(ServiceError):
        async with ledger.running(call_in(Session(SESSION, target))):
            raise NO

    assert len(await ledger.open()) == open_after


@pytest.mark.parametrize("tells_its_end", [True, False])
async def test_a_call_that_tells_its_own_end_is_complete_although_its_session_is_stopped(
    target: Target, tells_its_end: bool
) -> None:
    ledger, call = Ledger(), call_in(Session(SESSION, target))

    async def run() -> None:
        async with ledger.running(call):
            await ledger.book.stopping(call.session, 1)
            call.stop = ContentStop(0, "COMPLETED") if tells_its_end else None

    if tells_its_end:
        await run()
    else:
        with pytest.raises(SessionStoppedError):
            await run()


async def test_of_too_many_sessions_those_that_were_stopped_are_forgotten_first(target: Target) -> None:
    ledger = Ledger()
    sessions = [Session(f"{number:040}", target) for number in range(MAX_SESSIONS + 1)]
    for number, session in enumerate(sessions):
        async with ledger.running(call_in(session)):
            pass
        await ledger.book.stopping(session, int(number == 1))

    # The second was stopped; the first is older, and open.
    assert await ledger.open() == [sessions[0], *sessions[2:]]


class Silent(httpx2.AsyncBaseTransport):
    """Answers nothing, or no."""

    def __init__(self) -> None:
        self.asked = anyio.Event()
        self.refuses = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.set()
        if not self.refuses:
            await anyio.sleep_forever()
        return httpx2.Response(403, json={"message": "no"})


async def test_a_session_is_stopped_once_the_stop_has_succeeded_and_stays_so(target: Target) -> None:
    """Neither a stop that is cancelled counts, nor does one more that fails bring it back."""
    silent = Silent()
    caller = create_server(settings("http://127.0.0.1:9"), transport=silent).state.caller(ANYBODY)
    async with caller.ledger.running(call := call_in(Session(SESSION, target))):
        pass
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(caller.stop, call.session)
            await silent.asked.wait()
            stopping = await caller.ledger.open()
            tasks.cancel_scope.cancel()
    cancelled = await caller.ledger.open()
    silent.refuses = True
    await caller.ledger.book.stopping(call.session, 1)
    with pytest.raises(ServiceError):
        await caller.stop(call.session)

    assert (stopping, cancelled, await caller.ledger.open()) == ([], [call.session], [])


class Gated(httpx2.AsyncBaseTransport):
    """Says no to everything once its gate is open."""

    def __init__(self) -> None:
        self.gate = anyio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self.gate.wait()
        return httpx2.Response(403, json={"message": "no"})


async def test_a_session_is_open_after_two_stops_at_a_time_that_both_fail(target: Target) -> None:
    gated = Gated()
    caller = create_server(settings("http://127.0.0.1:9"), transport=gated).state.caller(ANYBODY)
    async with caller.ledger.running(call := call_in(Session(SESSION, target))):
        pass

    async def refused() -> None:
        with pytest.raises(ServiceError):
            await caller.stop(call.session)

    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(refused)
            tasks.start_soon(refused)
            await anyio.wait_all_tasks_blocked()
            stopping = await caller.ledger.open()
            gated.gate.set()

    assert (stopping, await caller.ledger.open()) == ([], [call.session])
