"""Lines that no host should write, to a real server on stdio: none ends it, and none keeps it from its next answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.raw_hosts import INITIALIZE, RawHost, raw_host
from tests.support.runtimes import ARN

if TYPE_CHECKING:
    import pytest

# Nothing here gets as far as a call to the agent.
ENV = {"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_BEARER_TOKEN": "not-a-real-token"}
HUGE_CHARS = 20_000_000
DEEP = 100_000


def line(**fields: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **fields}).encode()


def call(arguments: Any, number: Any = 1, name: Any = "invoke_agent") -> bytes:
    return line(id=number, method="tools/call", params={"name": name, "arguments": arguments})


LIST = line(id=1, method="tools/list")
HOSTILE = {
    "no JSON": [b"this is not JSON", b"{", b'{"jsonrpc": "2.0", "id": 1,', b"}{"],
    "empty lines": [b"", b" ", b"\r", b"\x00", b"\xef\xbb\xbf"],
    "no UTF-8": [b"\xff\xfe\x00", b'{"jsonrpc":"2.0","id":1,"method":"\xc3\x28"}', b"\xed\xa0\x80"],
    "lone surrogates": [
        rb'{"jsonrpc":"2.0","id":"\ud800","method":"tools/list"}',
        rb'{"jsonrpc":"2.0","id":1,"method":"\udfff"}',
        rb'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\ud800","arguments":{"\udfff":"\ud800"}}}',
        rb'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"invoke_agent","arguments":{"\ud800":1}}}',
    ],
    "a huge line that is no JSON": [b"x" * HUGE_CHARS],
    "a huge request": [call({"surprise": "x" * HUGE_CHARS})],
    "a huge method": [line(id=1, method="x" * HUGE_CHARS)],
    "deep nesting": [
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"invoke_agent","arguments":{"prompt":'
        + b"[" * DEEP
        + b"]" * DEEP
        + b"}}}",
        call(json.loads("[" * 150 + "]" * 150)),
    ],
    "JSON that is no message": [b"null", b"true", b"1", b"1e999", b"NaN", b'"text"', b"{}", b"[]"],
    "batches": [b"[" + LIST + b"," + LIST + b"]", b"[1,2,3]", b"[[]]"],
    "wrong types": [
        line(id=1, method=7),
        line(id=1, method=None),
        line(id=1, method="tools/list", params=[]),
        line(id=1, method="tools/list", params="x"),
        line(id=1, method="tools/call", params={"name": 7}),
        line(id=1, method="tools/call", params={"name": "invoke_agent", "arguments": []}),
        call("x"),
        call({"prompt": 7}),
        call({"prompt": {"a": [None]}}),
        call({"prompt": "hi", "_meta": 1}),
        b'{"jsonrpc":1,"id":1,"method":"tools/list"}',
        b'{"id":1,"method":"tools/list"}',
    ],
    "wrong ids": [
        line(id=None, method="tools/list"),
        line(id=1.5, method="tools/list"),
        line(id=True, method="tools/list"),
        line(id=[1], method="tools/list"),
        line(id={"a": 1}, method="tools/list"),
        line(id=10**400, method="tools/list"),
        line(id="x" * 100_000, method="tools/list"),
    ],
    "duplicate ids": [LIST, LIST, line(id=0, method="ping"), call({}), call({}), LIST],
    "duplicate keys": [b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping","method":"tools/list"}'],
    "unknown methods": [line(id=1, method="no/such"), line(id=2, method=""), line(id=3, method="tools/call\n")],
    "unknown tools": [call({}, name="no_such"), call({}, name=""), call({}, name="__class__")],
    "notifications with junk": [
        line(method="notifications/cancelled"),
        line(method="notifications/cancelled", params={"requestId": "never asked"}),
        line(method="notifications/cancelled", params={"requestId": [1]}),
        line(method="notifications/progress", params={"progressToken": {}, "progress": "x"}),
        line(method="notifications/initialized", params=7),
        line(method="notifications/no/such", params={"a": [1] * 1000}),
        line(method="tools/call", params={"name": "invoke_agent", "arguments": {"prompt": 7}}),
    ],
    "answers to nothing": [
        line(id=1, result={}),
        line(id="x", error={"code": "x", "message": 1}),
        line(id=1, error={"code": 1, "message": "x"}),
        line(result={}),
        line(id=1, result={}, error={"code": 1, "message": "x"}, method="ping"),
    ],
    "initialize again, and wrongly": [
        line(id=1, method="initialize", params=INITIALIZE),
        line(id=2, method="initialize", params={}),
        line(id=3, method="initialize", params={**INITIALIZE, "protocolVersion": 7}),
        line(id=4, method="initialize", params={**INITIALIZE, "protocolVersion": "1999-01-01"}),
    ],
}


async def test_hostile_lines_do_not_keep_the_server_from_its_next_answer(subtests: pytest.Subtests) -> None:
    async with raw_host(ENV) as host:
        await host.initialize()
        for what, lines in HOSTILE.items():
            with subtests.test(what):
                for hostile in lines:
                    await host.send(hostile)
                await lists_its_tools(host, f"after {what}")


async def test_hostile_lines_before_initialize_do_not_keep_a_host_from_connecting(subtests: pytest.Subtests) -> None:
    async with raw_host(ENV) as host:
        for what, lines in HOSTILE.items():
            if not what.startswith("initialize"):  # these would be the handshake itself
                with subtests.test(what):
                    for hostile in lines:
                        await host.send(hostile)
                    assert (await host.request(f"after {what}", "ping", {}))["result"] == {}
        await host.initialize()
        await lists_its_tools(host, "after all")


async def lists_its_tools(host: RawHost, number: str) -> None:
    answered = await host.request(number, "tools/list", {})
    assert "invoke_agent" in [tool["name"] for tool in answered["result"]["tools"]]
