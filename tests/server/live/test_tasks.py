"""The tasks extension (SEP-2663), by raw JSON: calls that are handed over, for clients that declare it alone."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest

from agentcore_mcp.local.agentcore import LocalAgentCore
from tests.support.hosted import message
from tests.support.mcp_hosts import http_server
from tests.support.raw_hosts import INITIALIZE, raw_host
from tests.support.redis import redis_server
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

TASKS = "io.modelcontextprotocol/tasks"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
}


def declaring(**params: Any) -> dict[str, Any]:
    return {"_meta": {**META, "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}}}, **params}


def plain(**params: Any) -> dict[str, Any]:
    return {"_meta": {**META, "io.modelcontextprotocol/clientCapabilities": {}}, **params}


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    with LocalAgentCore() as local:
        yield local


def written(folder: Path, local: LocalAgentCore, top: str = "") -> str:
    path = folder / "config.toml"
    path.write_text(
        f'live_handoff_after = 0.2\n{top}\n[agents.helper]\narn = "{local.agent_runtime_arn}"\n'
        f'endpoint_url = "{local.endpoint_url}"\nauth = {{ none = true }}\n',
        encoding="utf-8",
    )
    return str(path)


@asynccontextmanager
async def stdio(config: str) -> AsyncIterator[tuple[Ask, Ask]]:
    async with raw_host({"AGENTCORE_CONFIG": config}) as host:
        numbers = iter(range(1, 1_000))

        async def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
            return await host.request(next(numbers), method, params)

        yield ask, ask


def over_http(http: httpx2.AsyncClient, url: str) -> Ask:
    async def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
        named = params.get("name") or params.get("taskId")
        headers = {
            "Accept": "application/json, text/event-stream",
            "Mcp-Protocol-Version": "2026-07-28",
            "Mcp-Method": method,
            **({"Mcp-Name": named} if named else {}),
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return message(await http.post(url, json=body, headers=headers))

    return ask


@asynccontextmanager
async def two_workers(config: str) -> AsyncIterator[tuple[Ask, Ask]]:
    async with (
        http_server("--config", config, env={}) as first,
        http_server("--config", config, env={}) as second,
        httpx2.AsyncClient(timeout=WAIT_S, trust_env=False) as http,
    ):
        yield over_http(http, first), over_http(http, second)


@pytest.fixture(params=["stdio", "http", "redis"])
async def asking(request: pytest.FixtureRequest, tmp_path: Path, local: LocalAgentCore) -> AsyncIterator[list[Ask]]:
    """Give two ways to ask the same server; with Redis, another of its workers each."""
    if request.param == "stdio":
        async with stdio(written(tmp_path, local)) as asks:
            yield list(asks)
    elif request.param == "http":
        async with (
            http_server("--config", written(tmp_path, local), env={}) as url,
            httpx2.AsyncClient(timeout=WAIT_S, trust_env=False) as http,
        ):
            yield [over_http(http, url)] * 2
    else:
        with redis_server(tmp_path) as redis:
            config = written(tmp_path, local, f'[server]\nstore = "{redis.url}"\n')
            async with two_workers(config) as asks:
                yield list(asks)


async def polled(ask: Ask, task_id: str) -> dict[str, Any]:
    with anyio.fail_after(WAIT_S):
        while True:
            task: dict[str, Any] = (await ask("tasks/get", declaring(taskId=task_id)))["result"]
            assert task["resultType"] == "complete"
            if task["status"] != "working":
                return task
            await anyio.sleep(0.05)


async def begun(ask: Ask, command: str) -> dict[str, Any]:
    answer = await ask("tools/call", declaring(name="run_command", arguments={"command": command}))
    task: dict[str, Any] = answer["result"]
    assert (task["resultType"], task["status"]) == ("task", "working"), answer
    return task


async def test_a_call_that_goes_on_is_a_task_whose_result_has_all_of_it(asking: list[Ask]) -> None:
    one, other = asking
    task = await begun(one, "echo first; sleep 1; echo second >&2; exit 3")
    ended = await polled(other, task["taskId"])
    again = await polled(one, task["taskId"])

    assert {"taskId", "status", "statusMessage", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs"} <= set(task)
    assert (ended["status"], ended["taskId"], ended["createdAt"]) == ("completed", task["taskId"], task["createdAt"])
    assert ended["result"]["structuredContent"] | {"session_id": ""} == {
        "session_id": "",
        "status": "COMPLETED",
        "exit_code": 3,
        "stdout": "first\n",
        "stderr": "second\n",
    }
    assert again["result"] == ended["result"]


async def test_a_task_is_cancelled_and_says_so(asking: list[Ask]) -> None:
    one, other = asking
    task = await begun(one, "echo first; sleep 60")
    cancelled = await other("tasks/cancel", declaring(taskId=task["taskId"]))
    ended = await polled(one, task["taskId"])

    assert cancelled["result"]["resultType"] == "complete"
    assert ended["status"] == "cancelled"
    assert "result" not in ended


async def test_what_is_no_task_is_an_error_or_acknowledged(asking: list[Ask]) -> None:
    ask, _ = asking
    got = await ask("tasks/get", declaring(taskId="no-such-task.1"))
    cancelled = await ask("tasks/cancel", declaring(taskId="no-such-task.1"))
    updated = await ask("tasks/update", declaring(taskId="no-such-task.1", inputResponses={}))

    assert got["error"]["code"] == -32602
    assert cancelled["result"]["resultType"] == updated["result"]["resultType"] == "complete"


async def test_other_clients_get_results_and_no_tasks(asking: list[Ask]) -> None:
    ask, _ = asking
    result = await ask("tools/call", plain(name="run_command", arguments={"command": "echo x; sleep 0.5; echo y"}))
    refused = await ask("tasks/get", plain(taskId="anything"))

    assert result["result"]["structuredContent"]["stdout"] == "x\ny\n"
    assert refused["error"]["code"] == -32021


async def test_a_client_of_an_earlier_version_gets_none_even_if_it_declares_them(
    tmp_path: Path, local: LocalAgentCore
) -> None:
    async with raw_host({"AGENTCORE_CONFIG": written(tmp_path, local)}) as host:
        await host.request(0, "initialize", {**INITIALIZE, "capabilities": {"extensions": {TASKS: {}}}})
        await host.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        call = {"name": "run_command", "arguments": {"command": "echo x; sleep 0.5; echo y"}}
        result = await host.request(1, "tools/call", call)
        refused = await host.request(2, "tasks/get", {"taskId": "anything"})

    assert json.loads(json.dumps(result))["result"]["structuredContent"]["stdout"] == "x\ny\n"
    assert refused["error"]["code"] == -32601
