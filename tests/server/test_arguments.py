"""Arguments that a tool does not know, or of the wrong type."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client
from mcp.types import INVALID_PARAMS
from starlette.responses import JSONResponse

from agentcore_mcp.config.loading import load
from agentcore_mcp.server.arguments import check
from agentcore_mcp.server.assembly import create_server
from tests.support.mcp_hosts import MODES
from tests.support.raw_hosts import raw_host
from tests.support.runtimes import ARN, runtime

SCHEMA = {
    "properties": {
        "prompt": {"type": "string"},
        "session_id": {"type": "string", "default": ""},
        "timeout_seconds": {"type": "integer", "default": 300},
        "raw": {"type": "boolean", "default": False},
        "agent": {"type": "string", "enum": ["research", "review"]},
        "arguments": {"type": "object"},
    },
    "required": ["prompt"],
}


@pytest.mark.parametrize(
    ("arguments", "checked"),
    [
        ({"prompt": "hi"}, {"prompt": "hi"}),
        ({"prompt": "hi", "session_id": None, "timeout_seconds": None}, {"prompt": "hi"}),
        ({"prompt": '{"x": 1}'}, {"prompt": '{"x": 1}'}),
        ({"prompt": "hi", "timeout_seconds": "30"}, {"prompt": "hi", "timeout_seconds": 30}),
        ({"prompt": "hi", "timeout_seconds": 30.0}, {"prompt": "hi", "timeout_seconds": 30}),
        ({"prompt": "hi", "timeout_seconds": "-1"}, {"prompt": "hi", "timeout_seconds": -1}),
        ({"prompt": "hi", "timeout_seconds": " 30 "}, {"prompt": "hi", "timeout_seconds": 30}),
        ({"prompt": "hi", "raw": "True"}, {"prompt": "hi", "raw": True}),
        ({"prompt": "hi", "agent": "review"}, {"prompt": "hi", "agent": "review"}),
        ({"prompt": "hi", "session_id": "null", "agent": "None"}, {"prompt": "hi"}),
        ({"prompt": "null"}, {"prompt": "null"}),
        ({"prompt": "hi", "arguments": {"a": [1]}}, {"prompt": "hi", "arguments": {"a": [1]}}),
        ({"prompt": "hi", "arguments": '{"a": [1]}'}, {"prompt": "hi", "arguments": {"a": [1]}}),
        ({"prompt": "hi", "arguments": ""}, {"prompt": "hi"}),
        ({"prompt": "hi", "arguments": "null"}, {"prompt": "hi"}),
        ({"prompt": "hi", "wait_for_previous": True, "handle": ""}, {"prompt": "hi"}),
    ],
)
def test_what_is_harmless_is_put_right(arguments: dict[str, Any], checked: dict[str, Any]) -> None:
    assert check(SCHEMA, arguments, ours={"handle"}) == (checked, [])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "prompt is missing"),
        ({"prompt": None}, "prompt is null, and has to be a text"),
        ({"prompt": 5}, "prompt is 5, and has to be a text"),
        ({"prompt": {"a": 1}}, 'prompt is {"a": 1}, and has to be a text'),
        ({"prompt": ["x" * 100]}, f'prompt is ["{"x" * 58}…, and has to be a text'),
        ({"prompt": "hi", "arguments": [1]}, "arguments is [1], and has to be an object"),
        ({"prompt": "hi", "arguments": "[1]"}, "arguments is '[1]', and has to be an object"),
        ({"prompt": "hi", "arguments": "{"}, "arguments is '{', and has to be an object"),
        ({"prompt": "hi", "timeout_seconds": "soon"}, "timeout_seconds is 'soon', and has to be a whole number"),
        ({"prompt": "hi", "timeout_seconds": "--5"}, "timeout_seconds is '--5', and has to be a whole number"),
        ({"prompt": "hi", "timeout_seconds": "-"}, "timeout_seconds is '-', and has to be a whole number"),
        ({"prompt": "hi", "timeout_seconds": 1.5}, "timeout_seconds is 1.5, and has to be a whole number"),
        ({"prompt": "hi", "timeout_seconds": True}, "timeout_seconds is true, and has to be a whole number"),
        (
            {"prompt": "hi", "timeout_seconds": float("inf")},
            "timeout_seconds is Infinity, and has to be a whole number",
        ),
        ({"prompt": "hi", "raw": 1}, "raw is 1, and has to be true or false"),
        ({"prompt": "hi", "agent": "x"}, "agent is 'x', and has to be one of research, review"),
        ({"prompt": "hi", "session": "x"}, "there is no argument 'session' (did you mean 'session_id'?)"),
        (
            {"prompt": "hi", "handle": "x"},
            "there is no argument 'handle', only prompt, session_id, timeout_seconds, raw, agent, arguments",
        ),
    ],
)
def test_the_rest_is_told_in_a_sentence(arguments: dict[str, Any], complaint: str) -> None:
    assert check(SCHEMA, arguments, ours={"handle"})[1] == [complaint]


def test_a_tool_that_takes_no_arguments_says_so() -> None:
    complaint = "there is no argument 'agent', only calls without any"

    assert check({"properties": {}}, {"agent": "x"}, ours={"agent"})[1] == [complaint]


def test_of_a_great_many_arguments_that_there_are_not_a_few_are_told() -> None:
    _, complaints = check(SCHEMA, {"prompt": "hi", **{f"prompt{number}": 1 for number in range(1_000)}})

    assert 10 < len(complaints) < 100
    assert complaints[0] == "there is no argument 'prompt0' (did you mean 'prompt'?)"


async def test_an_argument_that_a_host_adds_to_every_call_is_ignored() -> None:
    async def answer(request: object) -> Any:
        return JSONResponse("hello")

    async with runtime(answer) as env, Client(create_server(load(env).settings), mode="legacy") as client:
        result = await client.call_tool("invoke_agent", {"prompt": "hi", "wait_for_previous": True})
        elsewhere = await client.call_tool("invoke_agent", {"prompt": "hi", "agent": "another"})

    assert result.structured_content is not None
    assert result.structured_content["text"] == "hello"
    assert elsewhere.is_error


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("invoke_agent", {}, "invoke_agent was not called: prompt is missing"),
        ("invoke_agent", {"prompt": "hi", "sessionId": "x"}, "did you mean 'session_id'?"),
        ("run_command", {"command": ["ls"]}, 'command is ["ls"], and has to be a text'),
        ("run_command", {"command": "ls", "timeout_seconds": "long"}, "has to be a whole number"),
        ("stop_session", {"session_id": None}, "session_id is null, and has to be a text"),
    ],
)
async def test_a_caller_reads_the_sentence_and_nothing_is_sent(
    mode: str, tool: str, arguments: dict[str, Any], sentence: str
) -> None:
    async def unexpected(request: object) -> Any:
        raise AssertionError("nothing should be sent")

    async with runtime(unexpected) as env, Client(create_server(load(env).settings), mode=mode) as client:
        result = await client.call_tool(tool, arguments)

    assert result.is_error
    assert sentence in result.content[0].text  # type: ignore[union-attr]
    assert "validation error" not in result.content[0].text  # type: ignore[union-attr]
    assert ARN not in result.content[0].text  # type: ignore[union-attr]


async def test_a_tool_that_is_named_by_no_text_is_told_as_a_wrong_request() -> None:
    names: list[Any] = [[], {}, None, 5]
    async with raw_host({"AGENTCORE_RUNTIME_ARN": ARN}) as host:
        await host.initialize()
        answers = [
            await host.request(number, "tools/call", {"name": name, "arguments": {}})
            for number, name in enumerate(names, 1)
        ]

    assert [answer["error"]["code"] for answer in answers] == [INVALID_PARAMS] * len(names)


async def test_arguments_that_are_no_object_are_none_that_a_tool_can_be_called_with() -> None:
    shown: dict[str, Any] = {"[]": [], "false": False, "''": "", "0": 0}
    async with raw_host({"AGENTCORE_RUNTIME_ARN": ARN}) as host:
        await host.initialize()
        answers = [
            await host.request(number, "tools/call", {"name": "list_agents", "arguments": arguments})
            for number, arguments in enumerate(shown.values(), 1)
        ]

    assert all(answer["result"]["isError"] for answer in answers)
    assert [answer["result"]["content"][0]["text"] for answer in answers] == [
        f"list_agents was not called: its arguments are {each}, and have to be an object" for each in shown
    ]
