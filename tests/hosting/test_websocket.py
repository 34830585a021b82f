"""The WebSocket endpoint, under the published package and under ours: one test, two judges."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.hosting.agents import OURS, PUBLISHED
from tests.support.serving import exchange, http_request, serving
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:bedrock_agentcore"),
    pytest.mark.parametrize("sdk", [OURS, PUBLISHED], ids=["ours", "published"]),
]

SESSION = {"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": "session-1", "X-Tenant": "t"}


def test_a_handler_talks_both_ways_and_knows_its_session(sdk: Any) -> None:
    app = sdk.BedrockAgentCoreApp()

    async def handler(websocket: WebSocket, context: Any) -> None:
        await websocket.accept()
        tenant = sdk.BedrockAgentCoreContext.get_request_headers()["x-tenant"]
        while (message := await websocket.receive_json()) != "bye":
            await websocket.send_json([message, context.session_id, tenant])
        await websocket.close()

    app.websocket(handler)
    with (
        serving(app) as port,
        connect(f"ws://127.0.0.1:{port}/ws", additional_headers=SESSION, open_timeout=WAIT_S) as client,
    ):
        for n in range(2):
            client.send(json.dumps(n))
            assert json.loads(client.recv(WAIT_S)) == [n, "session-1", "t"]
        client.send('"bye"')
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(WAIT_S)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


def test_a_failing_handler_closes_with_an_internal_error(sdk: Any) -> None:
    app = sdk.BedrockAgentCoreApp()

    async def handler(websocket: WebSocket, context: Any) -> None:
        await websocket.accept()
        raise ValueError("no")

    app.websocket(handler)
    with (
        serving(app) as port,
        connect(f"ws://127.0.0.1:{port}/ws", open_timeout=WAIT_S) as client,
        pytest.raises(ConnectionClosed) as closed,
    ):
        client.recv(WAIT_S)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011


def test_without_a_handler_the_connection_is_refused(sdk: Any) -> None:
    with (
        serving(sdk.BedrockAgentCoreApp()) as port,
        pytest.raises(InvalidStatus) as refused,
        connect(f"ws://127.0.0.1:{port}/ws", open_timeout=WAIT_S),
    ):
        pass

    assert refused.value.response.status_code == 403


def test_a_client_that_leaves_and_a_handler_that_goes_on_do_no_harm(sdk: Any) -> None:
    """The handler finds out when it reads, or fails when it sends; the app goes on serving either way."""
    app = sdk.BedrockAgentCoreApp()

    async def handler(websocket: WebSocket, context: Any) -> None:
        await websocket.accept()
        if context.session_id:
            await websocket.receive_text()
        await websocket.receive()
        await websocket.send_text("to nobody")

    app.websocket(handler)
    with serving(app) as port:
        for headers in ({}, SESSION):
            with connect(f"ws://127.0.0.1:{port}/ws", additional_headers=headers, open_timeout=WAIT_S):
                pass
        assert b'"Healthy"' in exchange(port, http_request("GET", "/ping"))
