"""Which agent may be called, and where that is read from."""

from __future__ import annotations

import pytest

from agentcore_mcp.config import drop_unset
from agentcore_mcp.config.loading import load
from agentcore_mcp.errors import ConfigurationError

ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/agent-0123456789"
OTHER_ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/other-0123456789"


def test_the_environment_names_the_agent() -> None:
    agent = load(
        {
            "AGENTCORE_RUNTIME_ARN": ARN,
            "AGENTCORE_QUALIFIER": "prod",
            "AGENTCORE_BEARER_TOKEN": "not-a-real-token",
            "AGENTCORE_ENDPOINT_URL": "http://127.0.0.1:8080",
        }
    ).settings.agent

    assert str(agent.arn) == ARN
    assert agent.arn.region == "eu-west-1"
    assert agent.qualifier == "prod"
    assert agent.auth.token is not None
    assert agent.auth.token.get_secret_value() == "not-a-real-token"
    assert agent.endpoint_url == "http://127.0.0.1:8080"


def test_an_argument_wins_over_its_variable() -> None:
    agent = load(
        {"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_QUALIFIER": "prod"}, runtime_arn=OTHER_ARN, qualifier="dev"
    ).settings.agent

    assert str(agent.arn) == OTHER_ARN
    assert agent.qualifier == "dev"


@pytest.mark.parametrize("value", ["", "   ", "${AGENTCORE_QUALIFIER}", " ${user_config.qualifier} "])
def test_what_a_host_did_not_fill_in_counts_as_unset(value: str) -> None:
    agent = load({"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_QUALIFIER": value}).settings.agent

    assert agent.qualifier is None


@pytest.mark.parametrize("environ", [{}, {"AGENTCORE_RUNTIME_ARN": "${AGENTCORE_RUNTIME_ARN}"}])
def test_without_an_agent_the_message_shows_the_three_ways_to_name_one(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(environ)

    for way in ("AGENTCORE_RUNTIME_ARN=arn:", "agentcore-mcp --runtime-arn arn:", "agentcore-mcp --local"):
        assert way in str(raised.value)


def test_a_bad_arn_is_told_with_its_setting() -> None:
    with pytest.raises(ConfigurationError, match=r"^AGENTCORE_RUNTIME_ARN: .*'my-agent'"):
        load({"AGENTCORE_RUNTIME_ARN": "my-agent"})


def test_a_token_is_not_shown() -> None:
    settings = load({"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_BEARER_TOKEN": "not-a-real-token"}).settings

    assert "not-a-real-token" not in f"{settings!r} {settings}"


def test_aws_variables_that_a_host_left_unexpanded_are_removed_and_others_are_kept() -> None:
    environ = {"AWS_PROFILE": "${AWS_PROFILE}", "AWS_REGION": "", "AWS_ACCESS_KEY_ID": "AKIAFAKE", "EMPTY": ""}
    drop_unset(environ)

    assert environ == {"AWS_ACCESS_KEY_ID": "AKIAFAKE", "EMPTY": ""}
