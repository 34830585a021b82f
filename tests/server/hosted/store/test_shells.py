"""A shell that stays, with several workers: one reads it, and another one's caller answers what it asks."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.server.hosted.shells import InShell, Shells
from agentcore_mcp.server.hosted.store.connection import RedisStore, StoreError
from agentcore_mcp.server.sessions import Session
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.agentcore import new_session_id
from tests.support.principals import ALICE
from tests.support.redis import redis_server
from tests.support.tools import data_of, settings, text_of
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mcp.types import CallToolResult


async def test_another_worker_is_refused_the_shell_and_answers_what_runs_in_it(tmp_path: Path) -> None:
    with LocalAgentCore(app="tests.support.agents.probe:app") as local, redis_server(tmp_path) as redis:
        arn = {"arn": RuntimeArn.parse(local.agent_runtime_arn)}
        chosen = settings(local.endpoint_url, agent=arn, server={"store": redis.url}, handoff_after_s=30)
        where = {"session_id": new_session_id(), "shell": "main"}

        async def call(client: Client, **arguments: Any) -> CallToolResult:
            return await client.call_tool("run_command", {**where, **arguments})

        with anyio.fail_after(WAIT_S):
            async with Client(create_server(chosen)) as a, Client(create_server(chosen)) as b:
                asked = await call(a, command="read -p 'a? ' a; read -p 'b? ' b; echo $a $b; read -p 'c? ' c; pwd")
                refused = await call(b, command="echo no")
                again = await call(b, input="1")
                third = await call(a, input="2")
                handle = data_of(third)["handle"]
                other = await b.call_tool("run_command", {"handle": handle, "input": "^C"})
                free = await call(b, command="echo $a $b")

    assert data_of(asked)["status"] == data_of(again)["status"] == data_of(third)["status"] == "INPUT_REQUIRED"
    assert f"still runs the call {data_of(asked)['handle']!r}" in text_of(refused)
    assert (data_of(again)["stdout"], data_of(third)["stdout"]) == ("b? ", "1 2\nc? ")
    assert data_of(other)["exit_code"] == 130
    assert data_of(free)["stdout"] == "1 2\n"


async def test_what_is_typed_reaches_a_call_that_another_workers_request_waits_for(tmp_path: Path) -> None:
    with LocalAgentCore(app="tests.support.agents.probe:app") as local, redis_server(tmp_path) as redis:
        arn = {"arn": RuntimeArn.parse(local.agent_runtime_arn)}
        chosen = settings(local.endpoint_url, agent=arn, server={"store": redis.url})
        where = {"session_id": new_session_id(), "shell": "main"}
        ended: list[CallToolResult] = []
        begun = anyio.Event()

        async def note(progress: float, total: float | None, message: str | None) -> None:
            if "begun" in (message or ""):
                begun.set()

        async def wait(client: Client) -> None:
            # Not of bash's own: a ^C that comes while it begins a command may be lost.
            arguments = {**where, "command": "sh -c 'echo begun; sleep 60'"}
            ended.append(await client.call_tool("run_command", arguments, progress_callback=note))

        with anyio.fail_after(WAIT_S):
            async with (
                Client(create_server(chosen)) as a,
                Client(create_server(chosen)) as b,
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(wait, a)
                await begun.wait()
                refused = await b.call_tool("run_command", where)
                typed = await b.call_tool("run_command", {**where, "input": "^C"})

    assert "is being waited for by another request, which gets the rest" in text_of(refused)
    assert (data_of(typed)["status"], "it was typed" in data_of(typed)["note"]) == ("RUNNING", True)
    assert data_of(ended[0])["exit_code"] == 130


class Losing(RedisStore):
    """Takes each step, and loses the answer to the first."""

    loses = True

    async def run(self, script: str, keys: Sequence[str], *args: Any) -> Any:
        answer = await super().run(script, keys, *args)
        if self.loses:
            self.loses = False
            raise StoreError("the answer was lost")
        return answer


async def test_a_shell_is_free_if_the_answer_to_the_call_that_was_to_have_it_was_lost(tmp_path: Path) -> None:
    (target,) = await create_server(settings("http://127.0.0.1:9")).state.agents.all()
    session = Session(new_session_id(), target)
    with redis_server(tmp_path) as redis:
        store = Losing(redis.url)
        async with store.running():
            await store.beat()
            shells = Shells(ALICE, store)
            with pytest.raises(StoreError):
                async with shells.held(session, InShell("main"), "a-handle"):
                    pass
            holder = await shells.holder(session, "main")

    assert holder == ""


async def test_what_is_typed_waits_for_a_worker_that_does_not_listen_at_the_moment(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis, anyio.fail_after(WAIT_S):
        reader, other = RedisStore(redis.url), RedisStore(redis.url)
        (target,) = await create_server(settings("http://127.0.0.1:9")).state.agents.all()
        session, shell, typed = Session(new_session_id(), target), InShell("main"), anyio.Event()

        async def type_into() -> None:
            await Shells(ALICE, other).type(session, "main", "^C")
            typed.set()

        async with (
            other.running(),
            AsyncExitStack() as later,
            Shells(ALICE, reader).held(session, shell, "a-handle"),
        ):
            # The reader has not said that it lives, and is known to.
            assert await Shells(ALICE, other).holder(session, "main") == "a-handle"
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(type_into)
                await later.enter_async_context(reader.running())
                assert await shell.keys.get() == "^C"
                await typed.wait()
