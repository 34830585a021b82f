"""What an agent may be configured as, and what it is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from agentcore_mcp.config import Agent, Auth, name_of
from agentcore_mcp.config.agents import TIMEOUT_MAX_S
from agentcore_mcp.runtime.timeouts import READ_TIMEOUT_MAX_S
from agentcore_mcp.wire.eventstream.harnesses import OPTIONS
from agentcore_mcp.wire.ids import RuntimeArn

ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/code_review-0123456789"

HARNESS = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:harness/helper-0123456789"


def agent(**table: Any) -> Agent:
    return Agent.model_validate({"arn": ARN, **table})


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        ("prompt", {"prompt": "hi"}),
        ("input.text", {"input": {"text": "hi"}}),
        ({"prompt": "{prompt}"}, {"prompt": "hi"}),
        (
            {"messages": [{"role": "user", "content": "Q: {prompt}"}], "thread": "t-{session_id}", "n": 1, "on": True},
            {"messages": [{"role": "user", "content": "Q: hi"}], "thread": "t-session", "n": 1, "on": True},
        ),
        ({"a": "{prompt}", "b": "", "c": "{other} {{prompt}}"}, {"a": "hi", "b": "", "c": "{other} {hi}"}),
    ],
)
def test_the_prompt_is_put_where_the_payload_says(payload: str | dict[str, Any], sent: dict[str, Any]) -> None:
    assert json.loads(agent(payload=payload).payload_for("hi", "session")) == sent


def test_the_arn_of_a_harness_says_what_it_speaks() -> None:
    assert agent(arn=HARNESS).arn.is_harness
    assert agent(arn=HARNESS, protocol="harness").protocol == "harness"


def test_options_of_a_harness_are_members_of_its_input() -> None:
    every = agent(
        arn=HARNESS,
        harness={
            "model": "anthropic.claude",
            "system_prompt": "Be brief.",
            "allowed_tools": ["*", "shell", "@server/tool", "@server"],
            "max_iterations": 3,
            "max_tokens": 100,
            "timeout_s": 60,
            "actor_id": "alice",
        },
    ).harness
    other = {"openAiModelConfig": {"modelId": "m", "apiKeyArn": "arn"}}
    none, some = agent(arn=HARNESS, harness={}).harness, agent(arn=HARNESS, harness={"model": other}).harness

    assert every is not None
    assert none is not None
    assert some is not None
    assert every.members == {
        "model": {"bedrockModelConfig": {"modelId": "anthropic.claude"}},
        "systemPrompt": [{"text": "Be brief."}],
        "allowedTools": ("*", "shell", "@server/tool", "@server"),
        "maxIterations": 3,
        "maxTokens": 100,
        "timeoutSeconds": 60,
        "actorId": "alice",
    }
    assert every.members.keys() <= set(OPTIONS)
    assert (none.members, some.members) == ({}, {"model": other})


@pytest.mark.parametrize("prompt", ['{session_id} "quoted" \n {prompt}', "\ud800 \u2028 \x00", '"}], "admin": true'])
def test_a_prompt_stays_a_text_whatever_is_in_it(prompt: str) -> None:
    for payload in ("prompt", {"prompt": "{prompt}"}):
        assert json.loads(agent(payload=payload).payload_for(prompt, "session")) == {"prompt": prompt}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"payload": "in put"}, 'a payload is a path such as "prompt"'),
        ({"payload": '{"prompt": "{prompt}"}'}, "or a table"),
        ({"payload": {"prompt": "hello"}}, "no text in the payload"),
        ({"payload": {"{prompt}": "hello"}}, "no text in the payload"),
        ({"payload": {"prompt": "{prompt}", "x": float("nan")}}, "can't be JSON"),
        ({"payload": {"prompt": "{prompt}", "x": object()}}, "can't be JSON"),
        ({"payload": 3}, "a payload is"),
        ({"response": "a..b"}, "is not a path"),
        ({"name": "code review"}, "'code review' is not a name; it has 1 to 48"),
        ({"name": "-x"}, "is not a name"),
        ({"name": "x" * 49}, "is not a name"),
        ({"arn": "nope"}, "not the ARN of an agent runtime: 'nope'"),
        ({"arn": HARNESS, "protocol": "a2a"}, "is a harness, so protocol can't be 'a2a'; leave it out"),
        ({"protocol": "harness"}, "is a runtime, so protocol can't be 'harness'"),
        ({"harness": {}}, "is a runtime, so it has no options of a harness"),
        ({"arn": HARNESS, "payload": "input"}, "is a harness, which is sent messages; leave payload out"),
        ({"arn": HARNESS, "harness": {"maxIterations": 3}}, "did you mean 'max_iterations'?"),
        ({"arn": HARNESS, "harness": {"max_iterations": 0}}, "greater than or equal to 1"),
        ({"arn": HARNESS, "harness": {"timeout_s": 1.5}}, "valid integer"),
        ({"arn": HARNESS, "harness": {"system_prompt": ""}}, "at least 1"),
        ({"arn": HARNESS, "harness": {"allowed_tools": ["a/b/c"]}}, "'a/b/c' is not a tool; it looks like"),
        ({"arn": HARNESS, "harness": {"allowed_tools": ["x" * 65]}}, "is not a tool"),
        ({"arn": HARNESS, "harness": {"model": ""}}, "has to be the id of a Bedrock model, or a table with one key"),
        ({"arn": HARNESS, "harness": {"model": {"a": {}, "b": {}}}}, "or a table with one key"),
        ({"timeout_s": 0}, "greater than 0"),
        ({"timeout_s": "inf"}, "finite"),
        ({"timeout_s": 86_401}, "less than or equal to 86400"),
        ({"user_id": "x" * 1025}, "at most 1024"),
        ({"user_id": "me", "auth": {"token": "x"}}, "user_id needs AWS credentials"),
        ({"headers": {"Authorization": "x"}}, "'Authorization' is set by the request itself"),
        ({"headers": {"X-Amz-Date": "x"}}, "reserved for AWS"),
        ({"headers": {"X-Team": "a\nb"}}, "can't carry"),
        ({"on_cancel": "ask"}, "'keep', 'cancel' or 'stop'"),
        ({"commands": "maybe"}, "'allow', 'off' or 'ask'"),
        ({"auth": {}, "tokn": "x"}, "unknown key 'tokn'"),
        ({"auth": {"role_arn": "caller"}}, "is not the ARN of a role; it looks like arn:aws:iam::"),
        ({"auth": {"external_id": "x"}}, "external_id needs role_arn"),
        ({"auth": {"token_command": []}}, "at least 1"),
        ({"auth": {"none": False}}, "True"),
        ({"auth": {"token": "x", "token_file": "y"}}, "auth says one of: profile"),
        ({"auth": {"bearer": "x"}}, "auth says one of: profile"),
        ({"auth": "token"}, "auth says one of: profile"),
        ({"auth": {"cognito": {"region": "eu-west-1"}}}, "username"),
    ],
)
def test_what_cannot_work_is_refused_with_what_can(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as raised:
        agent(**table)

    assert sentence in str(raised.value)


def test_the_longest_timeout_is_the_longest_that_a_call_takes() -> None:
    longest = agent(timeout_s=READ_TIMEOUT_MAX_S)

    assert longest.timeout_s == TIMEOUT_MAX_S


def test_commands_may_be_the_mode_alone() -> None:
    assert agent(commands="ask").commands == agent(commands={"mode": "ask"}).commands


def test_no_secret_is_in_a_repr() -> None:
    secret = "not-a-real-secret"
    shown = [
        agent(auth={"token": secret}),
        agent(auth={"role_arn": "arn:aws:iam::123456789012:role/x", "external_id": secret}),
        agent(auth={"client_credentials": {"token_url": "https://x", "client_id": "x", "client_secret": secret}}),
        agent(
            auth={
                "cognito": {
                    "region": "x",
                    "client_id": "x",
                    "client_secret": secret,
                    "username": "x",
                    "password": secret,
                }
            }
        ),
        agent(headers={"X-Key": secret}),
    ]

    assert secret not in repr(shown)


def test_an_agent_knows_how_it_proves_who_it_is() -> None:
    arn = RuntimeArn.parse(ARN)
    signing, bearing, nobody = (
        Agent(arn=arn),
        Agent(arn=arn, auth=Auth(token=SecretStr("x"))),
        Agent(arn=arn, auth=Auth(none=True)),
    )

    assert signing.auth == Auth()
    assert [(each.auth.signs, each.auth.none) for each in (signing, bearing, nobody)] == [
        (True, None),
        (False, None),
        (False, True),
    ]
    assert signing.auth.token is None
    assert bearing.auth.token == SecretStr("x")


def test_a_setting_made_in_python_is_called_by_its_key() -> None:
    assert agent().setting("auth.token") == "auth.token"


@pytest.mark.parametrize(
    ("runtime_id", "name"),
    [("code_review-0123456789", "code_review"), ("my-agent", "my-agent"), (f"{'x' * 60}-0123456789", "x" * 48)],
)
def test_an_unnamed_agent_is_called_as_its_runtime(runtime_id: str, name: str) -> None:
    arn = RuntimeArn("aws", "eu-west-1", "123456789012", runtime_id)

    assert name_of(arn) == name
    assert Agent(name=name_of(arn), arn=arn).name == name
