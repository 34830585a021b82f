"""``agentcore-mcp doctor`` with the local AgentCore: what is well, and each thing that may not be."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from agentcore_mcp.cli import main
from agentcore_mcp.local import LocalAgentCore
from tests.support.serving import serving
from tests.support.tls import loopback_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

    Findings = dict[str, dict[str, Any]]
    Doctor = Callable[..., Findings]

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/agent-0123456789"
CALLER = """\
<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/somebody</Arn><UserId>x</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


@pytest.fixture(scope="module", params=["none", "sigv4", "jwt"])
def local(request: pytest.FixtureRequest) -> Iterator[LocalAgentCore]:
    with LocalAgentCore(auth=request.param) as local:
        yield local


@pytest.fixture(scope="module")
def sts() -> Iterator[str]:
    async def who(request: Request) -> Response:
        known = b"Signature" in (request.headers.get("authorization") or "").encode()
        return PlainTextResponse(CALLER, media_type="text/xml") if known else Response(status_code=403)

    with serving(Starlette(routes=[Route("/", who, methods=["POST"])])) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sts: str) -> Doctor:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")

    def doctor(*arguments: str, environ: dict[str, str] | None = None, code: int = 0) -> Findings:
        for name, value in (environ or {}).items():
            monkeypatch.setenv(name, value)
        result = CliRunner().invoke(main, ["doctor", "--json", *arguments])
        assert result.exit_code == code, result.output
        return {finding["what"]: finding for finding in json.loads(result.stdout)}

    return doctor


def failed(findings: Findings) -> list[str]:
    return [what for what, finding in findings.items() if finding["state"] == "failed"]


def test_an_agent_that_can_be_called_is_well(doctor: Doctor, local: LocalAgentCore) -> None:
    findings = doctor("--invoke", "--command", environ=local.environ())

    assert failed(findings) == []
    assert findings["InvokeAgentRuntime"]["state"] == findings["InvokeAgentRuntimeCommand"]["state"] == "ok"
    assert (findings["protocol"]["state"], findings["protocol"]["detail"]) == ("ok", "http (GetAgentRuntime)")
    mode = local.auth.get("mode", "none")
    said = {"none": "none: it answers anybody", "sigv4": "AWS credentials (SigV4)", "jwt": "OAuth tokens"}
    assert findings["authentication"]["detail"] == said[mode]
    if mode == "sigv4":
        assert findings["credentials"]["detail"] == "arn:aws:iam::123456789012:user/somebody"
    if mode == "jwt":
        assert local.auth["issuer"] in findings["token"]["detail"]


def test_nothing_is_run_unless_that_was_asked_for(doctor: Doctor, local: LocalAgentCore) -> None:
    before = len(local.requests())
    findings = doctor(environ=local.environ())
    tried = {request.operation for request in local.requests()[before:]}

    assert findings["InvokeAgentRuntime"]["state"] == "skipped"
    assert tried <= {"StopRuntimeSession", "ProtectedResourceMetadata", "GetAgentRuntime"}


def one_agent(url: str, **keys: str) -> str:
    lines = [f'arn = "{ARN}"', f'endpoint_url = "{url}"', *(f"{key} = {value}" for key, value in keys.items())]
    return "[agents.one]\n" + "\n".join(lines)


def written(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def test_a_runtime_that_takes_something_else_is_told(doctor: Doctor, local: LocalAgentCore, tmp_path: Path) -> None:
    mode = local.auth.get("mode", "none")
    auth = "{ profile = 'nobody' }" if mode == "jwt" else '{ token = "not-a-real-token" }'
    text = one_agent(local.endpoint_url, auth=auth).replace(ARN, local.agent_runtime_arn)
    findings = doctor("--config", written(tmp_path / "c.toml", text), code=0 if mode == "none" else 1)

    if mode == "none":
        assert failed(findings) == []
    else:
        takes = {"sigv4": "AWS credentials (SigV4)", "jwt": "OAuth tokens"}[mode]
        assert findings["authentication"]["next_step"] == f"it takes {takes}; change {tmp_path}/c.toml: agents.one.auth"


def answering(status: int, headers: dict[str, str] | None = None, **routes: Any) -> Starlette:
    async def answer(request: Request) -> Response:
        for end, document in routes.items():
            if end in request.url.path:
                return JSONResponse(document)
        return JSONResponse({"message": "no"}, status, headers)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


def test_a_clock_that_is_wrong_is_told(doctor: Doctor, tmp_path: Path) -> None:
    app = answering(200, {"Date": "Wed, 21 Oct 2015 07:28:00 GMT"})
    with serving(app) as port:
        path = written(tmp_path / "c.toml", one_agent(f"http://127.0.0.1:{port}", auth="{ none = true }"))
        findings = doctor("--config", path, code=1)

    assert failed(findings) == ["clock"]
    assert "ahead of the service's" in findings["clock"]["detail"]


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"exp": time.time() - 60, "iss": "https://issuer.example"}, "it has expired; get a new one"),
        (
            {"exp": time.time() + 600, "iss": "https://other.example"},
            "the runtime takes tokens of https://issuer.example",
        ),
    ],
)
def test_a_token_that_will_be_refused_is_told(
    doctor: Doctor, tmp_path: Path, claims: dict[str, Any], sentence: str
) -> None:
    token = jwt.encode(claims, "not a real key, but one of sufficient length", "HS256")
    metadata = {"authorization_servers": ["https://issuer.example"], "scopes_supported": ["a"]}
    app = answering(401, None, **{"oauth-protected-resource": metadata})

    async def challenge(scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 401:
                value = f'Bearer resource_metadata="http://127.0.0.1:{port}/.well-known/oauth-protected-resource"'
                message["headers"].append((b"www-authenticate", value.encode()))
            await send(message)

        await app(scope, receive, sending)

    with serving(challenge) as port:
        path = written(tmp_path / "c.toml", one_agent(f"http://127.0.0.1:{port}", auth=f'{{ token = "{token}" }}'))
        findings = doctor("--config", path, code=1)

    assert failed(findings) == ["token"]
    assert findings["issuers"]["detail"] == "issuers https://issuer.example; scopes ['a']"
    assert sentence in findings["token"]["next_step"]
    assert token not in json.dumps(findings)


def test_what_the_credentials_may_not_do_is_told(doctor: Doctor, tmp_path: Path) -> None:
    headers = {"x-amzn-errortype": "AccessDeniedException", "x-amzn-requestid": "r"}
    keys = {"AWS_ACCESS_KEY_ID": "AKIANOTAREALKEY00000", "AWS_SECRET_ACCESS_KEY": "not-a-real-secret"}
    with serving(answering(403, headers)) as port:
        path = written(tmp_path / "c.toml", one_agent(f"http://127.0.0.1:{port}"))
        findings = doctor("--config", path, environ=keys, code=1)

    assert failed(findings) == ["StopRuntimeSession"]
    assert findings["StopRuntimeSession"]["next_step"]


@pytest.mark.parametrize(
    ("auth", "environ", "what"),
    [
        ("{ profile = 'nobody' }", {}, "credentials"),
        ("{ token_command = ['false'] }", {}, "credentials"),
    ],
)
def test_missing_credentials_are_told(
    doctor: Doctor, tmp_path: Path, auth: str, environ: dict[str, str], what: str
) -> None:
    with serving(answering(403 if "profile" in auth else 401, {"www-authenticate": "Bearer"})) as port:
        path = written(tmp_path / "c.toml", one_agent(f"http://127.0.0.1:{port}", auth=auth))
        findings = doctor("--config", path, environ=environ, code=1)

    assert what in failed(findings)
    assert "StopRuntimeSession" not in findings


def test_credentials_that_sts_refuses_are_told(doctor: Doctor, tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIANOTAREALKEY00000", "AWS_SECRET_ACCESS_KEY": "not-a-real-secret"}
    with serving(answering(403)) as port, serving(answering(403)) as refusing:
        keys["AWS_ENDPOINT_URL_STS"] = f"http://127.0.0.1:{refusing}"
        path = written(tmp_path / "c.toml", one_agent(f"http://127.0.0.1:{port}"))
        findings = doctor("--config", path, environ=keys, code=1)

    assert "credentials" in failed(findings)


def test_an_sts_that_can_t_be_reached_keeps_nothing_from_being_looked_at(doctor: Doctor, local: LocalAgentCore) -> None:
    if local.auth.get("mode") == "jwt":
        return
    findings = doctor(environ={**local.environ(), "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"})

    assert "STS can't be reached" in findings["credentials"]["detail"]
    assert (findings["credentials"]["state"], findings["StopRuntimeSession"]["state"]) == ("skipped", "ok")


def test_a_runtime_that_there_isn_t_is_told(doctor: Doctor, local: LocalAgentCore) -> None:
    environ = local.environ()
    findings = doctor(environ={**environ, "AGENTCORE_RUNTIME_ARN": f"{environ['AGENTCORE_RUNTIME_ARN']}x"}, code=1)

    assert failed(findings) == ["StopRuntimeSession"]
    assert "doesn't exist in the ARN's account and region" in findings["StopRuntimeSession"]["next_step"]


def test_an_answer_that_is_no_refusal_does_not_tell_what_a_runtime_takes(doctor: Doctor, tmp_path: Path) -> None:
    with serving(answering(502)) as port:
        path = written(tmp_path / "c.toml", one_agent(f"http://127.0.0.1:{port}", auth="{ none = true }"))
        findings = doctor("--config", path, code=1)

    assert findings["authentication"]["state"] == "skipped"


def test_a_host_that_nobody_knows_is_told(doctor: Doctor, tmp_path: Path) -> None:
    text = one_agent("https://nobody.invalid")
    findings = doctor("--config", written(tmp_path / "c.toml", text), code=1)

    assert findings["host"]["detail"] == "nobody.invalid has no address"
    assert "connection" not in findings


def test_a_certificate_that_is_not_trusted_is_told(doctor: Doctor, tmp_path: Path) -> None:
    certificate = loopback_certificate(tmp_path)
    assert certificate
    findings = doctor(
        "--config", written(tmp_path / "c.toml", one_agent("http://127.0.0.1:9", auth="{ none = true }")), code=1
    )

    assert failed(findings) == ["connection"]
    assert findings["connection"]["next_step"]


def test_what_is_not_configured_is_told(doctor: Doctor) -> None:
    findings = doctor(code=1)

    assert findings["settings"]["next_step"] == "agentcore-mcp init writes a file"


def test_a_setting_that_is_wrong_is_told_and_hosts_are_looked_at_all_the_same(doctor: Doctor, tmp_path: Path) -> None:
    uvx = {"command": "nowhere/uvx", "args": ["agentcore-mcp"]}
    path = tmp_path / ".cursor/mcp.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"mcpServers": {"ours": uvx}}), "utf-8")
    findings = doctor("--config", written(tmp_path / "c.toml", "agent = 1\n"), code=1)

    assert findings["settings"]["next_step"] == ""
    assert findings[f"ours in {path}"]["state"] == "failed"


def test_a_host_s_file_is_tried(doctor: Doctor, tmp_path: Path, local: LocalAgentCore) -> None:
    run = CliRunner().invoke(main, ["install", "cursor", "--local", "--name", "good"])
    assert run.exit_code == 0
    path = tmp_path / ".cursor/mcp.json"
    text = path.read_text("utf-8")
    broken = {"command": "/nowhere/agentcore-mcp"}
    servers = {**json.loads(text)["mcpServers"], "broken": broken, "another": {"command": "true"}}
    path.write_text(json.dumps({"mcpServers": servers}), "utf-8")
    findings = doctor(environ=local.environ(), code=1)

    good, bad = findings[f"good in {path}"], findings[f"broken in {path}"]
    assert (good["state"], bad["state"]) == ("ok", "failed")
    assert "invoke_agent" in good["detail"]
    assert f"another in {path}" not in findings


def hosted(url: str, issuer: str) -> str:
    return f'[server]\npublic_url = "{url}"\n[server.auth]\nissuers = ["{issuer}"]\n'


@pytest.mark.parametrize(
    ("app", "what", "sentence"),
    [
        (
            Starlette(routes=[Route("/mcp", lambda _: RedirectResponse("/other"), methods=["POST"])]),
            "public_url",
            "redirect",
        ),
        (answering(421), "public_url", "pass Host on"),
        (answering(404), "public_url", "does this path lead to its /mcp?"),
        (answering(502), "public_url", "is the server up behind its proxy"),
        (answering(403), "challenge", "must not answer for the server"),
        (
            answering(401, {"www-authenticate": 'Bearer resource_metadata="http://127.0.0.1:9/x"'}),
            "metadata",
            "pass /x on",
        ),
    ],
)
def test_what_clients_of_a_hosted_server_would_meet_is_told(
    doctor: Doctor, tmp_path: Path, local: LocalAgentCore, app: Any, what: str, sentence: str
) -> None:
    auth = (
        {"none": "{ none = true }", "sigv4": "{}", "jwt": f'{{ token = "{local.token()}" }}'}[
            local.auth.get("mode", "none")
        ]
        if local.auth.get("mode") == "jwt"
        else "{ none = true }"
    )
    with serving(app) as port:
        text = one_agent(local.endpoint_url, auth=auth).replace(ARN, local.agent_runtime_arn)
        url = f"http://127.0.0.1:{port}/mcp"
        path = written(tmp_path / "c.toml", hosted(url, "http://127.0.0.1:9") + text)
        findings = doctor("--config", path, code=1)

    assert findings[what]["state"] == "failed"
    assert sentence in findings[what]["next_step"]


def test_a_store_that_does_not_answer_is_told_without_its_password(
    doctor: Doctor, tmp_path: Path, local: LocalAgentCore
) -> None:
    server = hosted("http://127.0.0.1:9/mcp", "http://127.0.0.1:9")
    head, table, rest = server.partition("[server]\n")
    store = 'store = "redis://:not-a-real-password@127.0.0.1:9/0"\n'
    text = one_agent(local.endpoint_url, auth="{ none = true }").replace(ARN, local.agent_runtime_arn)
    findings = doctor("--config", written(tmp_path / "c.toml", head + table + store + rest + text), code=1)

    assert findings["store"]["state"] == "failed"
    assert findings["store"]["detail"].startswith("Redis at 127.0.0.1:9 (server.store): ")
    assert "start Redis there" in findings["store"]["next_step"]
    assert "not-a-real-password" not in str(findings)


def test_a_harness_is_asked_by_its_own_operation(doctor: Doctor) -> None:
    with LocalAgentCore(protocol="harness") as local:
        findings = doctor("--invoke", "--command", environ=local.environ())

    assert failed(findings) == []
    assert findings["InvokeHarness"]["state"] == findings["InvokeAgentRuntimeCommand"]["state"] == "ok"
    assert "InvokeAgentRuntime" not in findings


def test_an_mcp_server_is_not_asked_as_it_takes_no_prompt(doctor: Doctor, tmp_path: Path) -> None:
    with LocalAgentCore(protocol="mcp") as local:
        (tmp_path / "agents.toml").write_text(
            f'[agents.tools]\narn = "{local.agent_runtime_arn}"\nendpoint_url = "{local.endpoint_url}"\n'
            'protocol = "mcp"\nauth = { none = true }\n',
            "utf-8",
        )
        findings = doctor("--config", "agents.toml", "--invoke", "--command", environ={})

    assert failed(findings) == []
    assert (findings["InvokeAgentRuntime"]["state"], findings["protocol"]["detail"]) == ("skipped", "mcp (configured)")
    assert "shows its tools" in findings["InvokeAgentRuntime"]["next_step"]
