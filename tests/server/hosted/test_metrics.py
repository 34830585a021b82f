"""What a server counts, as Prometheus reads it, and that callers can't make it count anything else."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import anyio
import httpx2
from prometheus_client.parser import text_string_to_metric_families

from agentcore_mcp.server.hosted.metrics import Metrics
from tests.support.hosted import HostedServer, hosted_server, message
from tests.support.mcp_hosts import http_process
from tests.support.processes import alive, children
from tests.support.redis import redis_server
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, loopback_server, reply
from tests.support.serving import exchange
from tests.support.sse import encode_sse
from tests.support.tools import PREFIX, say_hello
from tests.support.waiting import WAIT_S, free_port

ROOT = Path(__file__).parents[3]


class Scraped:
    """What a server says of itself at one moment: values by name and labels."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        samples = [sample for family in families for sample in family.samples]
        self.values = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}

    def __call__(self, name: str, **labels: str) -> float:
        return self.values.get((f"agentcore_mcp_{name}", frozenset(labels.items())), 0.0)

    def labels(self, name: str) -> set[str]:
        """Return all that one of the labels is, in any metric of ours."""
        return {
            value for (metric, labels) in self.values for key, value in labels if key == name and "agentcore" in metric
        }


async def scrape(port: int) -> Scraped:
    async with httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http:
        return Scraped((await http.get(f"http://127.0.0.1:{port}/metrics")).text)


async def test_each_call_is_counted_by_tool_agent_and_outcome(tmp_path: Path) -> None:
    port = free_port()

    async def answer(exchange: Exchange) -> None:
        body = exchange.request.body
        if b"slow down" in body:
            await exchange.send(reply("429 Too Many Requests", b'{"message": "slow down"}'))
        elif b"fail" in body:
            await exchange.send(reply("424 Failed Dependency", b'{"message": "the agent failed"}'))
        else:
            await say_hello(exchange)

    async with hosted_server(
        tmp_path, agents={"one": "", "two": 'commands = "off"'}, answer=answer, flags=("--metrics-port", str(port))
    ) as server:
        token = server.token()
        for tool, arguments in [
            ("invoke_agent", {"agent": "one", "prompt": "hi"}),
            ("invoke_agent", {"agent": "two", "prompt": "hi"}),
            ("invoke_agent", {"agent": "two", "prompt": "fail"}),
            ("invoke_agent", {"agent": "one", "prompt": ""}),
            ("run_command", {"agent": "one", "command": "true"}),
            ("run_command", {"agent": "two", "command": "true"}),
            ("list_agents", {}),
        ]:
            assert (await server.call(tool, arguments, token)).status_code == 200
        got = await scrape(port)

    assert got("calls_total", tool="invoke_agent", agent="one", outcome="completed") == 1
    assert got("calls_total", tool="invoke_agent", agent="one", outcome="refused") == 1
    assert got("calls_total", tool="invoke_agent", agent="two", outcome="completed") == 1
    assert got("calls_total", tool="invoke_agent", agent="two", outcome="agent_error") == 1
    assert got("calls_total", tool="run_command", agent="one", outcome="completed") == 1
    assert got("calls_total", tool="run_command", agent="two", outcome="refused") == 1
    assert got("calls_total", tool="list_agents", agent="", outcome="completed") == 1
    assert got("first_piece_seconds_count", tool="invoke_agent", agent="one") == 1
    assert got("call_seconds_count", tool="invoke_agent", agent="one") == 2
    assert got("received_bytes_total", tool="run_command", agent="one") == len("done\n")
    assert got("http_responses_total", status="2xx") == 7
    assert got("token_checks_total", outcome="accepted") == 7
    assert got("sent_bytes_total") > 1_000


async def test_calls_are_seen_while_they_go_on(tmp_path: Path) -> None:
    may_end = anyio.Event()
    begun = anyio.Semaphore(0)
    port = free_port()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked("text/event-stream") + chunk(encode_sse(json.dumps("so far"))))
        begun.release()
        await may_end.wait()
        await exchange.send(LAST_CHUNK)

    async with hosted_server(
        tmp_path, agents={"one": ""}, answer=answer, flags=("--metrics-port", str(port), "--handoff-after", "3")
    ) as server:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(server.call, "invoke_agent", {"prompt": "hi"}, server.token())
            for _ in range(3):
                await begun.acquire()
            while (now := await scrape(port))("received_bytes_total", tool="invoke_agent", agent="one") < 18:
                pass
        handed_over = await scrape(port)
        may_end.set()
        while (ended := await scrape(port))("open_calls", phase="unattended"):
            pass

    assert now("open_calls", phase="attended") == 3
    assert now("first_piece_seconds_count", tool="invoke_agent", agent="one") == 3
    assert (handed_over("open_calls", phase="attended"), handed_over("open_calls", phase="unattended")) == (0, 3)
    assert handed_over("calls_total", tool="invoke_agent", agent="one", outcome="running") == 3
    assert ended("open_calls", phase="uncollected") == 3


async def test_no_caller_makes_a_series(tmp_path: Path) -> None:
    port = free_port()
    async with hosted_server(
        tmp_path,
        agents={"one": ""},
        flags=("--metrics-port", str(port)),
    ) as server:
        await server.call("list_agents", {}, server.token())
        await server.call("invoke_agent", {"prompt": "hi"}, server.token())
        odd = ['x"} 1\nfake_metric{a="', "\ud800", "\x1b[31m", "ask_", "a" * 10_000, "{}", "\\", ""]
        names = [f"{odd[i % len(odd)]}{i}" for i in range(1_000)]
        for name in names[:20]:
            await server.call(name, {"agent": name}, server.token())
            await server.call("invoke_agent", {"agent": name, "prompt": name, "session_id": name}, server.token())
        some = (await scrape(port)).values.keys()
        for name in names:
            token = server.token(sub=name.encode(errors="replace").decode(), client_id="c")
            await server.call(name, {"agent": name, name: name}, token)
        got = await scrape(port)

    assert {name for name, _ in got.values.keys() - some} <= {"python_info"}
    assert got.labels("tool") == {"invoke_agent", "list_agents", "other"}
    assert got.labels("agent") == {"", "one"}


async def test_refusals_are_counted_by_their_reason(tmp_path: Path) -> None:
    port = free_port()
    async with hosted_server(tmp_path, agents={"one": ""}, flags=("--metrics-port", str(port))) as server:
        await server.call("list_agents", {}, None)
        await server.call("list_agents", {}, server.token(exp=1))
        await server.call("run_command", {"command": "true"}, server.token(scope="agentcore:invoke"))
        large = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token()}\r\n"
        large += "Content-Length: 5000000\r\n\r\n"
        served = httpx2.URL(server.url).port or 0
        assert b" 413 " in await anyio.to_thread.run_sync(exchange, served, large.encode())
        got = await scrape(port)

    assert got("token_checks_total", outcome="unauthorized") == 1
    assert got("token_checks_total", outcome="invalid_token") == 1
    assert got("token_checks_total", outcome="accepted") == 2
    assert got("refusals_total", reason="insufficient_scope") == 1
    assert got("refusals_total", reason="request_too_large") == 1
    assert got("http_responses_total", status="4xx") == 4
    assert got("calls_total", tool="list_agents", agent="", outcome="completed") == 0


async def test_several_workers_are_counted_together_on_one_port(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "config.toml"
    with redis_server(tmp_path) as redis:
        async with loopback_server(say_hello) as runtime:
            config.write_text(
                f'[server]\nstore = "{redis.url}"\n[agents.one]\narn = "{PREFIX}/one-0123456789"\n'
                f'endpoint_url = "{runtime.endpoint_url}"\nauth = {{ none = true }}\n',
                encoding="utf-8",
            )
            flags = ("--config", str(config), "--workers", "2", "--metrics-port", str(port))
            async with http_process(*flags, env={}) as (url, process):
                assert await _asked(url, 20) == 20
                before = await scrape(port)
                first = set(children(process.pid))
                process.send_signal(signal.SIGHUP)  # type: ignore[attr-defined, unused-ignore]
                # What tracks their resources stays.
                while len({pid for pid in first if alive(pid)}) > len(first) - 2:  # noqa: ASYNC110 - nobody announces it
                    await anyio.sleep(0.02)
                assert await _asked(url, 20) == 20
                after = await scrape(port)

    assert before("calls_total", tool="invoke_agent", agent="one", outcome="completed") == 20
    assert after("calls_total", tool="invoke_agent", agent="one", outcome="completed") == 40
    assert after("open_calls", phase="attended") == 0


async def test_a_call_that_any_worker_follows_is_counted_by_the_one_that_reads_it(tmp_path: Path) -> None:
    may_end = anyio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(chunked("text/event-stream") + chunk(encode_sse(json.dumps("so far"))))
        await may_end.wait()
        await exchange.send(chunk(encode_sse(json.dumps(" and the rest"))) + LAST_CHUNK)

    port = free_port()
    config = tmp_path / "config.toml"
    with redis_server(tmp_path) as redis, anyio.fail_after(WAIT_S):
        async with loopback_server(answer) as runtime, httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http:
            config.write_text(
                f'handoff_after = 1\n[server]\nstore = "{redis.url}"\n[agents.one]\narn = "{PREFIX}/one-0123456789"\n'
                f'endpoint_url = "{runtime.endpoint_url}"\nauth = {{ none = true }}\n',
                encoding="utf-8",
            )
            async with http_process("--config", str(config), "--metrics-port", str(port), env={}) as (url, _):
                server = HostedServer(url, None, None, http)  # type: ignore[arg-type] # neither is asked for anything
                result = message(await server.call("invoke_agent", {"prompt": "hi"}, None))["result"]
                waiting = {"handle": result["structuredContent"]["handle"]}
                await server.call("invoke_agent", waiting, None)
                going_on = await scrape(port)
                may_end.set()
                while result["structuredContent"]["status"] == "RUNNING":
                    result = message(await server.call("invoke_agent", waiting, None))["result"]
                got = await scrape(port)

    assert going_on("open_calls", phase="unattended") == 1
    assert got("received_bytes_total", tool="invoke_agent", agent="one") == len("so far and the rest")
    assert got("first_piece_seconds_count", tool="invoke_agent", agent="one") == 1
    assert got("calls_total", tool="invoke_agent", agent="one", outcome="completed") == 1
    assert {got("open_calls", phase=phase) for phase in ("attended", "unattended", "uncollected", "kept")} == {0}


async def _asked(url: str, count: int) -> int:
    """Ask the agent that often, each time on a new connection; return how many answers were good."""
    good = 0
    for _ in range(count):
        async with httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http:
            server = HostedServer(url, None, None, http)  # type: ignore[arg-type] # neither is asked for anything
            answer = await server.call("invoke_agent", {"prompt": "hi"}, None)
            good += not message(answer)["result"].get("isError")
    return good


def test_the_dashboard_shows_what_there_is() -> None:
    ours = set()
    for family in Metrics(["one"]).registry.collect():
        if family.name.startswith("agentcore_mcp"):
            ours.add(family.name + {"counter": "_total", "histogram": "_bucket"}.get(family.type, ""))
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [variable["query"]["query"] for variable in dashboard["templating"]["list"] if "datasource" in variable]
    # What is left of PromQL without matchers, ranges and groupings: functions, which have a parenthesis, and metrics.
    bare = [re.sub(r"\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)|, instance", "", query) for query in queries]
    named = {name for query in bare for name in re.findall(r"[a-z_]{3,}(?![a-z_]| *\()", query)}

    assert named == ours
