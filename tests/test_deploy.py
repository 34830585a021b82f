"""What deploy/ and docs/hosted.md say about containers and AWS, against botocore's models and our own reader.

None of it is applied here: there is no container engine, no cluster and no AWS. ``.ci/image`` runs what the image runs.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml  # type: ignore[import-untyped] # for the tests alone
from botocore import xform_name
from botocore.validate import ParamValidator

from agentcore_mcp.cli.serve import serve
from agentcore_mcp.config.file import read_file
from agentcore_mcp.server.hosted.health import ALIVE_PATH, READY_PATH
from tests.support.waiting import WAIT_S

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SESSION = botocore.session.Session()
PAGE = (ROOT / "docs/hosted.md").read_text("utf-8")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
VARIABLES = {
    "PUBLIC_URL": "https://mcp.example.com/mcp",
    "ISSUER": "https://login.example.com",
    "SESSION_SECRET": "not-a-real-secret-but-of-32-characters",
    "STORE_URL": "redis://:not-a-real-password@redis:6379/0",
    "RESEARCH_ARN": "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/research-0123456789",
}
# Permissions for a header of an operation, and of services whose models name operations otherwise.
BESIDES_OPERATIONS = {"bedrock-agentcore:InvokeAgentRuntimeForUser"}


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def manifest(kind: str) -> Any:
    found = [one for path in (DEPLOY / "kubernetes").glob("*.yaml") for one in documents(path) if one["kind"] == kind]
    assert len(found) == 1
    return found[0]


def aws_commands() -> list[list[str]]:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", " ")
    return [shlex.split(line) for line in blocks.split("\n") if line.startswith("aws ")]


def value_of(text: str, shape: Any) -> Any:
    if text.startswith("file://"):
        text = (ROOT / text.removeprefix("file://")).read_text("utf-8")
        assert json.loads(text)
    return json.loads(text) if shape.type_name in ("structure", "list", "map") else text


def check_patterns(value: Any, shape: Any) -> None:
    """Check what botocore's own validation leaves to the service."""
    match shape.type_name:
        case "structure":
            for name, inner in value.items():
                check_patterns(inner, shape.members[name])
        case "list":
            for inner in value:
                check_patterns(inner, shape.member)
        case "map":
            for name, inner in value.items():
                check_patterns(name, shape.key)
                check_patterns(inner, shape.value)
        case "string":
            pattern, allowed = shape.metadata.get("pattern"), shape.enum
            assert pattern is None or re.fullmatch(pattern, value), (shape.name, value)
            assert not allowed or value in allowed, (shape.name, value)


@pytest.mark.parametrize("command", aws_commands(), ids=lambda command: " ".join(command[1:3]))
def test_the_commands_of_the_documentation_fit_the_service_models(command: list[str]) -> None:
    _, service, operation, *arguments = command
    model = SESSION.get_service_model(service)
    shape = next(
        model.operation_model(name).input_shape for name in model.operation_names if xform_name(name, "-") == operation
    )
    members = {f"--{xform_name(name, '-')}": (name, member) for name, member in shape.members.items()}
    given = {}
    for flag, text in zip(arguments[::2], arguments[1::2], strict=True):
        name, member = members[flag]
        given[name] = value_of(text, member)

    assert not (problems := ParamValidator().validate(given, shape)).has_errors(), problems.generate_report()
    check_patterns(given, shape)


def test_the_documentation_creates_a_runtime_that_speaks_mcp_and_passes_tokens_on() -> None:
    created = next(command for command in aws_commands() if command[2] == "create-agent-runtime")
    given = dict(zip(created[3::2], created[4::2], strict=True))

    assert json.loads(given["--protocol-configuration"]) == {"serverProtocol": "MCP"}
    assert json.loads(given["--request-header-configuration"]) == {"requestHeaderAllowlist": ["Authorization"]}
    environ = json.loads(given["--environment-variables"])
    assert set(environ) == set(VARIABLES) - {"STORE_URL"}
    authorizer = json.loads(given["--authorizer-configuration"])["customJWTAuthorizer"]
    assert authorizer["allowedAudience"] == [environ["PUBLIC_URL"]]


@pytest.mark.parametrize("path", sorted((DEPLOY / "iam").glob("*.json")), ids=lambda path: path.stem)
def test_the_policies_name_actions_that_exist(path: Path) -> None:
    policy = json.loads(path.read_text("utf-8"))
    models = {"bedrock-agentcore": ["bedrock-agentcore", "bedrock-agentcore-control"]}
    for statement in policy["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            service, name = action.split(":")
            known = [
                one
                for model in models.get(service, [service])
                for one in SESSION.get_service_model(model).operation_names
            ]
            assert name in known or action in BESIDES_OPERATIONS, action
            assert "*" not in action
        if "Resource" in statement and statement["Resource"] == "*":
            assert statement["Effect"] == "Deny" or "Condition" in statement or actions == "ecr:GetAuthorizationToken"

    assert policy["Version"] == "2012-10-17"


def test_the_server_s_policy_is_what_the_server_calls() -> None:
    policy = json.loads((DEPLOY / "iam/server.json").read_text("utf-8"))

    assert {action.partition(":")[2] for action in policy["Statement"][0]["Action"]} == {
        "InvokeAgentRuntime",
        "InvokeAgentRuntimeForUser",
        "InvokeAgentRuntimeCommand",
        "StopRuntimeSession",
    }


def test_the_configuration_is_read_and_checks_its_callers(tmp_path: Path) -> None:
    settings = read_file(DEPLOY / "config.toml", VARIABLES).settings

    assert settings.server.auth is not None
    assert settings.server.store is not None
    lines = (DEPLOY / "config.toml").read_text("utf-8").split("\n")
    (tmp_path / "config.toml").write_text("\n".join(line for line in lines if not line.startswith("store")), "utf-8")
    without = {name: value for name, value in VARIABLES.items() if name != "STORE_URL"}
    assert read_file(tmp_path / "config.toml", without).settings.server.store is None


def test_the_image_runs_as_nobody_in_particular_with_every_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    installed = re.findall(r"'\.\[([a-z,]+)\]'", DOCKERFILE)

    assert set(extras) - {"bench", "dev", "docs", "test"} <= set(installed[0].split(","))
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    for instruction in ("ENTRYPOINT", "CMD"):
        for command in re.findall(rf"^ *{instruction} (.*)$", DOCKERFILE, re.MULTILINE):
            assert json.loads(command), "in exec form"
    assert ALIVE_PATH in DOCKERFILE
    assert [target for _, target in re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)] == [
        "build",
        "server",
        "agentcore",
    ]


def test_what_the_image_is_built_from_is_there_and_sent_to_the_builder() -> None:
    allowed = {
        line.removeprefix("!") for line in (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").split("\n") if line
    }
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists(), source
            assert source in allowed, source


def test_the_pods_have_time_to_drain_and_are_probed_where_the_server_answers() -> None:
    pod = manifest("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    drain_s = read_file(DEPLOY / "config.toml", VARIABLES).settings.server.drain_s

    assert pod["terminationGracePeriodSeconds"] > drain_s
    assert container["livenessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == ALIVE_PATH
    assert container["readinessProbe"]["httpGet"]["path"] == READY_PATH
    command, *flags = container["args"]
    context = serve.make_context(command, [*flags])
    assert f"CMD {json.dumps([command, *flags[:2]])}" in DOCKERFILE
    assert [port["containerPort"] for port in container["ports"]] == [
        context.params["port"],
        context.params["metrics_port"],
    ]
    assert pod["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert manifest("HorizontalPodAutoscaler")["spec"]["minReplicas"] > 1


def test_all_of_kubernetes_means_the_same_pods_and_the_same_secret() -> None:
    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]

    assert manifest("Service")["spec"]["selector"] == labels
    assert manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    assert manifest("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "agentcore-mcp"
    (kustomization,) = documents(DEPLOY / "kustomization.yaml")
    assert {Path(one).name for one in kustomization["resources"]} == {
        path.name for path in (DEPLOY / "kubernetes").iterdir()
    }
    assert set(re.findall(r"--from-literal=(\w+)=", PAGE)) == set(VARIABLES)


def test_compose_gives_the_servers_what_the_configuration_refers_to() -> None:
    (compose,) = documents(DEPLOY / "compose.yaml")
    services = compose["services"]
    drain_s = read_file(DEPLOY / "config.toml", VARIABLES).settings.server.drain_s

    assert services["server1"] == services["server2"]
    assert set(services["server1"]["environment"]) >= set(VARIABLES)
    assert int(services["server1"]["stop_grace_period"].removesuffix("s")) > drain_s
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert "front" not in services["redis"]["networks"]


def test_compose_fills_in_every_name_of_the_nginx_configuration() -> None:
    """By its own command, up to where nginx is started."""
    (compose,) = documents(DEPLOY / "compose.yaml")
    command = compose["services"]["nginx"]["command"][-1].partition(" > ")[0]
    script = command.replace("/etc/agentcore-mcp/nginx.conf", str(DEPLOY / "nginx.conf"))
    filled = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=WAIT_S).stdout

    lines = [line for line in filled.split("\n") if not line.lstrip().startswith("#")]
    assert "server server1:8000" in filled
    assert re.findall(r"\b[A-Z]+_[A-Z0-9_]+\b|\bLISTEN\b", "\n".join(lines)) == []
