"""Asking an agent: what it is sent, and what of its answer is shown."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Literal

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.types import CallToolResult, ImageContent, TextContent

from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.eventstream import ContentStop, encode_command_event
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.sse import encode_sse
from tests.support.tools import (
    EVENT_STREAM,
    SESSION,
    data_of,
    operations,
    say_hello,
    settings,
    text_of,
)
from tests.support.waiting import WAIT_S


async def test_raw_events_are_the_events_and_not_the_words() -> None:
    body = encode_sse('{"event": {"contentBlockDelta":\n{"delta": {"text": "hi"}}}}') + encode_sse('"there"')

    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=body, content_type="text/event-stream"))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "raw_events": True}))

    assert result["text"] == '{"event": {"contentBlockDelta": {"delta": {"text": "hi"}}}}\n"there"\n'


async def test_tool_use_is_told_as_progress_and_is_no_part_of_the_answer() -> None:
    events = [
        {"event": {"contentBlockDelta": {"delta": {"text": "Let me see. "}}}},
        {"event": {"contentBlockStart": {"start": {"toolUse": {"name": "search", "toolUseId": "1"}}}}},
        {"event": {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"query": "cats"}'}}}}},
        {"event": {"contentBlockStop": {}}},
        {"event": {"contentBlockDelta": {"delta": {"text": "Cats purr."}}}},
    ]
    seen: list[str] = []

    async def talk(exchange: Exchange) -> None:
        body = b"".join(encode_sse(json.dumps(event)) for event in events)
        await exchange.send(reply(body=body, content_type="text/event-stream"))

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(message or "")

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}, progress_callback=on_progress))

    assert result["text"] == "Let me see. Cats purr."
    assert 'Let me see. \n[using tool search(query="cats")]\nCats purr.' in "".join(seen)


async def test_the_words_can_be_said_to_be_at_a_path() -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'{"result": {"say": "hello"}, "cost": 1}', content_type="application/json"))

    async with (
        loopback_server(talk) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, agent={"response": "result.say"})), mode="legacy"
        ) as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))

    assert result["text"] == "hello"


async def test_the_payload_is_what_the_agent_expects() -> None:
    template = {"input": {"text": "{prompt}"}, "meta": ["{session_id}", 1]}
    headers = {"X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant": "blue"}
    async with (
        loopback_server(say_hello) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, agent={"payload": template, "headers": headers})),
            mode="legacy",
        ) as client,
    ):
        data_of(await client.call_tool("invoke_agent", {"prompt": 'say "hi"', "session_id": SESSION}))

    assert json.loads(runtime.requests[0].body) == {"input": {"text": 'say "hi"'}, "meta": [SESSION, 1]}
    assert runtime.requests[0].header("X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant") == "blue"


async def test_a_gateway_gets_the_configured_headers_with_every_request() -> None:
    async with (
        loopback_server(say_hello) as runtime,
        Client(
            create_server(settings(runtime.endpoint_url, agent={"headers": {"X-Api-Key": "for-the-gateway"}})),
            mode="legacy",
        ) as client,
    ):
        data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": SESSION}))
        data_of(await client.call_tool("run_command", {"command": "ls", "session_id": SESSION}))
        data_of(await client.call_tool("stop_session", {"session_id": SESSION}))

    assert operations(runtime) == ["invocations", "commands", "stopruntimesession"]
    assert [request.header("X-Api-Key") for request in runtime.requests] == ["for-the-gateway"] * 3


async def test_aws_gets_with_a_command_those_headers_alone_that_it_has_for_one() -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        if request.url.path.endswith("/commands"):
            done = encode_command_event(ContentStop(0, "COMPLETED"))
            return httpx2.Response(200, content=done, headers={"content-type": EVENT_STREAM})
        return httpx2.Response(200, content=b"{}", headers={"content-type": "application/json"})

    headers = {"X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant": "blue", "baggage": "tenant=blue"}
    agent = {"headers": headers, "endpoint_url": None, "auth": {"token": "not-a-real-token"}}
    server = create_server(settings("", agent=agent), transport=httpx2.MockTransport(answer))
    async with Client(server, mode="legacy") as client:
        data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "session_id": SESSION}))
        data_of(await client.call_tool("run_command", {"command": "ls", "session_id": SESSION}))
        data_of(await client.call_tool("stop_session", {"session_id": SESSION}))

    own = [sorted(headers[name] for name in headers if name in request.headers) for request in sent]
    assert own == [["blue", "tenant=blue"], ["tenant=blue"], []]


async def test_an_agent_that_waits_for_a_person_is_answered_by_the_next_call_in_its_session() -> None:
    """As an agent of Strands takes it: in the place of the prompt, and under the id of its interrupt."""
    interrupt = {"id": "v1:tool_call:t0:1", "name": "confirm", "reason": "Transfer 2000 EUR to Anna?", "response": None}
    answers = [{"status": "interrupt", "interrupts": [interrupt]}, {"result": "Done."}, {"result": "Hello."}]

    async def talk(exchange: Exchange) -> None:
        body = json.dumps(answers.pop(0)).encode()
        await exchange.send(reply(body=body, content_type="application/json"))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        asked = await client.call_tool("invoke_agent", {"prompt": "pay Anna"})
        result = data_of(asked)
        session = {"session_id": result["session_id"]}
        done = data_of(await client.call_tool("invoke_agent", {"prompt": "yes", **session}))
        after = data_of(await client.call_tool("invoke_agent", {"prompt": "hi", **session}))

    assert (result["status"], done["status"], after["status"]) == ("INPUT_REQUIRED", "COMPLETED", "COMPLETED")
    assert result["questions"] == [
        {"question": "Transfer 2000 EUR to Anna?", "id": "v1:tool_call:t0:1", "name": "confirm"}
    ]
    assert f"call invoke_agent with session_id {session['session_id']!r} and the answer as the prompt" in result["note"]
    assert "waiting for an answer: confirm: Transfer 2000 EUR to Anna? (id v1:tool_call:t0:1)" in asked.content[0].text  # type: ignore[union-attr]
    assert [json.loads(request.body)["prompt"] for request in runtime.requests] == [
        "pay Anna",
        [{"interruptResponse": {"interruptId": "v1:tool_call:t0:1", "response": "yes"}}],
        "hi",
    ]


async def test_a_question_is_still_to_be_answered_after_another_call_in_the_session_has_ended() -> None:
    begun, asked = anyio.Event(), anyio.Event()
    question = {"status": "interrupt", "interrupts": [{"id": "i-1", "name": "confirm", "reason": "Pay?"}]}

    async def talk(exchange: Exchange) -> None:
        prompt = json.loads(exchange.request.body)["prompt"]
        if prompt == "long":
            begun.set()
            await asked.wait()
        answer = question if prompt == "pay" else {"result": "Done."}
        await exchange.send(reply(body=json.dumps(answer).encode(), content_type="application/json"))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):

        async def ask(prompt: str) -> None:
            await client.call_tool("invoke_agent", {"prompt": prompt, "session_id": SESSION})

        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, "long")
                await begun.wait()
                await ask("pay")
                asked.set()
            await ask("yes")

    assert json.loads(runtime.requests[-1].body)["prompt"] == [
        {"interruptResponse": {"interruptId": "i-1", "response": "yes"}}
    ]


async def test_what_an_answer_looks_like_is_said_and_the_answer_is_the_prompt_of_any_other_agent() -> None:
    schema = {"type": "object", "properties": {"approved": {"type": "boolean"}}}
    events = [
        {"type": "RUN_STARTED", "threadId": "t", "runId": "r"},
        {
            "type": "RUN_FINISHED",
            "outcome": {
                "type": "interrupt",
                "interrupts": [{"id": "i1", "reason": "tool_call", "message": "Delete it?", "responseSchema": schema}],
            },
        },
    ]

    async def talk(exchange: Exchange) -> None:
        body = b"".join(encode_sse(json.dumps(event)) for event in events)
        await exchange.send(reply(body=body, content_type="text/event-stream"))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = data_of(await client.call_tool("invoke_agent", {"prompt": "delete it", "raw_events": True}))
        await client.call_tool("invoke_agent", {"prompt": '{"approved": true}', "session_id": result["session_id"]})

    assert result["status"] == "INPUT_REQUIRED"
    assert [json.loads(question["answer"]) for question in result["questions"]] == [schema]
    assert "RUN_FINISHED" in result["text"]
    assert json.loads(runtime.requests[1].body) == {"prompt": '{"approved": true}'}


async def test_an_event_of_the_type_error_is_a_failure_with_what_had_come() -> None:
    """As the BedrockAgentCoreApp for TypeScript reports it."""
    stream = b'data: It is\n\nevent: error\ndata: {"error":"boom"}\n\n'

    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=stream, content_type="text/event-stream"))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        result = await client.call_tool("invoke_agent", {"prompt": "hi"})

    assert result.is_error
    assert "boom" in result.content[0].text  # type: ignore[union-attr]
    assert result.content[0].text.endswith("It is")  # type: ignore[union-attr]


async def test_raw_events_have_their_types_and_text_is_left_as_it_came() -> None:
    bodies = [
        (b"event: note\ndata: x\n\nevent: done\ndata: {}\n\n", "text/event-stream"),
        (b"plain\nwords", "text/plain"),
    ]

    async def talk(exchange: Exchange) -> None:
        body, content_type = bodies.pop(0)
        await exchange.send(reply(body=body, content_type=content_type))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        texts = [
            data_of(await client.call_tool("invoke_agent", {"prompt": "hi", "raw_events": True}))["text"] for _ in "12"
        ]

    assert texts == ['{"event": "note", "data": "x"}\n{"event": "done", "data": {}}\n', "plain\nwords"]


async def _answered_with(body: bytes, content_type: str) -> CallToolResult:
    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=body, content_type=content_type))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode="legacy") as client,
    ):
        return await client.call_tool("invoke_agent", {"prompt": "draw"})


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg"])
async def test_a_picture_is_shown_as_one_and_told_in_words(content_type: str) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(62)

    result = await _answered_with(picture, content_type)

    text, image = result.content
    assert isinstance(text, TextContent)
    assert f"(the agent answered with {content_type}, 70 bytes)" in text.text
    assert isinstance(image, ImageContent)
    assert (b64decode(image.data), image.mime_type) == (picture, content_type)


@pytest.mark.parametrize(
    ("size", "content_type"), [(700_001, "image/png"), (70, "application/zip"), (70, "audio/mpeg")]
)
async def test_what_a_host_can_t_show_is_told_in_words_alone(size: int, content_type: str) -> None:
    result = await _answered_with(bytes(size), content_type)

    assert len(result.content) == 1
    assert f"{content_type}, {size:,} bytes" in data_of(result)["text"]


async def test_questions_of_any_length_fit_into_a_result() -> None:
    interrupts = [{"id": f"{n}", "name": "approve", "reason": "why? " * 10_000} for n in range(100)]
    body = json.dumps({"stop_reason": "interrupt", "interrupts": interrupts}).encode()

    result = await _answered_with(body, "application/json")

    assert data_of(result)["status"] == "INPUT_REQUIRED"
    assert len(data_of(result)["questions"]) == 20
    assert len(result.model_dump_json()) < 200_000


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_where_servers_in_the_session_are_reached_is_part_of_either_channel(
    mode: Literal["legacy", "auto"],
) -> None:
    header = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Endpoint-Url"
    endpoints = {"https://a.example": "https://a.example", "http://a.example": None, "file:///etc": None, "": None}
    given = iter(endpoints)

    async def talk(exchange: Exchange) -> None:
        await exchange.send(reply(body=b'"hi"', **{"Content-Type": "application/json", header: next(given)}))

    async with (
        loopback_server(talk) as runtime,
        Client(create_server(settings(runtime.endpoint_url)), mode=mode) as client,
    ):
        for endpoint in endpoints.values():
            result = await client.call_tool("invoke_agent", {"prompt": "hi"})

            assert data_of(result).get("endpoint_url") == endpoint
            assert (f"[endpoint_url: {endpoint}]" in text_of(result)) == (endpoint is not None)
