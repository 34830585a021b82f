"""Every failure has a next step: none of the service model's codes and none of our classes is forgotten."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import botocore.loaders
import pytest

from agentcore_mcp import errors
from agentcore_mcp.config import Agent, Auth
from agentcore_mcp.config.file import read_file
from agentcore_mcp.config.loading import load
from agentcore_mcp.errors import AgentCoreError, AgentError, AgentRuntimeError, AuthProblem, ServiceError
from agentcore_mcp.server.hints import next_step
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.runtimes import ARN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPERATIONS = ("InvokeAgentRuntime", "InvokeAgentRuntimeCommand", "StopRuntimeSession")
# Their own message says what to do.
SAYS_IT_ITSELF = {"ConfigurationError", "InvalidRequestError", "CredentialsError"}


def agent(auth: Auth) -> Agent:
    return Agent(arn=RuntimeArn.parse(ARN), auth=auth, endpoint_url="http://127.0.0.1:1")


AGENTS = [agent(Auth()), agent(Auth.model_validate({"token": "not-a-real-token"})), agent(Auth(none=True))]


def codes() -> dict[str, int]:
    model = botocore.loaders.Loader().load_service_model("bedrock-agentcore", "service-2")
    shapes = [error["shape"] for name in OPERATIONS for error in model["operations"][name]["errors"]]
    return {shape: model["shapes"][shape]["error"]["httpStatusCode"] for shape in shapes}


def kinds(root: type[AgentCoreError]) -> Iterator[type[AgentCoreError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.mark.parametrize("called", AGENTS, ids=["AWS credentials", "token", "local"])
@pytest.mark.parametrize(("code", "status"), codes().items())
def test_every_code_of_the_service_model_has_a_next_step(called: Agent, code: str, status: int) -> None:
    error = AgentError if code == "RuntimeClientError" else ServiceError

    for stopping in (False, True):
        assert next_step(error("words", code, status=status), called, stopping=stopping)


@pytest.mark.parametrize("called", AGENTS, ids=["AWS credentials", "token", "local"])
@pytest.mark.parametrize("kind", list(kinds(AgentCoreError)))
def test_every_class_of_ours_has_a_next_step_or_says_it_itself(called: Agent, kind: type[AgentCoreError]) -> None:
    if kind.__module__ != errors.__name__ or kind.__name__ in SAYS_IT_ITSELF or kind is AgentRuntimeError:
        return
    error = kind("words", code=1000) if kind is errors.WebSocketClosedError else kind("words")

    assert next_step(error, called)


@pytest.mark.parametrize("problem", AuthProblem)
def test_every_problem_with_credentials_names_what_to_change(problem: AuthProblem) -> None:
    error = ServiceError("words", "AccessDeniedException", status=403, auth_problem=problem)

    assert "token" in next_step(error, AGENTS[0]).lower()


@pytest.mark.parametrize(
    ("asked_s", "told"),
    [
        (41.5, "42 seconds"),
        (1.0, "1 second"),
        (3600.0, "3600 seconds"),
        (None, "10 seconds"),
        (0.0, "10 seconds"),
        (0.4, "10 seconds"),
        (3600.5, "10 seconds"),
        (math.inf, "10 seconds"),
    ],
)
def test_it_is_as_long_to_wait_as_the_service_asks_for_in_reason(asked_s: float | None, told: str) -> None:
    throttled = ServiceError("words", "ThrottlingException", status=429, retry_after_s=asked_s)

    assert f"Wait {told} and" in next_step(throttled, AGENTS[0])


@pytest.mark.parametrize("called", AGENTS, ids=["AWS credentials", "token", "local"])
@pytest.mark.parametrize("status", [302, 401, 403, 404, 407, 502, 511])
def test_an_answer_that_agentcore_did_not_write_says_what_to_check(called: Agent, status: int) -> None:
    step = next_step(ServiceError("words", f"HTTP {status}", status=status, foreign=True), called)

    assert "Something on the way to AgentCore answered" in step
    assert "HTTPS_PROXY" in step
    assert "http://127.0.0.1:1" in step
    assert ("before you start it again" in step) == (status >= 500)
    assert "the token" not in step


def test_who_asks_to_wait_is_waited_for_whoever_it_is() -> None:
    error = ServiceError("words", "HTTP 429", status=429, code="ThrottlingException", retry_after_s=7, foreign=True)

    assert "Wait 7 seconds" in next_step(error, AGENTS[0])


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_of_something_else_does_not_invite_a_second_run(status: int) -> None:
    assert "before you start it again" in next_step(ServiceError("words", f"HTTP {status}", status=status), AGENTS[0])


def test_an_agent_that_failed_is_told_with_its_log_group_and_the_usual_causes() -> None:
    step = next_step(
        AgentError("words", "RuntimeClientError", status=424), AGENTS[0].model_copy(update={"endpoint_url": None})
    )

    assert "/aws/bedrock-agentcore/runtimes/test_agent-0123456789-DEFAULT" in step
    assert "port 8080" in step


def test_an_mcp_server_that_refuses_may_have_a_tool_that_asks_its_user() -> None:
    error = AgentError("Received error (400) from runtime.", "RuntimeClientError", status=424)
    step = next_step(error, AGENTS[0].model_copy(update={"protocol": "mcp"}))

    assert "port 8000" in step
    assert "the tool asks a person, which only works in hosts with elicitation" in step


def refusal(code: str, problem: AuthProblem | None = None) -> ServiceError:
    return ServiceError("words", code, status=403, auth_problem=problem)


EXPECTED = refusal("AccessDeniedException", AuthProblem.TOKEN_EXPECTED)
OVER = refusal("AccessDeniedException", AuthProblem.TOKEN_EXPIRED)
UNKNOWN = refusal("ResourceNotFoundException")


@pytest.mark.parametrize("error", [EXPECTED, OVER, UNKNOWN, errors.CredentialsError("words")], ids=str)
def test_the_step_names_the_place_in_the_file_that_the_agent_is_from(error: AgentCoreError, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'[agents.review]\narn = "{ARN}"\n[agents.other]\narn = "{ARN}"\n', encoding="utf-8")
    step = next_step(error, read_file(file, {}).settings.agents[0])

    keys = "agents.review.arn and agents.review.qualifier" if error is UNKNOWN else "agents.review.auth"
    assert f"{keys} in {file}" in step
    assert "AGENTCORE_" not in step


def test_callers_of_a_hosted_server_are_not_told_where_its_file_is(tmp_path: Path) -> None:
    file = tmp_path / "company.toml"
    file.write_text(
        f"""
        [server]
        public_url = "https://mcp.example.com/mcp"
        secret = "not-a-real-secret-but-long-enough-for-one"
        auth = {{ issuers = ["https://login.example.com"] }}
        [agents.review]
        arn = "{ARN}"
        """,
        encoding="utf-8",
    )
    step = next_step(EXPECTED, read_file(file, {}).settings.agents[0])

    assert "agents.review.auth in the server's configuration" in step
    assert str(tmp_path) not in step


@pytest.mark.parametrize(
    ("environ", "arguments", "error", "named"),
    [
        ({}, {}, EXPECTED, "set AGENTCORE_BEARER_TOKEN (or --bearer-token) to"),
        ({"AGENTCORE_BEARER_TOKEN": "x"}, {}, OVER, "set AGENTCORE_BEARER_TOKEN to"),
        ({"AGENTCORE_BEARER_TOKEN": "x"}, {"bearer_token": "y"}, OVER, "set --bearer-token to"),
        ({}, {"runtime_arn": ARN}, UNKNOWN, "Check --runtime-arn and AGENTCORE_QUALIFIER (or --qualifier):"),
    ],
)
def test_the_step_names_the_variable_or_the_flag_that_was_used(
    environ: dict[str, str], arguments: dict[str, Any], error: AgentCoreError, named: str
) -> None:
    settings = load({"AGENTCORE_RUNTIME_ARN": ARN, **environ}, **arguments).settings

    assert named in next_step(error, settings.agent)


@pytest.mark.parametrize("code", ["ServiceQuotaExceededException", "InternalServerException", "RuntimeClientError"])
def test_what_is_on_this_machine_is_not_taken_for_aws(code: str) -> None:
    kind = AgentError if code == "RuntimeClientError" else ServiceError
    here, aws = AGENTS[0], AGENTS[0].model_copy(update={"endpoint_url": "https://vpce-0.example.com"})
    steps = [next_step(kind("words", code, status=402), called) for called in (here, aws)]

    assert "http://127.0.0.1:1" in steps[0]
    assert not [word for word in ("AWS", "CloudWatch", "Service Quotas") if word in steps[0]]
    assert "AWS" in steps[1] or "CloudWatch" in steps[1]


def test_who_sends_no_credentials_is_not_told_to_renew_them() -> None:
    step = next_step(refusal("MissingAuthenticationTokenException"), AGENTS[2])

    assert "asks for credentials, and this server sends none" in step
    assert "aws sso login" not in step


@pytest.mark.parametrize(("profile", "quoted"), [("dev", "dev"), ("my team's", """'my team'"'"'s'""")])
def test_credentials_of_a_profile_are_renewed_by_its_name_as_a_shell_takes_it(profile: str, quoted: str) -> None:
    signed = Agent(name="review", arn=RuntimeArn.parse(ARN), auth=Auth(profile=profile))
    step = next_step(refusal("ExpiredTokenException"), signed)

    assert f"`aws sso login --profile {quoted}`" in step
    assert "auth.profile of the agent review" in step
