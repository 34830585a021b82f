"""InvokeAgentRuntime on the local AgentCore, as boto3 sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from botocore.exceptions import ResponseStreamingError
from click.testing import CliRunner
from websockets.sync.client import connect

from agentcore_mcp.cli import main
from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.wire.headers import SESSION_HEADER, USER_HEADER
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.requests import invoke_request
from tests.support.agentcore import Boto, eventually, new_session_id
from tests.support.processes import resident_bytes
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

PROBE = "tests.support.agents.probe:app"


def test_a_json_answer_comes_back_whole_with_its_type_session_and_request_id(boto: Boto, session_id: str) -> None:
    answer = boto.invoke({"prompt": "hi"}, session_id)

    assert answer["statusCode"] == 200
    assert answer["contentType"] == "application/json"
    assert answer["runtimeSessionId"] == session_id
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36
    assert json.loads(answer["response"].read())["payload"] == {"prompt": "hi"}


def test_a_streamed_piece_arrives_while_the_agent_still_waits_to_make_the_next(boto: Boto, session_id: str) -> None:
    """The agent goes on only when a command has opened the gate, and that is only run once the first piece is here."""
    answer = boto.invoke({"do": "stream"}, session_id)
    # By the byte: botocore would wait until it has a whole chunk of any larger size.
    lines = answer["response"].iter_lines(chunk_size=1)
    first = next(line for line in lines if line)
    boto.run("echo > gate", session_id)
    second = next(line for line in lines if line)

    assert answer["contentType"].startswith("text/event-stream")
    assert [first, second] == [b'data: "first"', b'data: "second"']


def test_without_a_session_header_a_session_is_made_and_named(probe: LocalAgentCore, boto: Boto) -> None:
    url = probe.endpoint_url + invoke_request(RuntimeArn.parse(boto.arn), b"", session_id=new_session_id()).target
    answer = httpx2.post(url, json={}, timeout=WAIT_S)
    session_id = answer.headers[SESSION_HEADER]

    assert answer.status_code == 200
    assert session_id in boto.sessions()
    boto.stop(session_id)


def test_the_agent_gets_the_headers_of_the_model_and_the_custom_ones_and_no_others(
    probe: LocalAgentCore, boto: Boto, session_id: str
) -> None:
    request = invoke_request(
        RuntimeArn.parse(boto.arn),
        b"{}",
        session_id=session_id,
        user_id="ann",
        headers={
            "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team": "blue",
            "Mcp-Session-Id": "m1",
            "Mcp-Protocol-Version": "2025-11-25",
            "Mcp-Method": "tools/call",
            "Mcp-Name": "add",
            "X-Amzn-Trace-Id": "Root=1",
            "traceparent": "00-1-2-01",
            "tracestate": "a=b",
            "baggage": "c=d",
            "X-Other": "stays outside",
            "Cookie": "stays=outside",
        },
    )
    sent = dict(request.headers) | {"Authorization": "Bearer stays-outside"}
    answer = httpx2.post(probe.endpoint_url + request.target, headers=sent, content=request.body, timeout=WAIT_S)
    seen = answer.json()["headers"]

    assert {name: seen.get(name.lower()) for name in sent} == sent | {
        "Authorization": None,
        "X-Other": None,
        "Cookie": None,
    }
    assert seen["x-amzn-bedrock-agentcore-runtime-request-id"] == answer.headers["x-amzn-requestid"]


def test_headers_that_are_allowed_reach_the_agent_too_whichever_way_it_is_called() -> None:
    allowed = ["authorization", "X-Team", "Accept-Language"]
    with pytest.raises(ConfigurationError, match="not a header that a runtime can pass on to its agent: 'accept-lang"):
        LocalAgentCore(allowed_headers=allowed)
    sent = {"Authorization": "Bearer a", "x-team": "blue", "X-Other": "outside", "Cookie": "outside"}
    with LocalAgentCore(app=PROBE, allowed_headers=allowed[:2]) as local:
        request = invoke_request(RuntimeArn.parse(local.agent_runtime_arn), b"{}", session_id=new_session_id())
        headers = dict(request.headers) | sent
        answer = httpx2.post(local.endpoint_url + request.target, headers=headers, content=request.body, timeout=WAIT_S)
        url = local.endpoint_url.replace("http", "ws") + request.target.replace("/invocations", "/ws")
        with connect(url, additional_headers=headers | {"Content-Type": "text/plain"}, open_timeout=WAIT_S) as socket:
            socket.send("hello")
            over_websocket = json.loads(socket.recv(timeout=WAIT_S))["headers"]

    for seen in (answer.json()["headers"], over_websocket):
        assert {name: seen.get(name.lower()) for name in sent} == {
            "Authorization": "Bearer a",
            "x-team": "blue",
            "X-Other": None,
            "Cookie": None,
        }


@pytest.mark.parametrize("name", ["Host", "Content-Length", "X-Amz-Date", "x-amzn-a", "Transfer-Encoding", "a b", ""])
def test_a_header_that_no_runtime_passes_on_cannot_be_allowed(name: str) -> None:
    result = CliRunner().invoke(main, ["local", "--allow-header", "X-Team", "--allow-header", name])

    assert result.exit_code == 2
    assert f"not a header that a runtime can pass on to its agent: {name.lower()!r}" in result.output


@pytest.mark.parametrize("size", [0, 5_000_000])
def test_a_payload_of_any_type_and_size_reaches_the_agent_whole(boto: Boto, session_id: str, size: int) -> None:
    answer = boto.client.invoke_agent_runtime(
        agentRuntimeArn=boto.arn,
        runtimeSessionId=session_id,
        contentType="application/x-probe",
        payload=b"x" * size,
    )

    assert json.loads(answer["response"].read()) == {"received": size, "content_type": "application/x-probe"}


def test_the_content_type_of_an_answer_is_kept(boto: Boto, session_id: str) -> None:
    answer = boto.invoke({"do": "text"}, session_id)

    assert answer["contentType"] == "text/plain; charset=utf-8"
    assert answer["response"].read() == b"plain words"


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_what_an_agent_refuses_is_424_with_its_status_and_without_its_words(
    boto: Boto, session_id: str, status: int
) -> None:
    with pytest.raises(boto.client.exceptions.RuntimeClientError) as caught:
        boto.invoke({"do": "status", "status": status}, session_id)
    answer = caught.value.response

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["Error"]["Message"].startswith(f"Received error ({status}) from runtime.")
    assert "secret detail" not in str(answer)


def test_an_agent_that_exits_is_424_with_its_exit_code_and_last_words(boto: Boto, session_id: str) -> None:
    with pytest.raises(boto.client.exceptions.RuntimeClientError) as caught:
        boto.invoke({"do": "exit"}, session_id)

    assert caught.value.response["Error"]["Message"] == (
        "Runtime exited with code 3. The end of its output: the last words of the agent"
    )


def test_an_agent_that_exits_ends_its_session(boto: Boto, session_id: str) -> None:
    boto.run("touch file", session_id)
    with pytest.raises(boto.client.exceptions.RuntimeClientError):
        boto.invoke({"do": "exit"}, session_id)

    assert boto.run("ls", session_id).stdout == ""


def test_an_agent_that_exits_in_the_middle_breaks_the_answer_off(boto: Boto, session_id: str) -> None:
    answer = boto.invoke({"do": "stream and exit"}, session_id)
    with pytest.raises(ResponseStreamingError):
        answer["response"].read()

    eventually(lambda: boto.requests(session_id)[-1]["state"] == "failed")


def test_stopping_the_session_ends_an_invocation_that_waits(boto: Boto, session_id: str) -> None:
    """The client that waits is one of our own: boto3 would block this test's only thread."""
    request = invoke_request(RuntimeArn.parse(boto.arn), b'{"do": "stream"}', session_id=session_id)
    with httpx2.stream(
        "POST", boto.endpoint_url + request.target, headers=dict(request.headers), content=request.body, timeout=WAIT_S
    ) as answer:
        pieces = answer.iter_text()
        assert next(pieces) == 'data: "first"\n\n'
        boto.stop(session_id)
        with pytest.raises(httpx2.RemoteProtocolError):
            next(pieces)


def test_what_is_in_a_header_need_not_be_ascii(boto: Boto, session_id: str) -> None:
    """Python reads headers as Latin-1, in which UTF-8 looks like this."""
    arrow = "→".encode().decode("latin-1")
    answer = boto.invoke({"do": "header", "name": "Mcp-Session-Id", "value": arrow}, session_id)
    answer["response"].read()
    request = invoke_request(
        RuntimeArn.parse(boto.arn), b"{}", session_id=session_id, user_id="Jürgen", headers={"traceparent": "→"}
    )
    seen = httpx2.post(
        boto.endpoint_url + request.target, headers=request.raw_headers, content=request.body, timeout=WAIT_S
    ).json()["headers"]

    assert answer["mcpSessionId"] == arrow
    assert seen["traceparent"] == arrow
    assert seen[USER_HEADER.lower()] == "JÃ¼rgen"


def test_a_long_answer_takes_no_memory(probe: LocalAgentCore, boto: Boto, session_id: str) -> None:
    boto.ask({}, session_id)
    assert probe.pid is not None
    before = resident_bytes(probe.pid)
    body: Any = boto.invoke({"do": "megabytes", "count": 200}, session_id)["response"]
    received = sum(len(piece) for piece in body.iter_chunks(1_000_000))

    assert received == 200_000_000
    assert resident_bytes(probe.pid) - before < 20_000_000


def test_the_agent_is_imported_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_agent.py").write_text(
        "from starlette.responses import JSONResponse\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n"
        "        await JSONResponse('mine')(scope, receive, send)\n"
    )
    monkeypatch.chdir(tmp_path)
    with LocalAgentCore(app="my_agent:app") as local, Boto.of(local) as boto:
        assert boto.ask({}, new_session_id()) == "mine"
