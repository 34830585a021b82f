"""The JSON log of a server: a line for each call of a tool, that parses whatever callers send, and tells no content."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import anyio
import httpx2

from tests.support.hosted import PUBLIC_URL, HostedServer, written
from tests.support.issuer import running_issuer
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.tools import say_hello
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

# The end of a line, what a terminal obeys, and what ends a JSON string.
ODD = 'x\n{"level": "ERROR"}\r\u2028\x1b[31m"\\'
# The SDK refuses requests with it; a token may have it.
HALF = "\ud83d"
SECRET = "the caller's own words 0815"


async def lines_of(folder: Path, *calls: tuple[str, dict[str, Any], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what a server logs while it gets calls of tools: name, arguments, and claims of the token."""

    async def answer(exchange: Exchange) -> None:
        if b"fail" in exchange.request.body:
            await exchange.send(reply("424 Failed Dependency", b"{}", x_amzn_requestid="aws-request-of-this-test"))
        else:
            await say_hello(exchange)

    with anyio.fail_after(WAIT_S), running_issuer() as issuer:
        async with loopback_server(answer) as runtime:
            config = written(folder, [issuer], runtime, agents={"one": ""})
            command = [sys.executable, "-m", "agentcore_mcp", "serve", "--port", "0", "--log-format", "json"]
            async with await anyio.open_process([*command, "--config", str(config)], stdout=None) as process:
                assert process.stderr is not None
                text = ""
                try:
                    async with httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http:
                        while "\n" not in text:
                            text += (await process.stderr.receive()).decode()
                        server = HostedServer(json.loads(text)["message"].split()[-1], issuer, runtime, http)
                        for number, (tool, arguments, claims) in enumerate(calls):
                            body = {
                                "jsonrpc": "2.0",
                                "id": f"{ODD}{number}",
                                "method": "tools/call",
                                "params": {"name": tool, "arguments": arguments},
                            }
                            answered = await server.post(body, issuer.token(**{"audience": PUBLIC_URL, **claims}))
                            assert answered.status_code == 200, answered.text
                finally:
                    process.terminate()
                async for chunk in process.stderr:
                    text += chunk.decode()
    lines = text.removesuffix("\n").split("\n")
    assert lines == [line for line in lines if line.isascii() and line.isprintable()]
    return [dict(json.loads(line)) for line in lines]


async def test_each_call_has_a_line_whatever_is_in_its_ids(tmp_path: Path) -> None:
    scope = "agentcore:invoke agentcore:command"
    _, *lines = await lines_of(
        tmp_path,
        ("invoke_agent", {"prompt": SECRET, "session_id": "review"}, {"scope": scope, "sub": ODD + HALF}),
        ("run_command", {"command": f"echo {SECRET}"}, {"scope": scope, "client_id": ODD}),
        ("invoke_agent", {"prompt": "fail"}, {"scope": scope}),
        ("invoke_agent", {"prompt": SECRET, "session_id": ODD}, {"scope": scope}),
        (ODD, {"prompt": SECRET}, {"scope": scope}),
    )
    calls = [line for line in lines if line["logger"].endswith("accounts")]

    assert [(call["tool"], call["outcome"]) for call in calls] == [
        ("invoke_agent", "completed"),
        ("run_command", "completed"),
        ("invoke_agent", "agent_error"),
        ("invoke_agent", "refused"),
        ("other", "refused"),
    ]
    first, second, third, *_ = calls
    assert first["agent"] == "one"
    assert len(first["session_id"]) >= 33
    assert first["issuer"].startswith("http://127.0.0.1:")
    assert (first["client"], third["subject"]) == ("app", "alice")
    assert first["mcp_request_id"].startswith("x\\n{")
    assert first["seconds"] >= 0
    assert second["bytes"] == len("done\n")
    assert third["agentcore_request_id"] == "aws-request-of-this-test"
    assert [call["level"] for call in calls] == ["INFO"] * len(calls)
    assert SECRET not in json.dumps(lines)
