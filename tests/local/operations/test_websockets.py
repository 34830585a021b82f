"""The agent's WebSocket through the local AgentCore, as the `websockets` library and the published SDK see it."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection, connect

from agentcore_mcp.wire.headers import SESSION_HEADER
from tests.support.agentcore import Boto, eventually, new_session_id
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from agentcore_mcp.local.agentcore import LocalAgentCore


def _url(boto: Boto, path: str = "ws", **query: str) -> str:
    address = f"{boto.endpoint_url.replace('http', 'ws')}/runtimes/{quote(boto.arn, safe='')}/{path}"
    return f"{address}?{urlencode(query)}" if query else address


def _connect(boto: Boto, session_id: str, headers: dict[str, str] | None = None, **arguments: Any) -> ClientConnection:
    own = {SESSION_HEADER: session_id, **(headers or {})}
    connection: ClientConnection = connect(
        _url(boto), additional_headers=own, max_size=None, max_queue=2, **arguments, open_timeout=WAIT_S
    )
    return connection


def _ended(boto: Boto, session_id: str) -> str:
    eventually(lambda: boto.requests(session_id)[0]["ended_at"] is not None)
    state: str = boto.requests(session_id)[0]["state"]
    return state


def test_text_and_bytes_pass_both_ways_as_they_are(boto: Boto, session_id: str) -> None:
    messages: list[str | bytes] = ["", "one", "zwei€\U0001f600", b"", b"\x00\xff", "x" * 1_000_000, b"y" * 5_000_000]
    with _connect(boto, session_id) as agent:
        for message in messages:
            agent.send(message)

            assert agent.recv(timeout=WAIT_S) == message


@pytest.mark.parametrize("end", ["\r\nX-Evil: 1", "\n", " ", ":", ""])
def test_the_name_of_a_header_in_the_query_is_that_of_a_header(boto: Boto, session_id: str, end: str) -> None:
    custom = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team"
    url = _url(boto, **{SESSION_HEADER: session_id, f"{custom}{end}": "blue"})
    if not end:
        with connect(url, open_timeout=WAIT_S):
            return
    with pytest.raises(InvalidStatus) as caught, connect(url, open_timeout=WAIT_S):
        pass

    assert caught.value.response.status_code == 400


def test_a_message_in_fragments_arrives_whole(boto: Boto, session_id: str) -> None:
    with _connect(boto, session_id) as agent:
        agent.send(["in ", "three ", "frames"])

        assert agent.recv(timeout=WAIT_S) == "in three frames"


def test_the_agent_knows_the_session_and_gets_the_same_headers_as_an_invocation(boto: Boto, session_id: str) -> None:
    headers = {
        "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team": "blue",
        "traceparent": "00-1-2-01",
        "Authorization": "Bearer stays-outside",
        "X-Other": "stays outside",
    }
    with _connect(boto, session_id, headers) as agent:
        agent.send("hello")
        seen = json.loads(agent.recv(timeout=WAIT_S))["headers"]
        response = agent.response

    assert response is not None
    assert response.headers[SESSION_HEADER] == session_id
    assert seen[SESSION_HEADER.lower()] == session_id
    assert seen["x-amzn-bedrock-agentcore-runtime-custom-team"] == "blue"
    assert seen["traceparent"] == "00-1-2-01"
    assert seen["x-amzn-bedrock-agentcore-runtime-request-id"] == response.headers["x-amzn-RequestId"]
    assert not seen.keys() & {"authorization", "x-other"}


def test_session_and_custom_headers_may_be_in_the_query_as_in_a_presigned_url(boto: Boto, session_id: str) -> None:
    query = {
        SESSION_HEADER: session_id,
        "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team": "blue",
        "X-Amz-Signature": "stays-outside",
    }
    with connect(_url(boto, **query), open_timeout=WAIT_S) as agent:
        agent.send("hello")
        seen = json.loads(agent.recv(timeout=WAIT_S))

    assert seen["headers"][SESSION_HEADER.lower()] == session_id
    assert seen["headers"]["x-amzn-bedrock-agentcore-runtime-custom-team"] == "blue"
    assert seen["query"] == {}
    assert session_id in boto.sessions()


def test_a_header_that_is_not_ascii_reaches_the_agent_as_it_is(boto: Boto, session_id: str) -> None:
    in_latin_1 = "blü →".encode().decode("latin-1")
    with _connect(boto, session_id, {"X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team": in_latin_1}) as agent:
        agent.send("hello")
        seen = json.loads(agent.recv(timeout=WAIT_S))["headers"]

    assert seen["x-amzn-bedrock-agentcore-runtime-custom-team"] == in_latin_1


@pytest.mark.parametrize("session_id", ["→" * 40, "x" * 40 + "\r\nX-Evil: 1"])
def test_a_session_in_the_query_that_no_header_can_name_is_refused(boto: Boto, session_id: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        connect(_url(boto, **{SESSION_HEADER: session_id}), open_timeout=WAIT_S)

    assert caught.value.response.status_code == 400


def test_a_custom_header_in_the_query_that_would_add_another_is_refused(boto: Boto, session_id: str) -> None:
    query = {SESSION_HEADER: session_id, "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team": "blue\r\nX-Evil: 1"}
    with pytest.raises(InvalidStatus) as caught:
        connect(_url(boto, **query), open_timeout=WAIT_S)

    assert caught.value.response.status_code == 400
    assert caught.value.response.headers["x-amzn-errortype"] == "ValidationException"


def test_without_a_session_id_one_is_made_and_named(boto: Boto) -> None:
    with connect(_url(boto), open_timeout=WAIT_S) as agent:
        assert agent.response is not None
        session_id = agent.response.headers[SESSION_HEADER]

        assert session_id in boto.sessions()
    boto.stop(session_id)


def test_a_websocket_and_an_invocation_meet_the_same_agent_process(boto: Boto, session_id: str) -> None:
    pid = boto.ask({}, session_id)["pid"]
    with _connect(boto, session_id):
        assert boto.ask({}, session_id)["pid"] == pid


@pytest.mark.parametrize(("offered", "chosen"), [(["probe.v1", "probe.v2"], "probe.v2"), (["probe.v1"], None)])
def test_the_agent_chooses_the_subprotocol(boto: Boto, session_id: str, offered: list[Any], chosen: str | None) -> None:
    with _connect(boto, session_id, subprotocols=offered) as agent:
        agent.send("hello")

        assert agent.subprotocol == chosen
        assert json.loads(agent.recv(timeout=WAIT_S))["subprotocols"] == offered


def test_a_token_in_the_subprotocols_never_reaches_the_agent(boto: Boto, session_id: str) -> None:
    offered: list[Any] = ["base64UrlBearerAuthorization.bm90LWEtdG9rZW4", "base64UrlBearerAuthorization"]
    with _connect(boto, session_id, subprotocols=offered) as agent:
        agent.send("hello")
        seen = json.loads(agent.recv(timeout=WAIT_S))

        assert agent.subprotocol == "base64UrlBearerAuthorization"
        assert seen["subprotocols"] == []
        assert "bm90LWEtdG9rZW4" not in str(seen)


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 3000, 4000, 4999])
def test_the_code_and_reason_the_agent_closes_with_reach_the_client(boto: Boto, session_id: str, code: int) -> None:
    with _connect(boto, session_id) as agent:
        agent.send(f"close {code} enough")
        with pytest.raises(ConnectionClosed) as caught:
            agent.recv(timeout=WAIT_S)

    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (code, "enough")
    assert _ended(boto, session_id) == "complete"


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4321])
def test_the_code_and_reason_the_client_closes_with_reach_the_agent(boto: Boto, session_id: str, code: int) -> None:
    with _connect(boto, session_id) as agent:
        agent.close(code, "enough")

    assert boto.run("until [ -s closed ]; do sleep 0.01; done; cat closed", session_id).stdout == f"{code} enough"
    assert _ended(boto, session_id) == "complete"


def test_a_client_that_says_no_code_closes_normally(boto: Boto, session_id: str) -> None:
    with _connect(boto, session_id) as agent, agent.protocol_mutex:
        agent.protocol.send_close()
        agent.send_data()

    assert boto.run("until [ -s closed ]; do sleep 0.01; done; cat closed", session_id).stdout == "1000 "
    assert _ended(boto, session_id) == "complete"


def test_a_client_that_vanishes_is_noted_and_the_agent_hears_of_it(boto: Boto, session_id: str) -> None:
    with _connect(boto, session_id) as agent:
        agent.socket.shutdown(socket.SHUT_RDWR)

    assert boto.run("until [ -s closed ]; do sleep 0.01; done; cat closed", session_id).stdout == "1001 "
    assert _ended(boto, session_id) == "client_gone"


def test_an_agent_that_exits_ends_the_session_and_the_client_hears_why(boto: Boto, session_id: str) -> None:
    with _connect(boto, session_id) as agent:
        agent.send("exit")
        with pytest.raises(ConnectionClosed) as caught:
            agent.recv(timeout=WAIT_S)

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == CloseCode.GOING_AWAY
    assert caught.value.rcvd.reason.startswith("Runtime exited with code 3.")
    eventually(lambda: session_id not in boto.sessions())


def test_stopping_the_session_closes_the_websocket_and_says_so(boto: Boto, session_id: str) -> None:
    with _connect(boto, session_id) as agent:
        boto.stop(session_id)
        with pytest.raises(ConnectionClosed) as caught:
            agent.recv(timeout=WAIT_S)

    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (CloseCode.GOING_AWAY, "The session was stopped.")


def test_an_agent_that_does_not_accept_is_424_with_its_status(boto: Boto, session_id: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        _connect(boto, session_id, {"X-Amzn-Bedrock-AgentCore-Runtime-Custom-Refuse": "yes"})
    response = caught.value.response

    assert (response.status_code, response.headers["x-amzn-errortype"]) == (424, "RuntimeClientError")
    assert json.loads(response.body)["message"].startswith("Received error (403) from runtime.")
    assert _ended(boto, session_id) == "complete"


@pytest.mark.parametrize(
    ("path", "query", "headers", "status", "code"),
    [
        ("ws", {}, {SESSION_HEADER: "short"}, 400, "ValidationException"),
        ("ws", {"qualifier": "other"}, {}, 404, "ResourceNotFoundException"),
        ("ws/other", {}, {}, 404, "UnknownOperationException"),
        ("invocations", {}, {}, 404, "UnknownOperationException"),
        ("ws", {}, {"Origin": "http://localhost"}, 403, "AccessDeniedException"),
    ],
)
def test_what_cannot_be_connected_is_refused_like_any_request(
    boto: Boto, path: str, query: dict[str, str], headers: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        connect(_url(boto, path, **query), additional_headers=headers, open_timeout=WAIT_S)

    assert caught.value.response.status_code == status
    assert caught.value.response.headers["x-amzn-errortype"].partition(":")[0] == code
    assert len(caught.value.response.headers["x-amzn-RequestId"]) == 36


def test_a_websocket_is_in_the_list_of_sessions_and_in_the_journal_while_it_is_open(
    boto: Boto, session_id: str
) -> None:
    with _connect(boto, session_id) as agent:
        agent.send("hello")
        agent.recv(timeout=WAIT_S)
        [entry] = boto.requests(session_id)

        assert boto.sessions()[session_id]["idle_s"] == 0
        assert (entry["operation"], entry["status"]) == ("InvokeAgentRuntimeWithWebSocketStream", 101)
        assert (entry["state"], entry["ended_at"]) == ("open", None)


def test_an_agent_that_sends_faster_than_its_client_reads_has_to_wait(boto: Boto, session_id: str) -> None:
    """100 MB are asked for; what is on the way fits into a few messages and the buffers of the sockets."""
    with _connect(boto, session_id) as agent:
        agent.send("flood 1000")
        agent.recv(timeout=WAIT_S)
        looks = ["none yet"]
        while len(looks) < 5 or len(set(looks[-5:])) > 1:
            looks.append(boto.run("wc -c < sent", session_id).stdout)

        assert int(looks[-1]) < 600
        for _ in range(999):
            assert len(agent.recv(timeout=WAIT_S)) == 100_000


def test_a_client_that_sends_faster_than_its_agent_reads_has_to_wait(boto: Boto, session_id: str) -> None:
    with _connect(boto, session_id) as agent:
        agent.send("stall")
        agent.socket.settimeout(1)
        sent = 0
        with pytest.raises(ConnectionClosed):
            while sent < 1000:
                agent.send(bytes(100_000))
                sent += 1

    assert sent < 600


def test_a_message_that_is_too_big_is_refused(boto: Boto, session_id: str) -> None:
    """Which the client may not live to read: it is still sending when the connection is closed."""
    with _connect(boto, session_id) as agent, pytest.raises(ConnectionClosed) as caught:
        agent.send(bytes(16 * 1024 * 1024 + 1))
        agent.recv(timeout=WAIT_S)

    assert caught.value.rcvd is None or caught.value.rcvd.code == CloseCode.MESSAGE_TOO_BIG


def test_an_upgrade_may_repeat_what_the_library_sends_itself(boto: Boto, probe: LocalAgentCore) -> None:
    """As AWS's examples do it: the headers of the published SDK, which has them all, given to the library."""
    session_id = new_session_id()
    repeated = {
        "Host": probe.endpoint_url.removeprefix("http://"),
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    with _connect(boto, session_id, repeated) as agent:
        agent.send("echo")

        assert agent.recv(timeout=WAIT_S) == "echo"
    boto.stop(session_id)
