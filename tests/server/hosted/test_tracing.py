"""A caller's trace goes on through the server to AgentCore, with and without an SDK of OpenTelemetry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import httpx2

from tests.support.hosted import VERSIONS, HostedServer
from tests.support.mcp_hosts import http_server
from tests.support.processes import printed
from tests.support.servers import LoopbackServer, loopback_server
from tests.support.tools import PREFIX, say_hello
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
OURS = f"00-{TRACE_ID}-b7ad6b7169203331-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
INVALID = [
    "",
    "nonsense",
    OURS.upper(),
    f"{OURS}-more",
    f"00-{'0' * 32}-b7ad6b7169203331-01",
    f"ff-{TRACE_ID}-b7ad6b7169203331-01",
    f"00-{TRACE_ID}-b7ad6b7169203331-01\u2028x",
]


async def _call(
    server: HostedServer, tool: str, headers: Mapping[str, str] | None = None, **meta: Any
) -> dict[str, str]:
    """Call a tool; return the headers that reached AgentCore."""
    before = len(server.runtime.requests)
    arguments = {"prompt": "hi"} if tool == "invoke_agent" else {"command": "true"}
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": meta},
    }
    answer = await server.post(body, version=VERSIONS[0], headers=headers)
    assert answer.status_code == 200, answer.text
    (request,) = server.runtime.requests[before:]
    return dict(request.headers)


def _config(folder: Path, runtime: LoopbackServer, headers: str = "") -> str:
    path = folder / "config.toml"
    path.write_text(
        f'[agents.one]\narn = "{PREFIX}/one-0123456789"\nendpoint_url = "{runtime.endpoint_url}"\n'
        f"auth = {{ none = true }}\n{headers}\n",
        encoding="utf-8",
    )
    return str(path)


async def test_without_a_tracer_the_callers_trace_is_passed_on_if_it_is_valid(tmp_path: Path) -> None:
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(say_hello) as runtime,
            http_server("--config", _config(tmp_path, runtime), env={}) as url,
            httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http,
        ):
            server = HostedServer(url, None, runtime, http)  # type: ignore[arg-type] # no token, no issuer
            for tool in ("invoke_agent", "run_command"):
                meta = await _call(server, tool, traceparent=OURS, tracestate="vendor=1", baggage="team=blue")
                assert (meta["traceparent"], meta["tracestate"], meta["baggage"]) == (OURS, "vendor=1", "team=blue")
                assert (await _call(server, tool, {"traceparent": OURS}))["traceparent"] == OURS
                assert (await _call(server, tool, {"traceparent": OTHER}, traceparent=OURS))["traceparent"] == OURS
                assert "traceparent" not in await _call(server, tool)
            for value in INVALID:
                assert "traceparent" not in await _call(server, "invoke_agent", traceparent=value)
            for odd in (1, None, ["x"], {"a": OURS}):
                assert "traceparent" not in await _call(server, "invoke_agent", traceparent=odd)
            sent = await _call(server, "invoke_agent", {"traceparent": "nonsense", "baggage": "team=blue"})
            assert {"traceparent", "baggage"} & sent.keys() == set()
            long = ",".join(f"vendor{i}={'x' * 40}" for i in range(30))
            sent = await _call(server, "invoke_agent", traceparent=OURS, tracestate=long)
            assert sent["traceparent"] == OURS
            assert "tracestate" not in sent


async def test_configured_headers_win(tmp_path: Path) -> None:
    with anyio.fail_after(WAIT_S):
        async with (
            loopback_server(say_hello) as runtime,
            http_server(
                "--config", _config(tmp_path, runtime, f'headers = {{ TraceParent = "{OTHER}" }}'), env={}
            ) as url,
            httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http,
        ):
            server = HostedServer(url, None, runtime, http)  # type: ignore[arg-type] # no token, no issuer
            sent = await _call(server, "invoke_agent", traceparent=OURS, tracestate="vendor=1")

    assert (sent["traceparent"], sent["tracestate"]) == (OTHER, "vendor=1")


# In a process of its own: a tracer provider can be set once.
_WITH_A_TRACER = """
import json, sys
import anyio
from mcp import Client
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from agentcore_mcp.server.assembly import create_server
from tests.support.servers import loopback_server
from tests.support.tools import say_hello, settings

async def main():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    async with loopback_server(say_hello) as runtime:
        server = create_server(settings(runtime.endpoint_url))
        async with Client(server) as client:
            await client.call_tool("invoke_agent", {"prompt": "hi"}, meta={"traceparent": sys.argv[1]})
    spans = {span.name: span for span in exporter.get_finished_spans() if span.kind.name != "INTERNAL"}
    sent = next(request.header("traceparent") for request in runtime.requests)
    print(json.dumps({"sent": sent, "spans": [json.loads(span.to_json()) for span in spans.values()]}))

anyio.run(main)
"""


def test_with_a_tracer_agentcore_gets_a_child_of_the_tools_span() -> None:
    told = json.loads(printed(_WITH_A_TRACER, OURS)[0])
    spans = {span["name"]: span for span in told["spans"]}
    ours = spans["invoke_agent solo"]

    assert told["sent"].split("-")[1:3] == [TRACE_ID, ours["context"]["span_id"][2:]]
    assert ours["parent_id"] == spans["tools/call invoke_agent"]["context"]["span_id"]
    assert "hi" not in ours["attributes"].values()
