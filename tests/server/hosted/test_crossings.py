"""Nothing of one caller is there for another: every tool and argument that can name something, on every worker.

A refusal has to be word for word the one for what doesn't exist, and the agents must not have been asked anything.
"""

from __future__ import annotations

import json
import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import anyio
import httpx2

from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop, encode_command_event
from tests.support.hosted import PUBLIC_URL, SCOPES, VERSIONS, HostedServer, message, written
from tests.support.issuer import running_issuer
from tests.support.mcp_hosts import http_server
from tests.support.redis import redis_server
from tests.support.servers import chunk, chunked, loopback_server, reply
from tests.support.sse import encode_sse
from tests.support.tools import EVENT_STREAM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from tests.support.servers import Exchange

LIMIT_S = 150
LONG = "word " * 1_000


class Agents:
    """Agents that say the prompt; one that is to wait goes on when it may, one that is to say much does."""

    def __init__(self) -> None:
        self.go_on = anyio.Event()
        self.hung_up = anyio.Semaphore(0)

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stopruntimesession"):
            await exchange.send(reply(body=b"{}", content_type="application/json"))
            return
        if exchange.request.target.endswith("/commands"):
            first, last = ContentDelta("first\n"), ContentStop(0, "COMPLETED")
            await self._say(exchange, EVENT_STREAM, encode_command_event(first), encode_command_event(last))
            return
        prompt = json.loads(exchange.request.body)["prompt"]
        said = encode_sse(json.dumps(LONG if prompt == "long" else f"{prompt} "))
        await self._say(exchange, "text/event-stream", said, encode_sse('"the end"'))

    async def _say(self, exchange: Exchange, content_type: str, first: bytes, last: bytes) -> None:
        await exchange.send(chunked(content_type) + chunk(first))
        if b"wait" in exchange.request.body:
            async with anyio.create_task_group() as tasks:

                async def watch() -> None:
                    await exchange.peer_closed()
                    self.hung_up.release()
                    tasks.cancel_scope.cancel()

                tasks.start_soon(watch)
                await self.go_on.wait()
                tasks.cancel_scope.cancel()
        await exchange.send(chunk(last) + b"0\r\n\r\n")


@dataclass(slots=True)
class Site:
    """Two workers, and who calls them."""

    workers: list[HostedServer]
    agents: Agents
    alice: str
    others: dict[str, str]

    @property
    def asked(self) -> int:
        """How many requests the agents got."""
        return len(self.workers[0].runtime.requests)

    async def call(self, worker: int, token: str, tool: str, version: str = VERSIONS[1], **arguments: Any) -> Any:
        answer = message(await self.workers[worker].call(tool, arguments, token, version=version))
        return answer.get("result", answer)


@asynccontextmanager
async def site(folder: Path, *, handoff: str = "handoff_after = 0.3") -> AsyncIterator[Site]:
    agents = Agents()
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server(folder))
        issuer, other_issuer = (stack.enter_context(running_issuer()) for _ in range(2))
        runtime = await stack.enter_async_context(loopback_server(agents))
        config = written(
            folder,
            [issuer, other_issuer],
            runtime,
            agents={"one": "", "two": 'commands = "ask"'},
            top=f"{handoff}\nresult_max_chars = 2000",
            server=f'store = "{redis.url}"\nsecret = "{"not-a-real-secret-" * 2}"\ndrain = 0',
        )
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=LIMIT_S, trust_env=False))
        urls = [await stack.enter_async_context(http_server("--config", str(config), env={})) for _ in range(2)]

        def token(issuer: Any, **claims: str) -> str:
            return str(issuer.token(audience=PUBLIC_URL, scope=SCOPES, **claims))

        others = {
            "another subject": token(issuer, sub="bob"),
            "another client": token(issuer, client_id="other-app"),
            "another issuer": token(other_issuer),
        }
        yield Site([HostedServer(url, issuer, runtime, http) for url in urls], agents, token(issuer), others)


def shown(answer: Any, *names: str) -> str:
    """Return an answer without what it was asked about."""
    text = json.dumps(answer)
    for name in names:
        text = text.replace(name, "ID")
    return text


def data_of(result: Any) -> dict[str, Any]:
    assert not result.get("isError"), result
    found: dict[str, Any] = result["structuredContent"]
    return found


async def handed_over(site: Site, worker: int, tool: str, **arguments: str) -> dict[str, Any]:
    """Begin a call that outlasts its request."""
    data = data_of(await site.call(worker, site.alice, tool, agent="one", **arguments))
    assert data["status"] == "RUNNING"
    return data


async def finished(site: Site, worker: int, handle: str) -> None:
    """Wait for the end of a call without collecting it."""
    while not data_of(await site.call(worker, site.alice, "read_output", handle=handle))["finished"]:
        pass


def attempts_at(sessions: dict[str, str], handles: dict[str, str]) -> list[tuple[str, dict[str, str], str, str]]:
    """Return each tool with arguments that name something: what they name, and something like it that isn't there."""
    found: list[tuple[str, dict[str, str], str, str]] = []
    for real in sessions.values():
        made_up = real[:-32] + secrets.token_hex(16)
        for agent in ("one", "two", ""):
            found += [
                ("invoke_agent", {"prompt": "hi", "agent": agent, "session_id": "{}"}, real, made_up),
                ("run_command", {"command": "ls", "agent": agent, "session_id": "{}"}, real, made_up),
                ("stop_session", {"agent": agent, "session_id": "{}"}, real, made_up),
            ]
    for real in handles.values():
        made_up = secrets.token_urlsafe(9)
        found += [("read_output", {"handle": "{}"}, real, made_up)]
        found += [("read_output", {"handle": "{}", "stream": "stderr"}, real, made_up)]
        for agent in ("one", "two", ""):
            found += [("invoke_agent", {"handle": "{}", "agent": agent}, real, made_up)]
            found += [("run_command", {"handle": "{}", "agent": agent}, real, made_up)]
    return found


async def test_nothing_of_one_caller_is_there_for_another(tmp_path: Path, subtests: pytest.Subtests) -> None:
    with anyio.fail_after(LIMIT_S):
        async with site(tmp_path) as here:
            opened = data_of(await here.call(0, here.alice, "invoke_agent", agent="one", prompt="hi"))["session_id"]
            named = data_of(
                await here.call(1, here.alice, "invoke_agent", agent="one", prompt="hi", session_id="review")
            )["session_id"]
            kept = data_of(await here.call(0, here.alice, "invoke_agent", agent="one", prompt="long"))
            assert kept["status"] == "COMPLETED"
            uncollected = await handed_over(here, 1, "invoke_agent", prompt="wait for it")
            uncollected_command = await handed_over(here, 0, "run_command", command="wait for it")
            here.agents.go_on.set()
            for worker, call in enumerate((uncollected_command, uncollected)):
                while not data_of(await here.call(worker, here.alice, "read_output", handle=call["handle"]))[
                    "finished"
                ]:
                    pass
            here.agents.go_on = anyio.Event()
            running = await handed_over(here, 0, "invoke_agent", prompt="wait")
            running_command = await handed_over(here, 1, "run_command", command="wait")

            sessions = {"made": opened, "named": named}
            handles = {
                "kept": kept["handle"],
                "uncollected": uncollected["handle"],
                "uncollected command": uncollected_command["handle"],
                "running": running["handle"],
                "running command": running_command["handle"],
            }
            asked = here.asked
            attempts = attempts_at(sessions, handles)
            refused: dict[tuple[str, int, str], list[list[Any]]] = {}
            shows: dict[tuple[str, int, str], list[Any]] = {}

            async def attempt(who: str, worker: int, version: str) -> None:
                as_them = partial(here.call, worker, here.others[who], version=version)
                refused[who, worker, version] = [
                    [
                        (name, await as_them(tool, **{key: value.format(name) for key, value in arguments.items()}))
                        for name in (real, made_up)
                    ]
                    for tool, arguments, real, made_up in attempts
                ]
                shows[who, worker, version] = [
                    data_of(await as_them("list_agents"))["sessions"],
                    data_of(await as_them("stop_session", session_id="all"))["stopped"],
                ]

            # All at once: on a busy machine, more than a thousand calls one after the other take minutes.
            async with anyio.create_task_group() as tasks:
                for each in product(here.others, range(2), VERSIONS):
                    tasks.start_soon(attempt, *each)

            for (who, worker, version), pairs in refused.items():
                with subtests.test(who, worker=worker, version=version):
                    for (tool, arguments, _, _), pair in zip(attempts, pairs, strict=True):
                        assert all(answer["isError"] for _, answer in pair), (tool, arguments)
                        there, made_up = (shown(answer, name) for name, answer in pair)
                        assert there == made_up, (tool, arguments)
                    assert shows[who, worker, version] == [[], []]
            assert len(refused) == len(here.others) * 4
            assert here.asked == asked

            with subtests.test("short names"):
                await short_names(here, named)
            with subtests.test("everything is still there for whom it belongs to"):
                await still_there(here, sessions, handles)


async def short_names(here: Site, named: str) -> None:
    """The same name is another session, also where one is stopped."""
    for token in here.others.values():
        asked = here.asked
        stopped = await here.call(1, token, "stop_session", session_id="review", agent="one")
        theirs = data_of(stopped)["session_id"]
        assert theirs != named
        assert named not in json.dumps(stopped)
        assert here.asked == asked + 1
        assert here.workers[0].runtime.requests[-1].header("x-amzn-bedrock-agentcore-runtime-session-id") == theirs


async def still_there(here: Site, sessions: dict[str, str], handles: dict[str, str]) -> None:
    """On either worker: what was refused above was refused for who asked."""
    for worker in range(2):
        listed = data_of(await here.call(worker, here.alice, "list_agents"))["sessions"]
        assert {*sessions.values()} <= {session["session_id"] for session in listed}
        for session in sessions.values():
            again = await here.call(worker, here.alice, "invoke_agent", agent="one", prompt="hi", session_id=session)
            assert data_of(again)["session_id"] == session
        for handle in handles.values():
            data_of(await here.call(worker, here.alice, "read_output", handle=handle))
    here.agents.go_on.set()
    for number, (which, handle) in enumerate(handles.items()):
        if which != "kept":
            worker = number % 2
            await finished(here, worker, handle)
            tool = "run_command" if which.endswith("command") else "invoke_agent"
            collected = await here.call(worker, here.alice, tool, handle=handle)
            assert data_of(collected)["status"] == "COMPLETED"
    stopped = data_of(await here.call(1, here.alice, "stop_session", session_id="all"))
    assert {*sessions.values()} <= {*stopped["stopped"]}


async def test_a_question_to_one_caller_is_answered_by_nobody_else_and_once_on_all_workers(tmp_path: Path) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": VERSIONS[1],
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
    }
    call = {"name": "run_command", "arguments": {"command": "make", "agent": "two"}, "_meta": meta}

    async def send(worker: int, token: str, **more: Any) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {**call, **more}}
        return message(await here.workers[worker].post(body, token, version=VERSIONS[1]))

    with anyio.fail_after(LIMIT_S):
        async with site(tmp_path) as here:
            asked = (await send(0, here.alice))["result"]
            (question,) = asked["inputRequests"]
            yes = {question: {"action": "accept", "content": {"run": True}}}
            made_up = [await send(1, token, inputResponses=yes, requestState="v1.x") for token in here.others.values()]
            theirs = [
                await send(worker, token, inputResponses=yes, requestState=asked["requestState"])
                for token in here.others.values()
                for worker in range(2)
            ]
            assert here.asked == 0
            answers: list[dict[str, Any]] = []

            async def answer(worker: int) -> None:
                answers.append(await send(worker, here.alice, inputResponses=yes, requestState=asked["requestState"]))

            async with anyio.create_task_group() as tasks:
                for worker in (0, 1, 1, 0):
                    tasks.start_soon(answer, worker)

            assert [one["error"] for one in theirs] == [made_up[0]["error"]] * len(theirs)
            refused = [one["error"] for one in answers if "error" in one]
            assert refused == [made_up[0]["error"]] * 3
            assert here.asked == 1


async def test_a_request_is_cancelled_on_any_worker_by_who_made_it_and_by_nobody_else(tmp_path: Path) -> None:
    version = {"Mcp-Session-Id": "0123456789abcdef"}
    body = {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {"name": "invoke_agent", "arguments": {"prompt": "wait", "agent": "one"}},
    }
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}

    with anyio.fail_after(LIMIT_S):
        async with site(tmp_path, handoff="") as here:
            answers: list[dict[str, Any]] = []

            async def call() -> None:
                answers.append(message(await here.workers[0].post(body, here.alice, headers=version)))

            async def cancel(worker: int, token: str) -> None:
                answer = await here.workers[worker].post(cancelled, token, headers=version)
                assert answer.status_code == 202

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call)
                while here.asked == 0:  # noqa: ASYNC110 - nobody announces it
                    await anyio.sleep(0.01)
                for token in here.others.values():
                    for worker in range(2):
                        await cancel(worker, token)
                await cancel(1, here.alice)
                await here.agents.hung_up.acquire()

    assert "error" in answers[0]
