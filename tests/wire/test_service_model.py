"""Every fact that ``wire`` has about the service, held against botocore's service model, in both directions.

What the model has and we don't know fails here too: a new member, error, reason or kind of event has to be looked at.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.wire import headers, ids, limits, operations, refusals, requests
from agentcore_mcp.wire.eventstream import STATUS_COMPLETED, STATUS_TIMED_OUT
from agentcore_mcp.wire.eventstream.harnesses import OPTIONS
from agentcore_mcp.wire.operations import CARD, COMMAND, HARNESS, INVOKE, SHELL, SOCKET, STOP, Operation

if TYPE_CHECKING:
    from botocore.model import Shape

MODEL = botocore.session.get_session().get_service_model("bedrock-agentcore", "2024-02-28")
MODELLED = [INVOKE, COMMAND, STOP, CARD, HARNESS]
# The members that travel elsewhere than in headers.
ELSEWHERE = {
    INVOKE.name: {"agentRuntimeArn", "qualifier", "accountId", "payload"},
    COMMAND.name: {"agentRuntimeArn", "qualifier", "accountId", "body"},
    STOP.name: {"agentRuntimeArn", "qualifier", "clientToken"},
    CARD.name: {"agentRuntimeArn", "qualifier"},
    HARNESS.name: {"harnessArn", "qualifier", "messages", *OPTIONS},
}
# Where the model sets none.
LIMITS_OF_OTHERS = {(HARNESS.name, headers.USER.name): (1, limits.USER_ID_MAX_CHARS)}
# The headers of answers that are AgentCore's own, and not the agent's.
ANSWERED = {headers.SESSION_HEADER.lower(), "x-amzn-bedrock-agentcore-runtime-session-endpoint-url"}
# The reasons of a ValidationException that are about memory, not about runtimes.
REASONS_OF_OTHERS = {"EventInOtherSession", "ResourceConflict"}


def limits_of(member: Shape) -> tuple[int, int]:
    return member.metadata["min"], member.metadata["max"]


def bounds(shape: str) -> tuple[int, int]:
    return limits_of(MODEL.shape_for(shape))


@pytest.mark.parametrize("operation", MODELLED, ids=lambda operation: operation.name)
def test_an_operation_is_the_models(operation: Operation) -> None:
    model = MODEL.operation_model(operation.name)

    path = "/" if operation.arn_parameter else "/runtimes/{agentRuntimeArn}/"
    assert (operation.method, path + operation.path) == (model.http["method"], model.http["requestUri"])
    assert model.http["responseCode"] == 200


@pytest.mark.parametrize("operation", MODELLED, ids=lambda operation: operation.name)
def test_the_members_of_an_input_are_all_known(operation: Operation) -> None:
    model = MODEL.operation_model(operation.name).input_shape
    members = model.members
    in_headers = {
        (name, member.serialization["name"], *(LIMITS_OF_OTHERS.get((operation.name, name)) or limits_of(member)))
        for name, member in members.items()
        if member.serialization.get("location") == "header"
    }

    assert {(m.name, m.header, m.min_chars, m.max_chars) for m in operation.members} == in_headers
    assert members.keys() - {name for name, *_ in in_headers} == ELSEWHERE[operation.name]
    assert operation.by_id == ("accountId" in members)
    assert operation.needs_session == ("runtimeSessionId" in model.required_members)
    assert operation.arn_parameter in ("", *members)


@pytest.mark.parametrize("operation", MODELLED, ids=lambda operation: operation.name)
def test_the_headers_of_an_answer_are_all_known(operation: Operation) -> None:
    members = MODEL.operation_model(operation.name).output_shape.members
    found = {
        member.serialization["name"].lower()
        for member in members.values()
        if member.serialization.get("location") == "header"
    }

    assert found - ANSWERED <= headers.ANSWER_HEADERS
    assert operation is not INVOKE or found == ANSWERED | headers.ANSWER_HEADERS


def test_the_parameters_of_a_query_are_the_models() -> None:
    members = MODEL.operation_model(INVOKE.name).input_shape.members
    in_query = {
        member.serialization["name"]: member.metadata
        for member in members.values()
        if member.serialization.get("location") == "querystring"
    }
    runtime = ids.RuntimeId("agent-1", "123456789012", "us-west-2")
    target = requests.invoke_request(runtime, b"", session_id="s" * 33, qualifier="q").target

    assert target == "/runtimes/agent-1/invocations?accountId=123456789012&qualifier=q"
    assert in_query == {"qualifier": {}, "accountId": {"pattern": ids.ACCOUNT_ID.pattern}}


def test_the_limits_are_the_models() -> None:
    in_harness = MODEL.shape_for("InvokeHarnessRequestRuntimeSessionIdString")
    assert limits_of(in_harness) == (limits.SESSION_ID_MIN_CHARS, limits.HARNESS_SESSION_ID_MAX_CHARS)
    assert bounds("SessionType") == (limits.SESSION_ID_MIN_CHARS, limits.SESSION_ID_MAX_CHARS)
    assert bounds("StringType") == (1, limits.USER_ID_MAX_CHARS)
    assert bounds("Body") == (0, limits.PAYLOAD_MAX_BYTES)


def test_the_body_of_a_command_is_the_models() -> None:
    body = MODEL.operation_model(COMMAND.name).input_shape.members["body"]
    request = requests.command_request(ids.RuntimeArn.parse(ARN), "true", session_id="s" * 33)
    documented = re.search(
        r"Default is (\d+) seconds. Minimum is (\d+) second. Maximum is (\d+)", body.members["timeout"].documentation
    )

    assert json.loads(request.body).keys() == body.members.keys()
    assert bounds(body.members["command"].name) == (1, limits.COMMAND_MAX_CHARS)
    assert documented is not None
    assert tuple(map(int, documented.groups())) == (
        limits.COMMAND_TIMEOUT_DEFAULT_S,
        limits.COMMAND_TIMEOUT_MIN_S,
        limits.COMMAND_TIMEOUT_MAX_S,
    )


def test_the_events_of_a_command_are_all_known() -> None:
    events = MODEL.operation_model(COMMAND.name).output_shape.members["stream"].members
    chunk = events["chunk"].members
    errors = {name[0].upper() + name[1:]: shape for name, shape in events.items() if name != "chunk"}

    assert chunk.keys() == {"contentStart", "contentDelta", "contentStop"}
    assert chunk["contentStart"].members.keys() == set()
    assert chunk["contentDelta"].members.keys() == {"stdout", "stderr"}
    assert chunk["contentStop"].members.keys() == {"exitCode", "status"}
    assert set(chunk["contentStop"].members["status"].enum) == {STATUS_COMPLETED, STATUS_TIMED_OUT}
    assert {name: shape.metadata["error"]["httpStatusCode"] for name, shape in errors.items()}.items() <= (
        refusals.STATUS_OF_CODE.items()
    )


def test_the_errors_are_all_known() -> None:
    shapes = [shape for operation in MODELLED for shape in MODEL.operation_model(operation.name).error_shapes]
    members = {name: shape for error in shapes for name, shape in error.members.items()}

    assert {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in shapes} == refusals.STATUS_OF_CODE
    assert not refusals.STATUS_OF_CODE.keys() & refusals.STATUS_OF_COMMON_CODE.keys()
    assert members.keys() == {"message", "reason", "fieldList"}
    assert members["fieldList"].member.members.keys() == {"name", "message"}
    assert set(members["reason"].enum) == REASONS_OF_OTHERS | {
        refusals.CANNOT_PARSE,
        refusals.FIELD_VALIDATION_FAILED,
        refusals.IDEMPOTENT_PARAMETER_MISMATCH,
    }


@given(st.text("aZ0-_\n", min_size=30, max_size=260))
def test_a_client_token_is_the_models(token: str) -> None:
    shortest, longest = bounds("ClientToken")
    fits = shortest <= len(token) <= longest
    pattern = MODEL.shape_for("ClientToken").metadata["pattern"]

    assert bool(ids.CLIENT_TOKEN.fullmatch(token)) == bool(fits and re.fullmatch(pattern, token))


@given(st.text("aZ0-_.\n", min_size=30, max_size=103))
def test_a_session_id_of_a_harness_is_the_models(session_id: str) -> None:
    shape = MODEL.shape_for("InvokeHarnessRequestRuntimeSessionIdString")
    shortest, longest = limits_of(shape)
    fits = shortest <= len(session_id) <= longest and re.fullmatch(shape.metadata["pattern"], session_id)

    assert bool(ids.HARNESS_SESSION_ID.fullmatch(session_id)) == bool(fits)


def test_the_service_is_the_models() -> None:
    assert ids.SERVICE == MODEL.signing_name == MODEL.endpoint_prefix


def test_what_is_documented_and_not_modelled_is_named_as_in_the_documentation() -> None:
    assert not {SOCKET.name, SHELL.name} & set(MODEL.operation_names)
    assert (SOCKET.path, SHELL.path) == ("ws", "ws/shells")
    assert headers.CUSTOM_HEADER_PREFIX == "X-Amzn-Bedrock-AgentCore-Runtime-Custom-"
    assert operations.METADATA.path == "invocations/.well-known/oauth-protected-resource"
    assert (limits.PRESIGNED_MAX_S, limits.IDLE_TIMEOUT_S, limits.SESSION_LIFETIME_S) == (300, 900, 28_800)


ARN = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/agent_1-abcdefghij"


def test_no_other_room_spells_a_name_of_the_service() -> None:
    """They stand once, for the client and for the local AgentCore alike."""
    names = {
        *(member.header.lower() for operation in MODELLED for member in operation.members),
        *(value.lower() for value in vars(headers).values() if isinstance(value, str) and "/" not in value),
        *(headers.EVENT_STREAM_TYPE, headers.SSE_TYPE, headers.JSON_TYPE),
        *(operation.path for operation in (STOP, CARD, operations.METADATA)),
        *(pattern.pattern.lower() for pattern in (ids.CLIENT_TOKEN, ids.SHELL_ID, ids.ACCOUNT_ID)),
        *(ids.SERVICE, refusals.FOREIGN.lower()),
    } - {"content-type", "accept"}
    package = Path(headers.__file__).parent.parent
    spelled = [
        (str(file.relative_to(package)), node.value)
        for file in package.rglob("*.py")
        if file.parent.name != "wire"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in names
    ]

    assert spelled == []
