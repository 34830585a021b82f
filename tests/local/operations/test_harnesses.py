"""InvokeHarness on the local AgentCore, as boto3 sees it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3
import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from urllib3.exceptions import ProtocolError

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.runtime import BearerAuth, BlockingRuntimeClient, ServiceError
from tests.support.agentcore import Boto, eventually, new_session_id
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENTS = {"assistant": {"protocol": "harness"}, "sample": {"protocol": "http"}}


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(agents=AGENTS) as local:
        yield local


@pytest.fixture(scope="module")
def boto(local: LocalAgentCore) -> Iterator[Boto]:
    with Boto.of(local) as boto:
        yield boto


def user(*blocks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(blocks)}]


def ask(boto: Boto, prompt: str | list[dict[str, Any]], session_id: str, **arguments: Any) -> Any:
    messages = user({"text": prompt}) if isinstance(prompt, str) else prompt
    harness = {"harnessArn": boto.arn, "runtimeSessionId": session_id} | arguments
    return boto.client.invoke_harness(messages=messages, **harness)["stream"]


def words(events: list[dict[str, Any]]) -> str:
    return "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)


def test_the_words_come_in_events_of_converse_and_the_session_remembers(boto: Boto) -> None:
    session_id = new_session_id()
    first, second = (list(ask(boto, prompt, session_id)) for prompt in ("remember the fox", "what did I say?"))

    assert ":harness/assistant-" in boto.arn
    assert [next(iter(event)) for event in first if "contentBlockDelta" not in event] == [
        "messageStart",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert first[0] == {"messageStart": {"role": "assistant"}}
    assert first[-2] == {"messageStop": {"stopReason": "end_turn"}}
    assert words(first) == "I will remember that, for as long as this session lives."
    assert words(second) == "You said:\nremember the fox"


def test_words_arrive_while_the_agent_works(boto: Boto) -> None:
    session_id = new_session_id()
    stream = iter(ask(boto, "gate door", session_id))
    begun = [next(stream), next(stream)]
    boto.run("touch door", session_id)

    assert words(begun) == "I am waiting for the file door. "
    assert words(list(stream)) == "It is here."


def test_commands_and_stop_take_the_arn_of_the_harness(boto: Boto) -> None:
    session_id = new_session_id()
    boto.run("touch fox", session_id)

    assert words(list(ask(boto, "files", session_id))) == "fox"
    boto.stop(session_id)
    eventually(lambda: session_id not in boto.sessions())
    assert words(list(ask(boto, "files", session_id))) == "My directory is empty."


def test_an_agent_that_fails_halfway_ends_the_stream_with_an_exception(boto: Boto) -> None:
    events: list[dict[str, Any]] = []
    with closing(ask(boto, "fail", new_session_id())) as stream, pytest.raises(EventStreamError) as caught:
        events.extend(stream)

    assert caught.value.response["Error"] == {"Code": "runtimeClientError", "Message": "you told me to fail"}
    assert words(events) == "This begins well, but "


def test_an_agent_that_fails_at_once_is_a_refusal(boto: Boto) -> None:
    with pytest.raises(ClientError, match=r"Received error \(500\) from runtime") as caught:
        ask(boto, "fail now", new_session_id())

    assert caught.value.response["Error"]["Code"] == "RuntimeClientError"


def test_a_session_that_is_stopped_breaks_the_stream_off(boto: Boto) -> None:
    session_id = new_session_id()
    with closing(ask(boto, "gate never", session_id)) as stream:
        events = iter(stream)
        next(events)
        boto.stop(session_id)

        with pytest.raises(ProtocolError):
            list(events)


def test_a_json_answer_and_a_long_one_are_words(boto: Boto) -> None:
    session_id = new_session_id()

    assert words(list(ask(boto, "json", session_id))).startswith('{"prompt": "json", ')
    assert words(list(ask(boto, "long 2000", session_id))).count("\n") == 2000


def test_options_and_results_of_tools_are_taken(boto: Boto) -> None:
    result = {"toolResult": {"toolUseId": "t1", "content": [{"text": "12 °C"}, {"text": "windy"}]}}
    call = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "weather", "input": {}}}]}
    events = list(
        ask(
            boto,
            [call, *user(result)],
            new_session_id(),
            qualifier="DEFAULT",
            model={"bedrockModelConfig": {"modelId": "m"}},
            systemPrompt=[{"text": "Be brief."}],
            allowedTools=["*"],
            maxIterations=3,
            actorId="alice",
            runtimeUserId="alice",
        )
    )

    assert words(events).startswith('You said "12 °C\nwindy".')


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": user()}, "messages"),
        ({"messages": user({"text": " "})}, "messages"),
        ({"messages": user({"reasoningContent": {"reasoningText": {"text": "x"}}})}, "messages"),
        ({"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, "messages"),
        ({"messages": None}, "messages"),
        ({"runtimeSessionId": "s" * 32}, "runtimeSessionId"),
        ({"runtimeSessionId": "s" * 101}, "runtimeSessionId"),
        ({"runtimeSessionId": "-" + "s" * 40}, "runtimeSessionId"),
        ({"runtimeSessionId": None}, "runtimeSessionId"),
        ({"harnessArn": "assistant-L0calAgent"}, "harnessArn"),
        ({"harnessArn": "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/sample-L0calAgent"}, "harnessArn"),
        ({"harnessArn": None}, "harnessArn"),
    ],
)
def test_a_request_that_is_not_the_models_is_refused_with_the_field(
    local: LocalAgentCore, arguments: dict[str, Any], field: str
) -> None:
    given: dict[str, Any] = {"harnessArn": local.agents["assistant"], "runtimeSessionId": new_session_id()}
    given = {**given, "messages": user({"text": "hi"}), **arguments}
    with Boto.of(local, check_parameters=False) as boto, pytest.raises(ClientError) as caught:
        boto.client.invoke_harness(**given)

    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert [one["name"] for one in caught.value.response["fieldList"]] == [field]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"qualifier": "blue"}, "with qualifier 'blue'"),
        ({"harnessArn": "arn:aws:bedrock-agentcore:us-east-1:123456789012:harness/other-L0calAgent"}, "other-L0cal"),
        ({"harnessArn": "arn:aws:bedrock-agentcore:us-east-1:123456789012:harness/sample-L0calAgent"}, "sample-L0cal"),
    ],
)
def test_what_is_not_there_is_not_found(boto: Boto, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match=said) as caught:
        ask(boto, "hi", new_session_id(), **arguments)

    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_the_operations_of_runtimes_do_not_ask_a_harness(local: LocalAgentCore, boto: Boto) -> None:
    with pytest.raises(ClientError, match="InvokeAgentRuntime does not take the ARN of a harness"):
        boto.invoke({"prompt": "hi"}, new_session_id())
    runtime = local.agents["assistant"].replace(":harness/", ":runtime/")
    with (
        Boto.at(local.endpoint_url, runtime) as other,
        pytest.raises(ClientError, match="ResourceNotFoundException"),
    ):
        other.run("true", new_session_id())


def test_another_method_or_path_is_no_operation(local: LocalAgentCore) -> None:
    for method, path in (("GET", "/harnesses/invoke"), ("POST", "/harnesses"), ("POST", "/harnesses/invoke/")):
        answer = httpx2.request(method, local.endpoint_url + path, trust_env=False, timeout=WAIT_S)
        assert answer.headers["x-amzn-errortype"].startswith("UnknownOperationException")


def test_a_harness_with_oauth_is_asked_with_a_token_alone() -> None:
    with LocalAgentCore(protocol="harness", auth="jwt") as local:
        arn = local.agent_runtime_arn
        with Boto.of(local) as boto, pytest.raises(ClientError, match="This harness requires OAuth Bearer") as caught:
            ask(boto, "hi", new_session_id())
        assert caught.value.response["Error"]["Code"] == "AccessDeniedException"

        with BlockingRuntimeClient(auth=BearerAuth(local.token("alice")), endpoint_url=local.endpoint_url) as client:
            with client.invoke_harness(arn, "hi") as answer:
                assert "".join(answer).count("messageStop") == 1
            refused = pytest.raises(ServiceError, match="Failed to parse token")
            with refused, client.invoke_harness(arn, "hi", auth=BearerAuth("not.a.token")):
                pass
        url = f"{local.endpoint_url}/harnesses/invoke"
        challenge = httpx2.post(url, params={"harnessArn": arn}, trust_env=False, timeout=WAIT_S).headers[
            "www-authenticate"
        ]
        metadata = httpx2.get(challenge.partition('"')[2].rstrip('"'), trust_env=False, timeout=WAIT_S).json()
        assert metadata["authorization_servers"] == [local.auth["issuer"]]


def test_a_harness_that_checks_signatures_takes_those_of_boto3() -> None:
    with LocalAgentCore(protocol="harness", auth="sigv4") as local:
        config = Config(retries={"total_max_attempts": 1}, read_timeout=WAIT_S)
        client = boto3.client("bedrock-agentcore", endpoint_url=local.endpoint_url, config=config, **local.credentials)
        boto = Boto(client, local.agent_runtime_arn, local.endpoint_url)
        assert words(list(ask(boto, "hi", new_session_id(), qualifier="DEFAULT"))).startswith('You said "hi".')
        client.close()
        with Boto.of(local) as other, pytest.raises(ClientError):
            ask(other, "hi", new_session_id())
