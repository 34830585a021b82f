"""A client that leaves: the local AgentCore notes it, and the work goes on until it ends or the session is stopped."""

from __future__ import annotations

import socket

import httpx2
import pytest

from agentcore_mcp.wire.headers import SESSION_HEADER
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.requests import command_request, invoke_request
from tests.support.agentcore import Boto, eventually
from tests.support.waiting import WAIT_S


def test_an_invocation_goes_on_without_its_client(boto: Boto, session_id: str) -> None:
    request = invoke_request(RuntimeArn.parse(boto.arn), b'{"do": "stream"}', session_id=session_id)
    with httpx2.stream(
        "POST", boto.endpoint_url + request.target, headers=dict(request.headers), content=request.body, timeout=WAIT_S
    ) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        assert boto.requests(session_id)[0]["state"] == "open"

    eventually(lambda: boto.requests(session_id)[0]["state"] == "client_gone")
    assert boto.requests(session_id)[0]["ended_at"] is None
    boto.run("echo > gate", session_id)
    eventually(lambda: boto.requests(session_id)[0]["ended_at"] is not None)
    assert boto.requests(session_id)[0]["state"] == "client_gone"


def test_a_command_goes_on_without_its_client(boto: Boto, session_id: str) -> None:
    command = "mkfifo gate; echo ready; cat gate; head -c 1000000 /dev/zero; touch done"
    request = command_request(RuntimeArn.parse(boto.arn), command, session_id=session_id)
    with httpx2.stream(
        "POST", boto.endpoint_url + request.target, headers=dict(request.headers), content=request.body, timeout=WAIT_S
    ) as answer:
        next(answer.iter_raw())

    eventually(lambda: boto.requests(session_id)[0]["state"] == "client_gone")
    boto.run("until [ -p gate ]; do sleep 0.01; done; echo > gate", session_id)
    assert boto.run("until [ -e done ]; do sleep 0.01; done", session_id).exit_code == 0
    eventually(lambda: boto.requests(session_id)[0]["ended_at"] is not None)


def test_what_was_answered_in_full_is_complete(boto: Boto, session_id: str) -> None:
    boto.ask({}, session_id)
    boto.run("true", session_id)
    boto.stop(session_id)
    journal = boto.requests(session_id)

    assert [(entry["operation"], entry["status"], entry["state"]) for entry in journal] == [
        ("InvokeAgentRuntime", 200, "complete"),
        ("InvokeAgentRuntimeCommand", 200, "complete"),
        ("StopRuntimeSession", 200, "complete"),
    ]
    assert all(entry["started_at"] <= entry["ended_at"] for entry in journal)


@pytest.mark.parametrize("operation", ["invocations", "commands"])
def test_a_request_that_breaks_off_is_not_carried_out(boto: Boto, session_id: str, operation: str) -> None:
    request = command_request(RuntimeArn.parse(boto.arn), "touch done", session_id=session_id)
    head = f"POST {request.target.rpartition('/')[0]}/{operation} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
    head += f"Content-Type: application/x-probe\r\n{SESSION_HEADER}: {session_id}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(boto.endpoint_url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + request.body)

    eventually(lambda: boto.requests(session_id) != [] and boto.requests(session_id)[0]["ended_at"] is not None)
    assert boto.requests(session_id)[0]["state"] == "client_gone"
    assert boto.run("ls", session_id).stdout == ""
