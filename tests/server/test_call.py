"""A call is always in one phase, and goes from it to those alone that may follow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.server.call import Call, Phase
from agentcore_mcp.server.output import Output
from agentcore_mcp.server.progress import Progress
from agentcore_mcp.server.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable


async def ignore(progress: float, total: float | None, message: str | None) -> None:
    """Take a notification, and do nothing about it."""


def later() -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(3600, print)


def a_call() -> Call:
    session: Any = None
    return Call("invoke_agent", session, "hi", "the agent", {"text": Output(Spool())})


STEPS: dict[str, Callable[[Call], None]] = {
    "attend": lambda call: call.attend(Progress(ignore, first="hello", waiting_for="the agent")),
    "hand off": lambda call: call.hand_off(later()),
    "finish": lambda call: call.finish(),
    "keep": lambda call: call.keep(),
    "let go": lambda call: call.let_go("is gone"),
}
# How a call comes into each phase, and what can be done with it there besides finishing.
WAYS = {
    Phase.NEW: ([], {"attend"}),
    Phase.ATTENDED: (["attend"], {"hand off", "keep", "let go"}),
    Phase.UNATTENDED: (["attend", "hand off"], {"attend"}),
    Phase.UNCOLLECTED: (["attend", "hand off", "finish"], {"attend", "let go"}),
    Phase.KEPT: (["attend", "finish", "keep"], {"let go"}),
    Phase.GONE: (["attend", "finish", "let go"], set[str]()),
}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("step", [step for step in STEPS if step != "finish"])
async def test_what_can_not_follow_is_refused(phase: Phase, step: str) -> None:
    way, possible = WAYS[phase]
    call = a_call()
    for earlier in way:
        STEPS[earlier](call)
    assert call.phase is phase

    if step in possible:
        STEPS[step](call)
        assert call.phase is not phase
    else:
        with pytest.raises(RuntimeError, match=f"a call that is {phase.name} can't become"):
            STEPS[step](call)
        assert call.phase is phase


@pytest.mark.parametrize("step", ["attend", "finish"])
async def test_no_deadline_ends_a_call_that_is_attended_again_or_has_ended(step: str) -> None:
    call, deadline = a_call(), later()
    STEPS["attend"](call)
    call.hand_off(deadline)
    before = deadline.cancelled()
    STEPS[step](call)

    assert (before, deadline.cancelled()) == (False, True)
