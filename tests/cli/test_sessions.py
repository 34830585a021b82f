"""``agentcore-mcp sessions`` as an operator meets it: against a running server, with and without tokens."""

from __future__ import annotations

import json
import os
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import httpx2
from click.testing import CliRunner
from mcp import Client

from agentcore_mcp.cli import main
from tests.support.hosted import PUBLIC_URL, SCOPES, HostedServer, hosted_server, message, written
from tests.support.issuer import running_issuer
from tests.support.mcp_hosts import http_server
from tests.support.redis import redis_server
from tests.support.servers import loopback_server, reply
from tests.support.tools import PREFIX, data_of, operations, say_hello
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from click.testing import Result

    from tests.support.servers import Exchange

OPERATE = f"{SCOPES} agentcore:operate"


async def sessions(*args: str, token: str = "") -> Result:
    """Run the command with nothing but a token in the environment."""
    clean = {name: None for name in os.environ if name.startswith(("AGENTCORE_", "AWS_"))}
    run = partial(CliRunner().invoke, main, ["sessions", *args], env={**clean, "AGENTCORE_MCP_TOKEN": token})
    return await anyio.to_thread.run_sync(run)


async def listed(*args: str, token: str = "") -> list[dict[str, Any]]:
    result = await sessions("list", "--json", *args, token=token)
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


async def opened(server: HostedServer, agent: str, **claims: Any) -> str:
    answer = await server.call("invoke_agent", {"prompt": "hi", "agent": agent}, server.token(**claims))
    assert "structuredContent" in message(answer)["result"], answer.text
    return str(message(answer)["result"]["structuredContent"]["session_id"])


async def test_an_operator_lists_and_stops_what_others_opened(tmp_path: Path) -> None:
    restricted = 'allow = { subjects = ["alice"] }'
    async with hosted_server(tmp_path, agents={"one": "", "two": restricted, "three": ""}) as server:
        first, second = await opened(server, "one"), await opened(server, "two")
        third = await opened(server, "one", sub="bob\x1b[2J", client_id=None)
        operator = server.token(sub="olga", scope=OPERATE)
        at = ["--url", server.url]

        found = await listed(*at, token=operator)
        assert [session["session_id"] for session in found] == [first, second, third]
        assert [session["calls"] for session in found] == [1, 1, 1]
        assert {session["issuer"] for session in found} == {server.issuer.url}
        assert len({session["principal"] for session in found}) == 2
        text = await sessions(*at, "--subject", "bob\x1b[2J", token=operator)
        assert text.stdout == f"{third}  one  bob\\x1b[2J (any client)  open 0 min, idle 0 min, 1 call\n"
        assert [one["session_id"] for one in await listed(*at, "--agent", "two", token=operator)] == [second]

        # Not with the scopes of the tools, nor without a token.
        for token, status, words in (
            (server.token(), 403, "this needs the scope agentcore:operate"),
            ("", 401, "set AGENTCORE_MCP_TOKEN"),
            ("not-a-token", 401, "the token is no JWT"),
        ):
            for command in (["list"], ["stop", "--all"], ["stop", first]):
                refused = await sessions(*command, *at, token=token)
                assert (refused.exit_code, refused.stdout) == (1, "")
                assert f"answered {status}: " in refused.stderr
                assert words in refused.stderr
                assert len(token) < 5 or token not in refused.stderr
        assert "stopruntimesession" not in operations(server.runtime)

        stopped = await sessions("stop", second, "no-such-session", *at, token=operator)
        assert (stopped.exit_code, stopped.stdout) == (1, f"{second}: stopped\nno-such-session: not_open\n")
        stopped = await sessions("stop", "--subject", "alice", *at, token=operator)
        assert (stopped.exit_code, stopped.stdout) == (0, f"{first}: stopped\n")
        stopped = await sessions("stop", "--all", "--json", *at, token=operator)
        assert [(one["session_id"], one["status"]) for one in json.loads(stopped.stdout)] == [(third, "stopped")]
        assert (await sessions(*at, token=operator)).stdout == "no session is open\n"
        assert operations(server.runtime).count("stopruntimesession") == 3
        # Whoever opened it is told.
        gone = await server.call("stop_session", {"session_id": "all"}, server.token())
        assert message(gone)["result"]["structuredContent"]["status"] == "already_gone"


async def test_a_session_that_cannot_be_stopped_is_said_and_stays_listed() -> None:
    async def refusing(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stopruntimesession"):
            await exchange.send(reply("403 Forbidden", b'{"message":"no"}', content_type="application/json"))
        else:
            await say_hello(exchange)

    async with loopback_server(refusing) as runtime:
        flags = ["--runtime-arn", f"{PREFIX}/one-0123456789", "--endpoint-url", runtime.endpoint_url]
        async with http_server(*flags, "--bearer-token", "not-a-real-token", env={}) as url, Client(url) as client:
            session_id = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))["session_id"]
            result = await sessions("stop", "--all", "--url", url)

            assert result.exit_code == 1
            assert result.stdout.startswith(f"{session_id}: error: ")
            assert [session["subject"] for session in await listed("--url", url)] == [""]


async def test_any_worker_knows_what_all_opened_and_stops_it_as_its_agent_is_configured(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(
                hosted_server(
                    tmp_path,
                    agents={"one": 'allow = { groups = ["staff"] }', "two": "", "three": ""},
                    server=f'store = "{redis.url}"',
                )
            )
            url = await stack.enter_async_context(http_server("--config", str(tmp_path / "config.toml"), env={}))
            first = await opened(one, "one", groups=["staff"])
            second = await opened(replace(one, url=url), "two", sub="bob")
            operator = one.token(sub="olga", scope=OPERATE)

            for at in (one.url, url):
                assert [session["session_id"] for session in await listed("--url", at, token=operator)] == [
                    first,
                    second,
                ]
            stopped = await sessions("stop", "--all", "--url", url, token=operator)
            assert (stopped.exit_code, stopped.stdout) == (0, f"{first}: stopped\n{second}: stopped\n")
            assert await listed("--url", one.url, token=operator) == []
            assert operations(one.runtime).count("stopruntimesession") == 2
            redis.stop()
            down = await sessions("list", "--url", url, token=operator)
            assert down.exit_code == 1
            assert "answered 503: the store of this server" in down.stderr


async def test_no_operators_token_stops_what_only_its_callers_can(tmp_path: Path) -> None:
    """An agent that gets its callers' own tokens would get the operator's."""
    audience = [PUBLIC_URL, "runtime"]
    with running_issuer() as issuer:
        async with loopback_server(say_hello) as runtime, httpx2.AsyncClient(timeout=WAIT_S, trust_env=False) as http:
            config = written(tmp_path, [issuer], runtime, agents={"one": ""})
            passing = config.read_text().replace("{ none = true }", '{ pass_through = { audience = "runtime" } }')
            config.write_text(passing)
            async with http_server("--config", str(config), env={}) as url:
                server = HostedServer(url, issuer, runtime, http)
                call = await server.call("invoke_agent", {"prompt": "hi"}, server.token(audience=audience))
                session_id = message(call)["result"]["structuredContent"]["session_id"]
                operator = server.token(sub="olga", scope=OPERATE, audience=audience)
                result = await sessions("stop", session_id, "--url", url, token=operator)

                assert result.exit_code == 1
                assert result.stdout == (
                    f"{session_id}: error: its agent takes the token of who opened it, so that only they can stop it\n"
                )
                assert operations(runtime) == ["invocations"]
                result = await sessions(
                    "stop", session_id, "--url", url, token=server.token(audience=audience, scope=OPERATE)
                )
                assert (result.exit_code, result.stdout) == (0, f"{session_id}: stopped\n")


async def test_what_cannot_be_asked_for_is_said(subtests: pytest.Subtests, tmp_path: Path) -> None:
    cases = {
        ("list", "--subject", "bob"): "--subject is a caller of a hosted server: say which, by --url",
        ("stop", "--url", "http://127.0.0.1:9"): "say which sessions to stop",
        ("stop", "--all", "--agent", "one", "--url", "http://127.0.0.1:9"): "say which sessions to stop",
        ("list", "--url", "http://mcp.example.com/mcp"): "neither https:// nor on this machine",
        ("list", "--url", "http://127.0.0.1:9"): "no answer from http://127.0.0.1:9/sessions",
    }
    for args, words in cases.items():
        with subtests.test(" ".join(args)):
            result = await sessions(*args, token="not-a-real-token")
            assert result.exit_code in (1, 2)
            assert words in result.stderr

    async def other(exchange: Exchange) -> None:
        await exchange.send(reply("302 Found", b"<html>", location="https://elsewhere.example/"))

    async with loopback_server(other) as elsewhere:
        result = await sessions("list", "--url", elsewhere.endpoint_url, token="not-a-real-token")
        assert "answered 302: not as this server does" in result.stderr
        assert [request.target for request in elsewhere.requests] == ["/sessions"]
