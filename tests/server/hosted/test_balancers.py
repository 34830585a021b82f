"""Two workers behind a balancer without stickiness, while workers, Redis and a reader of calls go away under load.

Every answer is looked at by the caller that it is for. Nothing may be lost, and no prompt or command may run twice.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest

from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop, encode_command_event
from tests.support.balancers import BALANCERS, balancer, require
from tests.support.hosted import PUBLIC_URL, SCOPES, VERSIONS, HostedServer, message, written
from tests.support.issuer import running_issuer
from tests.support.mcp_hosts import http_process
from tests.support.redis import redis_server
from tests.support.servers import chunk, chunked, loopback_server, reply
from tests.support.sse import encode_sse
from tests.support.tools import EVENT_STREAM
from tests.support.waiting import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from anyio.abc import Process

    from tests.support.redis import RedisServer
    from tests.support.servers import Exchange

pytestmark = pytest.mark.timeout(330)
LIMIT_S = 300
CALLERS = 4
PIECES = 5
LONG_WORDS = 800
# So many calls have to succeed after each thing that happened before the next one does.
CALLS_BETWEEN = 12


class Agents:
    """Agents whose every word is the name of the call; they note how often each was made.

    A prompt or command is a name and what to do: "say", "slow", "long", or "wait" for ever.
    """

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()

    async def __call__(self, exchange: Exchange) -> None:
        target, body = exchange.request.target, exchange.request.body
        if target.endswith("/stopruntimesession"):
            await exchange.send(reply(body=b"{}", content_type="application/json"))
            return
        if target.endswith("/commands"):
            name = json.loads(body)["command"].split()[-1]
            self.ran[name] += 1
            frames = encode_command_event(ContentDelta(f"{name}\n")) + encode_command_event(ContentStop(0, "COMPLETED"))
            await exchange.send(reply(body=frames, content_type=EVENT_STREAM))
            return
        name, what = json.loads(body)["prompt"].split()
        self.ran[name] += 1
        await exchange.send(chunked("text/event-stream"))
        if what == "long":
            await exchange.send(chunk(encode_sse(json.dumps(f"{name} " * LONG_WORDS))))
        else:
            for _ in range(PIECES):
                await exchange.send(chunk(encode_sse(json.dumps(f"{name} "))))
                await anyio.sleep(0.3 if what == "slow" else 0.02)
        if what == "wait":
            await exchange.peer_closed()
        else:
            await exchange.send(b"0\r\n\r\n")


class Caller:
    """Makes calls of every kind, one after the other, and looks at each answer.

    Attributes:
        made: How many calls were made, by what they were.
        lost: What was wrong with answers.
    """

    def __init__(self, name: str, site: Site, token: str) -> None:
        self.name = name
        self.made: Counter[str] = Counter()
        self.lost: list[str] = []
        self._site = site
        self._token = token
        self._numbers = itertools.count()
        self._sessions: set[str] = set()

    async def run(self) -> None:
        """Call until the load ends."""
        kinds: list[Callable[[str, str], Awaitable[None]]] = [
            self.stream,
            self.hand_over,
            self.command,
            self.read_on,
            self.stop,
            self.confirm,
            self.look,
        ]
        for kind, version in itertools.cycle(itertools.product(kinds, VERSIONS)):
            async with self._site.making_a_call():
                name = f"{self.name}-{next(self._numbers)}"
                try:
                    await kind(name, version)
                except (AssertionError, httpx2.HTTPError, ValueError, LookupError) as error:
                    self.lost.append(f"{kind.__name__} {version} {name}: {type(error).__name__}: {error}")
                self.made[f"{kind.__name__} {version}"] += 1

    async def stream(self, name: str, version: str) -> None:
        assert (await self.ask(version, name, "say")).split() == [name] * PIECES

    async def hand_over(self, name: str, version: str) -> None:
        assert (await self.ask(version, name, "slow")).split() == [name] * PIECES

    async def ask(self, version: str, name: str, what: str) -> str:
        """Return an answer, waited for again on any worker if it takes long."""
        data, told = await self.invoke(version, prompt=f"{name} {what}")
        text: str = data["text"]
        while data["status"] == "RUNNING":
            self.check_told(told, name)
            data, told = await self.invoke(version, handle=data["handle"])
            text += data["text"]
        assert data["status"] == "COMPLETED", data
        self.check_told(told, name)
        return text

    async def command(self, name: str, version: str) -> None:
        await self.run_command(version, name, {"agent": "one", "command": f"echo {name}"})

    async def run_command(
        self, version: str, name: str, arguments: dict[str, Any], more: dict[str, Any] | None = None
    ) -> str:
        """Check what a command prints, and return its session."""
        result, told = await self.call(version, "run_command", more, **arguments)
        printed = data_of(result)["stdout"]
        while data_of(result)["status"] == "RUNNING":
            self.check_told(told, name)
            result, told = await self.call(version, "run_command", handle=data_of(result)["handle"])
            printed += data_of(result)["stdout"]
        self.check_told(told, name)
        assert printed == f"{name}\n"
        session_id: str = data_of(result)["session_id"]
        return session_id

    async def read_on(self, name: str, version: str) -> None:
        data, _ = await self.invoke(version, prompt=f"{name} long")
        text, offset = "", 0
        while len(text) < len(f"{name} ") * LONG_WORDS:
            result, _ = await self.call(version, "read_output", handle=data["handle"], offset=offset)
            text, offset = text + data_of(result)["text"], data_of(result)["next_offset"]
        assert text.split() == [name] * LONG_WORDS

    async def stop(self, name: str, version: str) -> None:
        session_id = await self.run_command(version, name, {"agent": "one", "command": f"echo {name}"})
        result, _ = await self.call(version, "stop_session", session_id=session_id)
        assert data_of(result)["stopped"] == [session_id]

    async def confirm(self, name: str, version: str) -> None:
        """Only a client of 2026-07-28 can be asked where the server keeps no sessions."""
        arguments = {"agent": "two", "command": f"echo {name}"}
        asked, _ = await self.call(version, "run_command", **arguments)
        if version == VERSIONS[0]:
            assert "this host can't ask" in text_of(asked)
            return
        (question,) = asked["inputRequests"]
        yes = {question: {"action": "accept", "content": {"run": True}}}
        more = {"inputResponses": yes, "requestState": asked["requestState"]}
        await self.run_command(version, name, arguments, more)

    async def look(self, name: str, version: str) -> None:
        result, _ = await self.call(version, "list_agents")
        assert {session["session_id"] for session in data_of(result)["sessions"]} <= self._sessions

    async def invoke(self, version: str, **arguments: Any) -> tuple[dict[str, Any], list[str]]:
        result, told = await self.call(version, "invoke_agent", agent="one", **arguments)
        return data_of(result), told

    async def call(
        self, version: str, tool: str, more: dict[str, Any] | None = None, /, **arguments: Any
    ) -> tuple[dict[str, Any], list[str]]:
        """Call a tool; return its result, and what was told meanwhile."""
        result, told = await self._site.call(self._site.front, self._token, version, tool, arguments, more)
        if (session_id := result.get("structuredContent", {}).get("session_id")) is not None:
            self._sessions.add(session_id)
        return result, told

    def check_told(self, told: list[str], name: str) -> None:
        words = [word for text in told for word in text.split() if re.fullmatch(r"caller\d+-\d+", word)]
        assert {*words} <= {name}


class Site:
    """What runs, and how much load there is.

    Attributes:
        front: The balancer.
        callers: Who calls.
    """

    def __init__(self, agents: Agents, config: Path, redis: RedisServer, ports: list[int]) -> None:
        self.agents = agents
        self.redis = redis
        self.callers: list[Caller] = []
        self.front: HostedServer
        self.direct: list[HostedServer] = []
        self._config = config
        self._ports = ports
        self._workers: dict[int, tuple[AsyncExitStack, Process]] = {}
        self._may_call = anyio.Event()
        self._may_call.set()
        self._calling = 0

    async def call(
        self,
        server: HostedServer,
        token: str,
        version: str,
        tool: str,
        arguments: dict[str, Any],
        more: dict[str, Any] | None = None,
    ) -> tuple[dict[str, Any], list[str]]:
        meta: dict[str, Any] = {"progressToken": 1}
        if version == VERSIONS[1]:
            meta |= {
                "io.modelcontextprotocol/protocolVersion": version,
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
                "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
            }
        params = {"name": tool, "arguments": arguments, "_meta": meta, **(more or {})}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answer = await server.post(body, token, version=version)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text[:200]}"
        last = message(answer)
        assert last.get("id") == 1, f"the answer was cut off after {answer.text[-200:]!r}"
        assert "result" in last, last
        lines = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: {")]
        told = [line["params"]["message"] for line in lines if line.get("method") == "notifications/progress"]
        result: dict[str, Any] = last["result"]
        return result, told

    @asynccontextmanager
    async def making_a_call(self) -> AsyncIterator[None]:
        await self._may_call.wait()
        self._calling += 1
        try:
            yield
        finally:
            self._calling -= 1

    async def pause(self) -> None:
        """Wait until no call goes on, and let none begin."""
        self._may_call = anyio.Event()
        while self._calling:  # noqa: ASYNC110 - nobody announces it
            await anyio.sleep(0.01)

    def resume(self) -> None:
        self._may_call.set()

    @property
    def made(self) -> int:
        return sum(caller.made.total() for caller in self.callers)

    async def some_calls(self) -> None:
        """Wait until there have been some more calls."""
        enough = self.made + CALLS_BETWEEN
        while self.made < enough:  # noqa: ASYNC110 - nobody announces it
            await anyio.sleep(0.02)

    async def start(self, number: int) -> None:
        stack = AsyncExitStack()
        arguments = ("--port", str(self._ports[number]), "--config", str(self._config))
        _, process = await stack.enter_async_context(http_process(*arguments, env={}))
        self._workers[number] = stack, process

    async def end(self, number: int, *, kill: bool = False) -> None:
        """End a worker in order, or kill it."""
        stack, process = self._workers.pop(number)
        if kill:
            process.kill()
            await process.wait()
        await stack.aclose()

    async def aclose(self) -> None:
        for number in [*self._workers]:
            await self.end(number)


@asynccontextmanager
async def site(name: str, folder: Path) -> AsyncIterator[Site]:
    agents = Agents()
    async with AsyncExitStack() as stack:
        issuer = stack.enter_context(running_issuer())
        redis = stack.enter_context(redis_server(folder))
        runtime = await stack.enter_async_context(loopback_server(agents))
        config = written(
            folder,
            [issuer],
            runtime,
            agents={"one": "", "two": 'commands = "ask"'},
            top="handoff_after = 0.5\nresult_max_chars = 2000",
            server=f'store = "{redis.url}"\nsecret = "{"not-a-real-secret-" * 2}"\ndrain = 5',
        )
        ports = [free_port() for _ in range(3)]
        here = Site(agents, config, redis, ports[:2])
        stack.push_async_callback(here.aclose)
        for number in range(2):
            await here.start(number)
        front = await stack.enter_async_context(balancer(name, folder, ports[:2], ports[2]))
        http = httpx2.AsyncClient(timeout=LIMIT_S, trust_env=False, verify=front.trust)
        await stack.enter_async_context(http)
        here.front = HostedServer(f"{front.url}/mcp", issuer, runtime, http)
        here.direct = [HostedServer(f"http://127.0.0.1:{port}/mcp", issuer, runtime, http) for port in ports[:2]]
        for number in range(CALLERS):
            caller = f"caller{number}"
            token = issuer.token(audience=PUBLIC_URL, scope=SCOPES, sub=caller)
            here.callers.append(Caller(caller, here, token))
        yield here


def data_of(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("isError"), text_of(result)
    found: dict[str, Any] = result["structuredContent"]
    return found


def text_of(result: dict[str, Any]) -> str:
    return "".join(block["text"] for block in result["content"])


@pytest.mark.parametrize("name", BALANCERS)
async def test_nothing_is_lost_behind_a_balancer_whatever_ends_under_load(name: str, tmp_path: Path) -> None:
    require(name)
    with anyio.fail_after(LIMIT_S):
        async with site(name, tmp_path) as here, anyio.create_task_group() as tasks:
            for caller in here.callers:
                tasks.start_soon(caller.run)
            await here.some_calls()
            for number in range(2):
                await here.end(number)
                await here.some_calls()
                await here.start(number)
                await here.some_calls()
            await anyio.to_thread.run_sync(here.redis.stop)
            await anyio.to_thread.run_sync(here.redis.start)
            await here.some_calls()
            said = await a_reader_is_killed(here)
            await here.some_calls()
            await here.pause()
            tasks.cancel_scope.cancel()

    lost = [what for caller in here.callers for what in caller.lost]
    made = sum((caller.made for caller in here.callers), Counter())
    print(f"{name}: {here.made} calls, {len(lost)} lost, 1 reader killed: {said!r}; {dict(made)}")  # noqa: T201
    assert lost == [], "\n".join(lost)
    assert len(made) == 14
    # Neither a balancer nor a worker sent anything twice.
    assert {*here.agents.ran.values()} == {1}


@pytest.mark.parametrize("name", BALANCERS)
async def test_strangers_get_no_probe_through_a_balancer_and_long_tokens_get_through(name: str, tmp_path: Path) -> None:
    require(name)
    with anyio.fail_after(LIMIT_S):
        async with site(name, tmp_path) as here:
            root, get = here.front.url.removesuffix("/mcp"), here.front.http.get
            for path in ("/healthz", "/readyz", "/%68ealthz", "/read%79z", "/healthz?x"):
                assert (await get(f"{root}{path}")).status_code == 404
            groups = [f"group-{number}" for number in range(700)]
            listed = await here.front.request("tools/list", {}, here.front.token(groups=groups))

    assert len(listed.request.headers["authorization"]) > 10_000
    assert listed.status_code == 200


async def a_reader_is_killed(here: Site) -> str:
    """Kill a worker that reads a call, and return what is said of that; what the other one reads goes on."""
    token = here.front.issuer.token(audience=PUBLIC_URL, scope=SCOPES, sub="carol")
    await here.pause()
    handles = []
    for number, server in enumerate(here.direct):
        arguments = {"agent": "one", "prompt": f"carol-{number} {('wait', 'slow')[number]}"}
        handles.append(data_of((await here.call(server, token, VERSIONS[1], "invoke_agent", arguments))[0])["handle"])
    await here.end(0, kill=True)
    here.resume()
    data: dict[str, Any] = {"status": "RUNNING"}
    while data["status"] == "RUNNING":
        waited, _ = await here.call(here.front, token, VERSIONS[1], "invoke_agent", {"handle": handles[1]})
        data = data_of(waited)
    assert data["status"] == "COMPLETED"
    told, _ = await here.call(here.front, token, VERSIONS[1], "invoke_agent", {"handle": handles[0]})
    while not told["isError"]:
        told, _ = await here.call(here.front, token, VERSIONS[1], "invoke_agent", {"handle": handles[0]})
    assert "the worker of the server that read this call is gone" in text_of(told)
    await here.start(0)
    return text_of(told)
