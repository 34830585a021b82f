"""Endpoints of sessions, as boto3 learns of them and botocore's signer reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local import LocalAgentCore
from agentcore_mcp.local.sandbox.ports import allowed_ports
from tests.support.agentcore import Boto, error_code, new_session_id
from tests.support.waiting import WAIT_S
from tests.support.websites import ANY_PORT, free_allowed_port, start_website

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT_HEADER = "X-aws-proxy-port"


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(auth="sigv4", allowed_ports=ANY_PORT) as local:
        yield local


@pytest.fixture(scope="module")
def boto(local: LocalAgentCore) -> Iterator[Boto]:
    with Boto.of(local, keys=_keys(local)) as boto:
        yield boto


@pytest.fixture(scope="module")
def session_id(boto: Boto) -> str:
    return new_session_id()


@pytest.fixture(scope="module")
def endpoint(boto: Boto, session_id: str) -> str:
    return _endpoint(boto, session_id)


@pytest.fixture(scope="module")
def port(boto: Boto, endpoint: str, session_id: str) -> int:
    assert endpoint
    return start_website(lambda line: boto.run(line, session_id))


def _keys(local: LocalAgentCore) -> tuple[str, str]:
    return local.credentials["aws_access_key_id"], local.credentials["aws_secret_access_key"]


def _endpoint(boto: Boto, session_id: str) -> str:
    answer = boto.invoke({"prompt": "hi"}, session_id)
    answer["response"].read()
    url: str = answer["sessionEndpointUrl"]
    assert len(url) <= 128, "as the service model has it"
    return url


def _signed(local: LocalAgentCore, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> dict[str, str]:
    request = AWSRequest(method, url, headers=headers, data=body)
    SigV4Auth(Credentials(*_keys(local)), "bedrock-agentcore", "us-east-1").add_auth(request)
    return dict(request.headers)


def _send(
    local: LocalAgentCore, url: str, port: int | str, method: str = "GET", body: bytes = b"", **headers: str
) -> httpx2.Response:
    signed = _signed(local, method, url, {PORT_HEADER: str(port)}, body)
    return httpx2.request(method, url, headers={**signed, **headers}, content=body, timeout=WAIT_S)


def test_method_path_query_and_body_reach_the_server_in_the_session_without_the_credentials(
    local: LocalAgentCore, endpoint: str, port: int
) -> None:
    answer = _send(
        local,
        f"{endpoint}/a%20b/c?x=1&y",
        port,
        "PUT",
        b"abc",
        Accept="text/plain",
        Connection="x-own",
        **{"X-Own": "1"},
    )
    seen = answer.json()

    assert (seen["method"], seen["target"], seen["query"], seen["bytes"]) == ("PUT", "/a%20b/c", "x=1&y", 3)
    assert seen["headers"]["accept"] == "text/plain"
    assert not {"authorization", "x-amz-date", "x-aws-proxy-port", "x-own"} & seen["headers"].keys()
    assert answer.headers["x-seen"] == "PUT"
    assert answer.headers.get_list("date") == [answer.headers["date"]]
    assert _send(local, f"{endpoint}/x", port, "HEAD").headers["x-seen"] == "HEAD"
    assert _send(local, f"{endpoint}/refused", port).text == "the website's own refusal"


def test_a_refusal_has_its_code_in_a_header_and_an_empty_body(
    local: LocalAgentCore, endpoint: str, port: int, session_id: str, boto: Boto
) -> None:
    unsigned = httpx2.get(endpoint, headers={PORT_HEADER: str(port)}, timeout=WAIT_S)
    forged = httpx2.get(
        endpoint, headers=_signed(local, "GET", f"{endpoint}/other", {PORT_HEADER: str(port)}), timeout=WAIT_S
    )
    refused = {
        "AccessDenied": (403, [unsigned, forged, _send(local, endpoint, 8443), _send(local, endpoint, "http")]),
        "ResourceNotFoundException": (404, [_send(local, f"{endpoint[:-4]}0000", port)]),
        "RuntimeClientError": (424, [_send(local, endpoint, free_allowed_port())]),
    }

    for code, (status, answers) in refused.items():
        told = [(answer.status_code, error_code(answer), answer.content) for answer in answers]
        assert told == [(status, code, b"")] * len(answers)
    recorded = boto.requests(session_id)[-1]
    assert (recorded["operation"], recorded["status"]) == ("InvokeAgentRuntimeProxy", 424)


def test_a_token_is_asked_for_where_the_runtime_takes_tokens() -> None:
    with LocalAgentCore(auth="jwt", allowed_ports=ANY_PORT) as local:
        headers = {"Authorization": f"Bearer {local.token()}"}
        url = f"{local.endpoint_url}/runtimes/{local.agent_runtime_arn.replace('/', '%2F')}/invocations"
        invoked = httpx2.post(url, headers=headers, json={"prompt": "hi"}, timeout=WAIT_S)
        endpoint = invoked.headers["x-amzn-bedrock-agentcore-runtime-session-endpoint-url"]
        without = httpx2.get(endpoint, timeout=WAIT_S)
        with_it = httpx2.get(endpoint, headers=headers, timeout=WAIT_S)

    assert (without.status_code, error_code(without), without.content) == (401, "AuthenticationRequired", b"")
    assert with_it.status_code == 424, "nothing listens, so the token was good"


def test_a_port_is_reached_only_in_the_session_whose_process_listens_there(
    local: LocalAgentCore, boto: Boto, endpoint: str, port: int
) -> None:
    other = _endpoint(boto, new_session_id())

    assert _send(local, f"{endpoint}/x", port).status_code == 200
    assert error_code(_send(local, f"{other}/x", port)) == "RuntimeClientError"


def test_a_websocket_has_its_subprotocol_and_its_close_code(local: LocalAgentCore, endpoint: str, port: int) -> None:
    url = f"{endpoint}/ws"
    headers = _signed(local, "GET", url, {PORT_HEADER: str(port)})
    protocols = [Subprotocol("a"), Subprotocol("b")]
    address = url.replace("http", "ws", 1)
    with connect(
        address, additional_headers=headers, subprotocols=protocols, max_size=None, open_timeout=WAIT_S
    ) as socket:
        for message in ("text", b"bytes", "x" * 2_000_000):
            socket.send(message)
            assert socket.recv(timeout=WAIT_S) == message
        socket.send("bye")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=WAIT_S)
    with pytest.raises(InvalidStatus) as refused, connect(address, open_timeout=WAIT_S):
        pass

    assert socket.subprotocol == "b"
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4321, "as you wish")
    assert (refused.value.response.status_code, refused.value.response.body) == (403, b"")


def test_a_page_of_a_session_may_call_its_own_server_and_nothing_else(
    local: LocalAgentCore, endpoint: str, port: int
) -> None:
    own = local.endpoint_url

    assert _send(local, f"{endpoint}/x", port, Origin=own).status_code == 200
    for origin in ("http://evil.example", "null", own.replace("127.0.0.1", "localhost")):
        assert _send(local, f"{endpoint}/x", port, Origin=origin).status_code == 403
    assert httpx2.get(f"{own}/_local/sessions", headers={"Origin": own}, timeout=WAIT_S).status_code == 403
    assert _send(local, f"{endpoint}/x", port, Host="evil.example").status_code == 403


def test_without_allowed_ports_there_is_no_endpoint() -> None:
    with LocalAgentCore() as local, Boto.of(local) as boto:
        answer = boto.invoke({"prompt": "hi"}, new_session_id())
        answer["response"].read()

    assert "sessionEndpointUrl" not in answer


def test_ports_are_those_that_the_service_allows() -> None:
    assert allowed_ports([8000, "8010-8012"]) == (8000, 8010, 8011, 8012)
    assert allowed_ports([]) == ()
    entries: list[list[Any]] = [
        *(["7999"], ["12001"], [8443], ["8440-8450"], ["8002-8001"], ["x"], ["8000-"], ["-8000"], [True], [80000]),
        *(["8000", "8000"], ["8000-8010", "8010-8020"], list(range(8000, 8006))),
    ]
    for bad in entries:
        with pytest.raises(ConfigurationError, match="can't allow"):
            allowed_ports(bad)


def test_each_agent_has_ports_of_its_own() -> None:
    one, two = {"app": "a:app", "allowed_ports": [8001]}, {"app": "b:app"}
    several = LocalAgentCore(agents={"one": one, "two": two}).settings.agents
    single = LocalAgentCore(app="a:app", allowed_ports=["9000"]).settings.agents
    sample = LocalAgentCore(allowed_ports=[9000]).settings.agents

    assert [agent.allowed_ports for agent in (*several, *single, *sample)] == [(8001,), (), (9000,), (9000,)]
    with pytest.raises(ConfigurationError, match=r"agent 'one': can't allow 1: .*12000"):
        LocalAgentCore(agents={"one": {**one, "allowed_ports": [1]}})
    with pytest.raises(ConfigurationError, match=r"allowed_ports is a list"):
        LocalAgentCore(allowed_ports="8000")
