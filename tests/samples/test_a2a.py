"""The sample A2A agent, called by the client of ``a2a-sdk`` and read by its models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from a2a.client import Client, ClientConfig, ClientFactory
from a2a.compat.v0_3.types import AgentCard, JSONRPCErrorResponse, SendStreamingMessageResponse
from a2a.helpers.proto_helpers import get_artifact_text, get_data_parts, get_message_text
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    TaskState,
)
from a2a.utils.errors import A2AError

from agentcore_mcp.wire.headers import SESSION_HEADER
from tests.support.agentcore import new_session_id
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from a2a.types import StreamResponse, Task


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(headers={SESSION_HEADER: new_session_id()}, timeout=WAIT_S) as http:
        yield http


@pytest.fixture
async def client(http: httpx.AsyncClient, urls: dict[str, str]) -> Client:
    return await ClientFactory(ClientConfig(httpx_client=http)).create_from_url(urls["a2a"])


def message(text: str, **ids: str) -> SendMessageRequest:
    return SendMessageRequest(message=Message(message_id="m1", role=Role.ROLE_USER, parts=[Part(text=text)], **ids))


async def said(client: Client, text: str, **ids: str) -> list[StreamResponse]:
    return [event async for event in client.send_message(message(text, **ids))]


async def task_after(client: Client, events: list[StreamResponse]) -> Task:
    return await client.get_task(GetTaskRequest(id=events[0].task.id))


async def test_words_are_streamed_in_the_pieces_of_an_artifact(client: Client) -> None:
    first, *pieces, last = await said(client, "slow 2")
    task = await task_after(client, [first])

    assert first.task.status.state in (TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_WORKING)
    assert "piece 2 of 2" in get_artifact_text(pieces[-1].artifact_update.artifact)
    assert pieces[-1].artifact_update.append
    assert last.status_update.status.state == TaskState.TASK_STATE_COMPLETED
    assert get_artifact_text(task.artifacts[0], "") == "piece 1 of 2\npiece 2 of 2\n"


async def test_a_question_ends_the_call_and_the_next_one_answers_it(client: Client) -> None:
    asked = await task_after(client, await said(client, "ask Shall I deploy?"))
    ids = {"task_id": asked.id, "context_id": asked.context_id}
    answered = await task_after(client, await said(client, "yes, do", **ids))

    assert asked.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
    assert get_message_text(asked.status.message) == "Shall I deploy?"
    assert answered.id == asked.id
    assert answered.status.state == TaskState.TASK_STATE_COMPLETED
    assert get_artifact_text(answered.artifacts[0]) == "You answered: yes, do"
    with pytest.raises(A2AError):
        await said(client, "once more", **ids)


async def test_it_gives_files_and_data(client: Client) -> None:
    task = await task_after(client, await said(client, "file"))
    report, figures = task.artifacts

    assert (report.parts[0].filename, report.parts[0].media_type) == ("orders.csv", "text/csv")
    assert report.parts[0].raw == b"month,orders\n1,20\n"
    assert get_data_parts(figures.parts) == [{"orders": 20}]


async def test_a_task_goes_on_without_its_caller_who_can_come_back_to_it(client: Client) -> None:
    """On AgentCore the work of a call goes on when its caller has gone."""
    async for event in client.send_message(message("slow 2")):
        task_id = event.task.id
        break
    with anyio.fail_after(WAIT_S):
        while (
            task := await client.get_task(GetTaskRequest(id=task_id))
        ).status.state != TaskState.TASK_STATE_COMPLETED:
            assert task.status.state == TaskState.TASK_STATE_WORKING
            await anyio.sleep(0.1)

    assert get_artifact_text(task.artifacts[0], "") == "piece 1 of 2\npiece 2 of 2\n"


@pytest.mark.parametrize("prompt", ["slow 60", "ask Shall I?"])
async def test_a_task_that_works_or_waits_can_be_cancelled_once(client: Client, prompt: str) -> None:
    async for event in client.send_message(message(prompt)):
        task_id = event.task.id
        break
    cancelled = await client.cancel_task(CancelTaskRequest(id=task_id))

    assert cancelled.status.state == TaskState.TASK_STATE_CANCELED
    with pytest.raises(A2AError):
        await client.cancel_task(CancelTaskRequest(id=task_id))


async def test_it_fails_when_told_to_and_remembers_what_was_said_in_a_context(client: Client) -> None:
    failed = await task_after(client, await said(client, "fail"))
    await said(client, "remember 4711", context_id="c1")
    remembered = await task_after(client, await said(client, "what did I say?", context_id="c1"))

    assert failed.status.state == TaskState.TASK_STATE_FAILED
    assert get_message_text(failed.status.message) == "you told me to fail"
    assert "remember 4711" in get_artifact_text(remembered.artifacts[0], "")


async def test_a_client_that_does_not_stream_gets_the_task_at_its_end(
    http: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    client = await ClientFactory(ClientConfig(httpx_client=http, streaming=False)).create_from_url(urls["a2a"])
    (answer,) = await said(client, "json")

    assert answer.task.status.state == TaskState.TASK_STATE_COMPLETED
    assert get_data_parts(answer.task.artifacts[0].parts)[0]["prompt"] == "json"


async def rpc(http: httpx.AsyncClient, url: str, body: dict[str, Any]) -> str:
    return (await http.post(url, json=body)).text


async def test_what_it_sends_is_valid_by_the_models_of_version_0_3(
    http: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    url = urls["a2a"]
    card = AgentCard.model_validate((await http.get(f"{url}/.well-known/agent-card.json")).json())
    sent = []
    for prompt in ("hello", "file", "json", "ask Shall I?", "fail"):
        parts = [{"kind": "text", "text": prompt}]
        params = {"message": {"kind": "message", "messageId": "m1", "role": "user", "parts": parts}}
        request = {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": params}
        lines = (await rpc(http, url, request)).split("\n\n")
        sent += [json.loads(line.removeprefix("data: ")) for line in lines if line]
    for event in sent:
        SendStreamingMessageResponse.model_validate(event)

    assert (card.url, card.protocol_version, card.capabilities.streaming) == (url, "0.3.0", True)
    assert {event["result"]["kind"] for event in sent} == {"task", "artifact-update", "status-update"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"prompt": "hi"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage", "params": {}}, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"id": "t1"}}, -32001),
        ({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {"taskId": "t1"}}}, -32001),
    ],
)
async def test_what_it_cannot_do_is_an_error_of_the_protocol(
    http: httpx.AsyncClient, urls: dict[str, str], body: dict[str, Any], code: int
) -> None:
    answer = json.loads(await rpc(http, urls["a2a"], body))
    JSONRPCErrorResponse.model_validate(answer)

    assert (answer["id"], answer["error"]["code"]) == (body.get("id"), code)
