"""The stdio server as a process: what it loads, how it ends, what it survives."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.types import INVALID_REQUEST

from agentcore_mcp.server.transports.lines import LINE_MAX_BYTES
from agentcore_mcp.wire.eventstream import ContentStop, encode_command_event
from benchmarks import bare_relay
from tests.support.raw_hosts import INITIALIZE, RawHost, raw_host
from tests.support.runtimes import ARN
from tests.support.servers import Exchange, chunked, loopback_server, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO


def _environment(endpoint_url: str, **more: str) -> dict[str, str]:
    return {"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_ENDPOINT_URL": endpoint_url, **more}


@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "SIGHUP", "end of stdin"])
async def test_it_ends_and_hangs_up_on_the_agent(way: str) -> None:
    asked, hung_up = anyio.Event(), anyio.Event()

    async def silent(exchange: Exchange) -> None:
        await exchange.send(chunked("text/event-stream"))
        asked.set()
        await exchange.peer_closed()
        hung_up.set()

    async with (
        loopback_server(silent) as runtime,
        raw_host(_environment(runtime.endpoint_url, AGENTCORE_BEARER_TOKEN="not-a-real-token")) as host,
    ):
        await host.initialize()
        call = {"name": "invoke_agent", "arguments": {"prompt": "hi"}}
        await host.send({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
        with anyio.fail_after(WAIT_S):
            await asked.wait()
        if way == "end of stdin":
            assert host.process.stdin is not None
            await host.process.stdin.aclose()
        else:
            host.process.send_signal(getattr(signal, way))
        with anyio.fail_after(WAIT_S):
            await host.process.wait()
            await hung_up.wait()

    assert host.process.returncode == 0


@pytest.mark.parametrize("way", ["SIGTERM", "end of stdin"])
async def test_it_stops_its_sessions_at_the_end_if_the_settings_say_so(way: str, tmp_path: Path) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))

    async with loopback_server(answer) as runtime:
        config = tmp_path / "config.toml"
        config.write_text(
            f'on_exit = "stop"\n[agents.one]\narn = "{ARN}"\nendpoint_url = "{runtime.endpoint_url}"\n'
            'auth = { token = "not-a-real-token" }\n',
            encoding="utf-8",
        )
        async with raw_host({"AGENTCORE_CONFIG": str(config)}) as host:
            await host.initialize()
            await host.request(1, "tools/call", {"name": "invoke_agent", "arguments": {"prompt": "hi"}})
            if way == "SIGTERM":
                host.process.terminate()
            else:
                assert host.process.stdin is not None
                await host.process.stdin.aclose()
            with anyio.fail_after(WAIT_S):
                await host.process.wait()

    assert [request.target.rpartition("/")[2] for request in runtime.requests] == ["invocations", "stopruntimesession"]


@pytest.mark.parametrize("way", ["SIGTERM", "end of stdin"])
@pytest.mark.parametrize(("on_exit", "stops"), [("keep", 0), ("stop", 2)])
async def test_what_the_end_does_to_sessions_is_for_on_exit_alone_to_say(
    way: str, on_exit: str, stops: int, tmp_path: Path
) -> None:
    """Whether a call is waited for or was handed over: its end is no cancellation by a caller."""
    asked = anyio.Semaphore(0)

    async def silent(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stopruntimesession"):
            await exchange.send(reply(body=b"{}", content_type="application/json"))
            return
        await exchange.send(chunked("text/event-stream"))
        asked.release()
        await exchange.peer_closed()

    async with loopback_server(silent) as runtime:
        config = tmp_path / "config.toml"
        config.write_text(
            f'on_exit = "{on_exit}"\nhandoff_after = 2\n[agents.one]\narn = "{ARN}"\n'
            f'endpoint_url = "{runtime.endpoint_url}"\nauth = {{ token = "not-a-real-token" }}\non_cancel = "stop"\n',
            encoding="utf-8",
        )
        async with raw_host({"AGENTCORE_CONFIG": str(config)}) as host:
            await host.initialize()
            call = {"name": "invoke_agent", "arguments": {"prompt": "hi"}}
            await host.request(1, "tools/call", call)
            await host.send({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
            with anyio.fail_after(WAIT_S):
                for _ in range(2):
                    await asked.acquire()
                if way == "SIGTERM":
                    host.process.terminate()
                else:
                    assert host.process.stdin is not None
                    await host.process.stdin.aclose()
                await host.process.wait()

    assert [request.target.rpartition("/")[2] for request in runtime.requests[2:]] == ["stopruntimesession"] * stops


@pytest.mark.parametrize(
    ("first", "others"),
    [("SIGINT", ["SIGTERM"]), ("SIGTERM", ["SIGTERM", "SIGINT", "SIGHUP"]), ("SIGHUP", ["SIGINT", "SIGINT"])],
)
async def test_further_signals_do_not_end_its_clean_up(first: str, others: list[str], tmp_path: Path) -> None:
    """Hosts send another one 14 to 100 ms after the first."""
    stopping, go_on = anyio.Event(), anyio.Event()

    async def answer(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stopruntimesession"):
            stopping.set()
            await go_on.wait()
        await exchange.send(reply(body=b"{}", content_type="application/json"))

    async with loopback_server(answer) as runtime:
        config = tmp_path / "config.toml"
        config.write_text(
            f'on_exit = "stop"\n[agents.one]\narn = "{ARN}"\nendpoint_url = "{runtime.endpoint_url}"\n'
            'auth = { token = "not-a-real-token" }\n',
            encoding="utf-8",
        )
        async with raw_host({"AGENTCORE_CONFIG": str(config)}) as host:
            await host.initialize()
            await host.request(1, "tools/call", {"name": "invoke_agent", "arguments": {"prompt": "hi"}})
            host.process.send_signal(getattr(signal, first))
            with anyio.fail_after(WAIT_S):
                await stopping.wait()
                for other in others:
                    host.process.send_signal(getattr(signal, other))
                go_on.set()
                await host.process.wait()

    assert host.process.returncode == 0


async def test_a_program_that_never_prints_its_credentials_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")  # type: ignore[attr-defined, unused-ignore]
    script = tmp_path / "credentials.sh"
    script.write_text(f"echo begun > {tmp_path / 'begun'}\nexec sleep 30\n", encoding="utf-8")
    config = tmp_path / "aws"
    config.write_text(f"[default]\ncredential_process = /bin/sh {script}\n", encoding="utf-8")
    async with raw_host({"AGENTCORE_RUNTIME_ARN": ARN, "AWS_CONFIG_FILE": str(config)}) as host:
        await host.initialize()
        call = {"name": "invoke_agent", "arguments": {"prompt": "hi"}}
        await host.send({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
        with anyio.fail_after(WAIT_S):
            await anyio.Path(tmp_path / "begun").read_text()
            host.process.terminate()
            await host.process.wait()

    assert host.process.returncode == 0


async def test_one_session_that_cannot_be_stopped_at_the_end_is_told_and_the_others_are_stopped(tmp_path: Path) -> None:
    stopped: list[str | None] = []

    async def answer(exchange: Exchange) -> None:
        session = exchange.request.header("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id")
        if exchange.request.target.endswith("/stopruntimesession"):
            stopped.append(session)
            if session == sessions[1]:
                refusal = reply("403 Forbidden", b'{"message":"no"}', x_amzn_ErrorType="AccessDeniedException")
                await exchange.send(refusal)
                return
        await exchange.send(reply(body=b"{}", content_type="application/json"))

    async with loopback_server(answer) as runtime:
        config = tmp_path / "config.toml"
        config.write_text(
            f'on_exit = "stop"\n[agents.one]\narn = "{ARN}"\nendpoint_url = "{runtime.endpoint_url}"\n'
            'auth = { token = "not-a-real-token" }\n',
            encoding="utf-8",
        )
        async with raw_host({"AGENTCORE_CONFIG": str(config)}, stderr=-1) as host:
            await host.initialize()
            sessions = []
            for number in range(1, 4):
                call = {"name": "invoke_agent", "arguments": {"prompt": "hi"}}
                answered = await host.request(number, "tools/call", call)
                sessions.append(answered["result"]["structuredContent"]["session_id"])
            host.process.terminate()
            assert host.process.stderr is not None
            with anyio.fail_after(WAIT_S):
                await host.process.wait()
                told = b"".join([data async for data in host.process.stderr]).decode()

    assert host.process.returncode == 0
    assert sorted(map(str, stopped)) == sorted(sessions)
    assert told.startswith(f"agentcore-mcp: session {sessions[1]} was not stopped: ")
    assert told.count("\n") == 1


async def test_it_ends_although_the_host_does_not_read() -> None:
    answered = anyio.Semaphore(0)

    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=json.dumps("0123456789" * 3_900).encode(), content_type="application/json"))
        answered.release()

    async with (
        loopback_server(talk) as runtime,
        raw_host(_environment(runtime.endpoint_url, AGENTCORE_BEARER_TOKEN="not-a-real-token")) as host,
    ):
        await host.initialize()
        for number in range(1, 6):  # more than a pipe holds
            call = {"name": "invoke_agent", "arguments": {"prompt": "hi"}}
            await host.send({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call})
        with anyio.fail_after(WAIT_S):
            for _ in range(1, 6):
                await answered.acquire()
            assert host.process.stdin is not None
            await host.process.stdin.aclose()
            await host.process.wait()


async def test_what_others_print_in_this_process_does_not_reach_the_wire() -> None:
    program = (
        "import anyio, sys\n"
        "from agentcore_mcp import create_server\n"
        "from agentcore_mcp.config.loading import load\n"
        "from agentcore_mcp.server.transports.stdio import serve_stdio\n"
        f"server = create_server(load({{'AGENTCORE_RUNTIME_ARN': {ARN!r}}}).settings)\n"
        "@server.tool(description='prints')\n"
        "def chatter() -> str:\n"
        "    print('astray')\n"
        "    return 'said'\n"
        "anyio.run(serve_stdio, server)\n"
    )
    environment = {"PYTHONUNBUFFERED": ""}
    process = await anyio.open_process([sys.executable, "-c", program], env=environment)
    async with process:
        host = RawHost(process)
        await host.initialize()
        answered = await host.request(1, "tools/call", {"name": "chatter", "arguments": {}})
        assert process.stdin is not None
        await process.stdin.aclose()
        assert process.stderr is not None
        with anyio.fail_after(WAIT_S):
            printed = b"".join([data async for data in process.stderr])
            with pytest.raises(anyio.IncompleteRead):
                await host.receive()

    assert answered["result"]["content"][0]["text"] == "said"
    assert b"astray" in printed


async def test_a_start_imports_nothing_that_a_bare_server_does_without_but_its_own_package() -> None:
    async def imported(*command: str) -> set[str]:
        """Return what a server has imported once it has listed its tools."""
        server = StdioServerParameters(
            command=sys.executable, args=["-X", "importtime", *command], env=_environment("http://127.0.0.1:9")
        )
        with tempfile.TemporaryFile("w+", encoding="utf-8") as imports:
            async with Client(stdio_client(server, errlog=cast("TextIO", imports))) as client:
                await client.list_tools()
                imports.seek(0)
                return {line.rpartition("|")[2].strip() for line in imports}

    with anyio.fail_after(WAIT_S):
        ours, bare = await imported("-m", "agentcore_mcp"), await imported(bare_relay.__file__, "stdio", "")

    libraries, of_bare = ({name.partition(".")[0] for name in names} for names in (ours, bare))
    assert "mcp.server.mcpserver" in ours & bare
    assert libraries - of_bare - sys.stdlib_module_names == {"agentcore_mcp"}
    later = ("local", "hosting", "samples", "runtime.client", "runtime.sdk", "runtime.protocols", "runtime.websocket")
    assert not [name for name in ours if name.startswith(tuple(f"agentcore_mcp.{room}" for room in later))]


async def test_botocore_is_loaded_by_the_first_signature_and_not_before() -> None:
    async def answer(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/commands"):
            frames = encode_command_event(ContentStop(0, "COMPLETED"))
            await exchange.send(reply(body=frames, content_type="application/vnd.amazon.eventstream"))
        else:
            await exchange.send(reply(body=b'"hello"', content_type="application/json"))

    async def loaded(**env: str) -> tuple[bool, bool]:
        """Tell whether botocore is loaded after listing the tools, and after calling each."""
        server = StdioServerParameters(
            command=sys.executable,
            args=["-X", "importtime", "-m", "agentcore_mcp"],
            env=_environment(runtime.endpoint_url, **env),
        )
        with tempfile.TemporaryFile("w+", encoding="utf-8") as imports:

            def has_botocore() -> bool:
                imports.seek(0)
                return "| botocore" in " ".join(imports.read().split())

            async with Client(stdio_client(server, errlog=cast("TextIO", imports))) as client:
                await client.list_tools()
                before = has_botocore()
                session = (await client.call_tool("invoke_agent", {"prompt": "hi"})).structured_content["session_id"]
                await client.call_tool("run_command", {"command": "ls", "session_id": session})
                result = await client.call_tool("stop_session", {"session_id": session})
                assert not result.is_error
                return before, has_botocore()

    async with loopback_server(answer) as runtime:
        with anyio.fail_after(WAIT_S):
            with_token = await loaded(AGENTCORE_BEARER_TOKEN="not-a-real-token")
            signed = await loaded(AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY="not-a-real-secret")

    assert with_token == (False, False)
    assert signed == (False, True)
    assert all(request.header("Authorization") for request in runtime.requests)


MODERN = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}
STEPS: dict[str, dict[str, Any]] = {
    "discover": {"method": "server/discover", "params": MODERN},
    "initialize": {"method": "initialize", "params": INITIALIZE},
    "list": {"method": "tools/list", "params": {}},
    "modern list": {"method": "tools/list", "params": MODERN},
    "ping": {"method": "ping"},
}


@pytest.mark.parametrize(
    "steps",
    [
        ["discover", "initialize", "list"],
        ["discover", "modern list", "initialize", "list", "modern list"],
        ["initialize", "discover", "modern list", "list"],
        ["ping", "discover", "initialize", "list"],
    ],
    ids=", ".join,
)
async def test_each_request_is_served_in_its_own_version_however_fast_they_follow(steps: list[str]) -> None:
    """While the server starts, too: all of them are there before it reads the first."""
    async with raw_host({"AGENTCORE_RUNTIME_ARN": ARN}) as host:
        for number, step in enumerate(steps):
            await host.send({"jsonrpc": "2.0", "id": number, **STEPS[step]})
            if step == "initialize":
                await host.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        answers = [await host.receive() for _ in steps]

    results = {steps[answer["id"]]: answer.get("result", answer) for answer in answers}
    assert results["initialize"]["protocolVersion"] == "2025-11-25"
    assert "2026-07-28" in results["discover"]["supportedVersions"]
    assert "resultType" not in results["list"]
    for name in ("list", "modern list"):
        assert name not in results or results[name]["tools"]


@pytest.mark.parametrize("request_params", [{}, MODERN], ids=["2025-11-25", "2026-07-28"])
async def test_a_cancelled_request_is_ended_in_either_version_on_a_pipe_with_both(
    request_params: dict[str, Any],
) -> None:
    asked, hung_up = anyio.Event(), anyio.Event()

    async def silent(exchange: Exchange) -> None:
        await exchange.send(chunked("text/event-stream"))
        asked.set()
        await exchange.peer_closed()
        hung_up.set()

    async with (
        loopback_server(silent) as runtime,
        raw_host(_environment(runtime.endpoint_url, AGENTCORE_BEARER_TOKEN="not-a-real-token")) as host,
    ):
        await host.request(0, "server/discover", MODERN)
        await host.initialize()
        call = {"name": "invoke_agent", "arguments": {"prompt": "hi"}, **request_params}
        await host.send({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
        with anyio.fail_after(WAIT_S):
            await asked.wait()
            await host.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
            await hung_up.wait()
        answered = await host.request(2, "ping", {})

    assert answered["result"] == {}


async def test_a_line_that_is_not_json_does_not_end_the_server() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))

    async with (
        loopback_server(answer) as runtime,
        raw_host(_environment(runtime.endpoint_url, AGENTCORE_BEARER_TOKEN="not-a-real-token")) as host,
    ):
        await host.initialize()
        await host.send(b"this is not JSON \xff")
        answered = await host.request(1, "tools/call", {"name": "invoke_agent", "arguments": {"prompt": "hi"}})

    assert answered["result"]["structuredContent"]["text"] == "hello"


async def test_an_answer_larger_than_a_pipe_arrives_whole() -> None:
    text = "0123456789" * 3_600

    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=json.dumps(text).encode(), content_type="application/json"))

    async with (
        loopback_server(answer) as runtime,
        raw_host(_environment(runtime.endpoint_url, AGENTCORE_BEARER_TOKEN="not-a-real-token")) as host,
    ):
        await host.initialize()
        answered = await host.request(1, "tools/call", {"name": "invoke_agent", "arguments": {"prompt": "hi"}})

    assert answered["result"]["structuredContent"]["text"] == text


async def test_a_prompt_with_half_a_character_is_sent_and_answered() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))

    async with (
        loopback_server(answer) as runtime,
        raw_host(_environment(runtime.endpoint_url, AGENTCORE_BEARER_TOKEN="not-a-real-token")) as host,
    ):
        await host.initialize()
        call = {"name": "invoke_agent", "arguments": {"prompt": "cut \ud83d"}}
        answered = await host.request(1, "tools/call", call)

    assert answered["result"]["structuredContent"]["text"] == "hello"
    assert json.loads(runtime.requests[0].body)["prompt"] == "cut \ufffd"


async def test_a_request_that_is_too_long_is_refused_by_its_id_and_the_next_one_answered() -> None:
    text = b"x" * LINE_MAX_BYTES
    async with raw_host({"AGENTCORE_RUNTIME_ARN": ARN}) as host:
        await host.initialize()
        await host.send(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"' + text + b'"}}')
        first = await host.receive()
        await host.send(b'{"method":"tools/call","params":{"name":"' + text * 3 + b'"},"jsonrpc":"2.0","id":2}')
        second = await host.receive()
        await host.send(b'{"jsonrpc":"2.0","method":"note","params":{"text":"' + text + b'"}}')
        answered = await host.request(3, "ping", {})

    assert [(refused["id"], refused["error"]["code"]) for refused in (first, second)] == [
        (1, INVALID_REQUEST),
        (2, INVALID_REQUEST),
    ]
    assert str(LINE_MAX_BYTES) in first["error"]["message"]
    assert answered["result"] == {}


async def test_a_request_as_long_as_one_may_be_is_carried_out() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'"hello"', content_type="application/json"))

    async with (
        loopback_server(answer) as runtime,
        raw_host(_environment(runtime.endpoint_url, AGENTCORE_BEARER_TOKEN="not-a-real-token")) as host,
    ):
        await host.initialize()
        start = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"invoke_agent","arguments":{"prompt":"'
        await host.send(start + b"x" * (LINE_MAX_BYTES - len(start) - 4) + b'"}}}')
        answered = await host.receive()

    assert answered["result"]["structuredContent"]["text"] == "hello"
