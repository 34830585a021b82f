"""Agents that speak A2A, AG-UI and MCP on the local AgentCore: servers of the published packages, boto3 the client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import httpx2
import pytest
from a2a.client import A2ACardResolver
from botocore.exceptions import ClientError, ResponseStreamingError
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.wire.headers import MCP_SESSION_HEADER
from agentcore_mcp.wire.sse import SSEDecoder
from tests.support.agentcore import Boto, connected, error_code, eventually, new_session_id
from tests.support.waiting import WAIT_S, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENTS = {
    "a2a": {"app": "tests.support.agents.published_a2a:app", "protocol": "a2a"},
    "agui": {"app": "tests.support.agents.published_agui:app", "protocol": "agui"},
    "mcp": {"app": "tests.support.agents.mcp_servers:stateless", "protocol": "mcp"},
    "mcp_stateful": {"app": "tests.support.agents.mcp_servers:stateful", "protocol": "mcp"},
    "http": {"app": "tests.support.agents.probe:app"},
}


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(agents=AGENTS) as local:
        yield local


def boto_of(local: LocalAgentCore, agent: str) -> Boto:
    keys = local.credentials
    pair = (keys["aws_access_key_id"], keys["aws_secret_access_key"])
    return Boto.at(local.endpoint_url, local.agents[agent], keys=pair)


def a2a_message(text: str, method: str = "message/stream", **ids: str) -> dict[str, Any]:
    parts = [{"kind": "text", "text": text}]
    message = {"kind": "message", "messageId": "m1", "role": "user", "parts": parts, **ids}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"message": message}}


def agui_input(text: str, **members: Any) -> dict[str, Any]:
    messages = [{"id": "m1", "role": "user", "content": text}]
    return {"threadId": "t1", "runId": "r1", "messages": messages, "tools": [], "context": [], **members}


def events(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the server-sent events of an answer."""
    assert answer["contentType"].startswith("text/event-stream")
    decoder = SSEDecoder()
    return [json.loads(event.data) for event in (*decoder.feed(answer["response"].read()), *decoder.close())]


def updates(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [event["result"] for event in events(answer)]


def said(artifacts: list[dict[str, Any]]) -> str:
    return "".join(update["artifact"]["parts"][0]["text"] for update in artifacts if "artifact" in update)


def url_of(local: LocalAgentCore, agent: str) -> str:
    return f"{local.endpoint_url}/runtimes/{quote(local.agents[agent], safe='')}/invocations"


def test_an_a2a_agent_streams_and_its_question_is_answered_by_the_next_call(local: LocalAgentCore) -> None:
    session_id = new_session_id()
    with boto_of(local, "a2a") as boto:
        answered = updates(boto.invoke(a2a_message("hi"), session_id))
        asked = updates(boto.invoke(a2a_message("ask"), session_id))
        ids = {"taskId": asked[0]["id"], "contextId": asked[0]["contextId"]}
        resumed = updates(boto.invoke(a2a_message("yes", **ids), session_id))

    assert said(answered) == "You said: hi"
    assert (asked[-1]["status"]["state"], asked[-1]["status"]["message"]["parts"][0]["text"]) == (
        "input-required",
        "Shall I?",
    )
    assert said(resumed) == "You said: yes"
    assert {update.get("taskId", update.get("id")) for update in resumed} == {ids["taskId"]}


def test_the_card_of_an_a2a_agent_leads_through_the_local_agentcore(local: LocalAgentCore) -> None:
    with boto_of(local, "a2a") as boto:
        answer = boto.client.get_agent_card(agentRuntimeArn=boto.arn)
        (interface,) = answer["agentCard"]["supportedInterfaces"]

        assert interface["url"] == url_of(local, "a2a")
        assert answer["runtimeSessionId"] in boto.sessions()


def test_an_ag_ui_agent_streams_and_its_interrupt_is_resumed_by_the_next_call(local: LocalAgentCore) -> None:
    session_id = new_session_id()
    with boto_of(local, "agui") as boto:
        answered = events(boto.invoke(agui_input("hi"), session_id))
        asked = events(boto.invoke(agui_input("ask"), session_id))
        (interrupt,) = asked[-1]["outcome"]["interrupts"]
        resume = [{"interruptId": interrupt["id"], "status": "resolved", "payload": "yes"}]
        resumed = events(boto.invoke(agui_input("ask", resume=resume), session_id))
        with connected(boto, session_id, "ws") as socket:
            socket.send(json.dumps(agui_input("hi")))
            over_websocket = [json.loads(str(message).removeprefix("data: ")) for message in socket]

    assert "".join(event.get("delta", "") for event in answered) == "You said: hi"
    assert interrupt["message"] == "Shall I?"
    assert "".join(event.get("delta", "") for event in resumed) == "You said: yes"
    assert over_websocket == answered


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("agent", ["mcp", "mcp_stateful"])
async def test_an_mcp_server_is_called_by_the_sdks_client_in_one_session(
    local: LocalAgentCore, agent: str, mode: Any
) -> None:
    heard: list[str | None] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    session_id = new_session_id()
    header = {"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": session_id}
    async with (
        httpx2.AsyncClient(headers=header, timeout=WAIT_S) as http,
        Client(streamable_http_client(url_of(local, agent), http_client=http), mode=mode) as client,
    ):
        tools = [tool.name for tool in (await client.list_tools()).tools]
        result = await client.call_tool("add", {"a": 2, "b": 3}, progress_callback=note)

    assert tools == ["add", "pid"]
    assert result.structured_content == {"result": 5}
    assert heard == ["adding"]
    with boto_of(local, agent) as boto:
        assert {entry["status"] for entry in boto.requests(session_id)} <= {200, 202}


@pytest.mark.parametrize("agent", ["mcp", "mcp_stateful"])
async def test_an_mcp_session_id_alone_leads_to_the_same_process(local: LocalAgentCore, agent: str) -> None:
    """As MCP clients have it that know nothing of AgentCore; the server may give the id, or the service does."""
    async with Client(streamable_http_client(url_of(local, agent)), mode="legacy") as client:
        first, second = [(await client.call_tool("pid", {})).structured_content for _ in range(2)]

    assert first == second


def _has_ended(boto: Boto, session_id: str) -> bool:
    return session_id not in boto.sessions()


def rpc(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


INITIALIZE = rpc(
    "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "test", "version": "1"}
)


@pytest.mark.parametrize("agent", ["mcp", "mcp_stateful"])
def test_boto3_gets_an_mcp_session_id_that_ends_with_the_session(local: LocalAgentCore, agent: str) -> None:
    accept = "application/json, text/event-stream"
    with boto_of(local, agent) as boto:
        begun = boto.invoke(INITIALIZE, new_session_id(), accept=accept)
        named = {"mcpSessionId": begun["mcpSessionId"], "mcpProtocolVersion": "2025-11-25", "accept": accept}
        arguments = {"agentRuntimeArn": boto.arn, "contentType": "application/json", **named}
        listed = boto.client.invoke_agent_runtime(payload=json.dumps(rpc("tools/list")), **arguments)
        names = [tool["name"] for tool in events(listed)[-1]["result"]["tools"]]
        boto.stop(begun["runtimeSessionId"])
        headers = {MCP_SESSION_HEADER: begun["mcpSessionId"], "accept": accept}
        ended = httpx2.post(url_of(local, agent), json=rpc("tools/list"), headers=headers, timeout=WAIT_S)

    assert names == ["add", "pid"]
    assert (ended.status_code, error_code(ended)) == (404, "ResourceNotFoundException")
    assert (listed["runtimeSessionId"], listed["mcpSessionId"]) == (begun["runtimeSessionId"], begun["mcpSessionId"])
    assert (begun["mcpSessionId"] == begun["runtimeSessionId"]) == (agent == "mcp")


def test_a_server_that_no_longer_knows_its_mcp_session_is_a_424(local: LocalAgentCore) -> None:
    with boto_of(local, "mcp_stateful") as boto, pytest.raises(ClientError, match=r"Received error \(404\)"):
        boto.invoke(rpc("tools/list"), new_session_id(), mcpSessionId="0" * 32, accept="application/json")


WRONG = [
    ("tests.support.agents.probe:app", "a2a", a2a_message("hi"), r"\(404\).*asked for POST /, .*protocol 'a2a'"),
    ("tests.support.agents.probe:app", "mcp", rpc("tools/list"), r"\(404\).*asked for POST /mcp, .*protocol 'mcp'"),
    (AGENTS["a2a"]["app"], "http", {"prompt": "hi"}, r"\(404\).*asked for POST /invocations, .*protocol 'http'"),
    (AGENTS["mcp"]["app"], "a2a", a2a_message("hi"), r"\(404\).*asked for POST /, .*protocol 'a2a'"),
    (AGENTS["agui"]["app"], "http", {"prompt": "hi"}, r"\(400\) from runtime"),
]


def test_an_agent_that_speaks_another_protocol_is_a_424_that_says_what_it_was_asked_for() -> None:
    agents = {f"agent_{n}": {"app": app, "protocol": protocol} for n, (app, protocol, *_) in enumerate(WRONG)}
    with LocalAgentCore(agents=agents) as local:
        for name, (_, _, payload, refusal) in zip(agents, WRONG, strict=True):
            with boto_of(local, name) as boto, pytest.raises(ClientError, match=refusal) as caught:
                boto.invoke(payload, new_session_id())

            assert caught.value.response["Error"]["Code"] == "RuntimeClientError"
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
        with boto_of(local, "agent_3") as boto, pytest.raises(ClientError, match=r"asked for GET /\.well-known/agent"):
            boto.client.get_agent_card(agentRuntimeArn=boto.arn)


@pytest.mark.parametrize("auth", ["sigv4", "jwt"])
async def test_callers_of_each_protocol_are_checked(auth: Any) -> None:
    agents = {name: AGENTS[name] for name in ("a2a", "agui", "mcp")}
    with LocalAgentCore(agents=agents, auth=auth) as local:
        good = {"authorization": f"Bearer {local.token('alice')}"} if auth == "jwt" else {}
        payloads = {"a2a": a2a_message("hi"), "agui": agui_input("hi"), "mcp": INITIALIZE}
        for name, payload in payloads.items():
            url, accept = url_of(local, name), "application/json, text/event-stream"
            refused = httpx2.post(url, json=payload, headers={"accept": accept}, timeout=WAIT_S)
            card = httpx2.get(f"{url}/.well-known/agent-card.json", timeout=WAIT_S)
            if auth == "jwt":
                answer = httpx2.post(url, json=payload, headers={"accept": accept, **good}, timeout=WAIT_S)
                status = answer.status_code
            else:
                with boto_of(local, name) as boto:
                    status = boto.invoke(payload, new_session_id(), accept=accept)["statusCode"]

            assert refused.status_code == card.status_code == (401 if auth == "jwt" else 403)
            assert status == 200
        async with httpx.AsyncClient(headers=good, timeout=WAIT_S) as http:
            if auth == "jwt":
                resolved = await A2ACardResolver(http, url_of(local, "a2a")).get_agent_card()
                assert resolved.supported_interfaces[0].url == url_of(local, "a2a")


def test_faults_and_idle_timeouts_are_met_with_each_protocol() -> None:
    with LocalAgentCore(agents=AGENTS, idle_timeout_s=1, faults=["error=ThrottlingException every=2"]) as local:
        for name, payload in {"a2a": a2a_message("hi"), "agui": agui_input("hi"), "mcp": INITIALIZE}.items():
            session_id = new_session_id()
            with boto_of(local, name) as boto:
                boto.invoke(payload, session_id, accept="application/json, text/event-stream")["response"].read()
                with pytest.raises(ClientError, match="ThrottlingException"):
                    boto.invoke(payload, session_id)
                eventually(partial(_has_ended, boto, session_id))


def test_an_a2a_agent_that_exits_is_a_broken_answer_and_its_session_is_gone(local: LocalAgentCore) -> None:
    session_id = new_session_id()
    with boto_of(local, "a2a") as boto:
        with pytest.raises((ClientError, ResponseStreamingError)):
            boto.invoke(a2a_message("exit"), session_id)["response"].read()

        assert session_id not in boto.sessions()


def test_the_published_servers_are_hosted_by_a_command_line_too() -> None:
    """`serve_a2a` takes its port from the variable A2A_PORT, an AGUIApp from its caller."""
    python = f"PYTHONPATH={{folder}} {sys.executable} -m tests.support.agents"
    agents = {
        "a2a": {"command": f"{python}.published_a2a", "protocol": "a2a"},
        "agui": {"command": f"{python}.published_agui {{port}}", "protocol": "agui"},
    }
    with LocalAgentCore(agents=agents) as local, boto_of(local, "a2a") as a2a, boto_of(local, "agui") as agui:
        answered = updates(a2a.invoke(a2a_message("hi"), new_session_id()))
        card = a2a.client.get_agent_card(agentRuntimeArn=a2a.arn)["agentCard"]
        ran = events(agui.invoke(agui_input("hi"), new_session_id()))

    assert said(answered) == "You said: hi"
    assert card["supportedInterfaces"][0]["url"] == url_of(local, "a2a")
    assert "".join(event.get("delta", "") for event in ran) == "You said: hi"


def test_an_agent_that_already_runs_is_called_in_its_protocol() -> None:
    port = free_port()
    command = [sys.executable, "-m", "tests.support.agents.published_a2a"]
    with subprocess.Popen(command, env={**os.environ, "A2A_PORT": str(port)}, stderr=subprocess.DEVNULL) as agent:
        try:
            eventually(partial(_answers, port))
            with (
                LocalAgentCore(target=f"http://127.0.0.1:{port}", protocol="a2a") as local,
                boto_of(local, "local_agent") as boto,
            ):
                answered = updates(boto.invoke(a2a_message("hi"), new_session_id()))
                card = boto.client.get_agent_card(agentRuntimeArn=boto.arn)["agentCard"]
        finally:
            agent.terminate()

    assert said(answered) == "You said: hi"
    # It was started by somebody else, who knows where it is called.
    assert card["supportedInterfaces"][0]["url"] == f"http://localhost:{port}/"


def _answers(port: int) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(f"http://127.0.0.1:{port}/ping", timeout=WAIT_S).is_success
    return False


@pytest.mark.parametrize("protocol", ["a2a", "agui"])
def test_a_sample_that_works_in_the_background_is_not_idle(protocol: Any) -> None:
    payload = a2a_message("work 3") if protocol == "a2a" else agui_input("work 3")
    with LocalAgentCore(protocol=protocol, idle_timeout_s=1) as local, boto_of(local, "local_agent") as boto:
        session_id = new_session_id()
        began = time.monotonic()
        boto.invoke(payload, session_id)["response"].read()
        eventually(partial(_has_ended, boto, session_id))

    assert time.monotonic() - began > 3
