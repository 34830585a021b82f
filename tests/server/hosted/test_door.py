"""The door of a hosted server: no request gets in without a good token, and each refusal says how to get one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import anyio

from tests.support.hosted import PUBLIC_URL, SCOPES, VERSIONS, HostedServer, hosted_server, message
from tests.support.mcp_hosts import MODES
from tests.support.tools import PREFIX, data_of
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

METADATA_URL = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
ALL_SCOPES = 'scope="agentcore:command agentcore:invoke agentcore:stop"'
NO_TOKEN = f'Bearer {ALL_SCOPES}, resource_metadata="{METADATA_URL}"'


async def test_whoever_shows_a_good_token_gets_in_and_nobody_else(tmp_path: Path, subtests: pytest.Subtests) -> None:
    async with hosted_server(tmp_path, agents={"one": ""}) as server:
        for case, test in {
            "good tokens": _good_tokens,
            "no token": _no_token,
            "bad tokens": _bad_tokens,
            "tokens elsewhere": _tokens_elsewhere,
            "metadata": _metadata,
            "the SDK's client": _sdk_client,
            "hosts": _hosts,
        }.items():
            with subtests.test(case):
                await test(server)


async def _listed(server: HostedServer, token: str | None = None, **headers: str) -> tuple[int, str]:
    """Return the status and the challenge of a request."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    answer = await server.post(body, token, headers=headers)
    if answer.status_code == 200:
        assert message(answer)["result"]["tools"]
    return answer.status_code, answer.headers.get("www-authenticate", "")


async def _good_tokens(server: HostedServer) -> None:
    assert await _listed(server, server.token()) == (200, "")
    # A program's own, and one whose scopes are a list.
    assert await _listed(server, server.token(sub=None, client_id="robot")) == (200, "")
    assert await _listed(server, server.token(scope=None, scp=SCOPES.split())) == (200, "")
    for scheme in ("bearer", "BEARER", "BeArEr"):
        assert await _listed(server, Authorization=f"{scheme}   {server.token()}") == (200, "")


async def _no_token(server: HostedServer) -> None:
    for headers in ({}, {"Authorization": ""}, {"Authorization": "Bearer"}):
        assert await _listed(server, **headers) == (401, NO_TOKEN)
    for scheme in ("Basic", "DPoP", "token", "Bearer:"):
        assert await _listed(server, Authorization=f"{scheme} {server.token()}") == (401, NO_TOKEN)
    for method in ("GET", "DELETE", "PUT", "OPTIONS"):
        assert (await server.http.request(method, server.url)).status_code == 401
    for path in ("/", "/mcp/", "/other"):
        assert (await server.http.post(server.url.removesuffix("/mcp") + path)).status_code == 401


async def _bad_tokens(server: HostedServer) -> None:
    good = server.token()
    for token in (f"{good} {good}", good + "x", good[:-10], "x", "a.b.c", "x" * 20_000, good.upper()):
        status, challenge = await _listed(server, token)

        assert status == 401
        assert challenge.startswith('Bearer error="invalid_token", error_description="the token')
        assert challenge.endswith(f'{ALL_SCOPES}, resource_metadata="{METADATA_URL}"')
        assert good[-40:-10] not in challenge
    for claims in ({"audience": "https://other.example"}, {"exp": 1}, {"iss": 'https://evil.example", scope="root'}):
        status, challenge = await _listed(server, server.token(**claims))

        assert status == 401
        assert challenge.count('"') == 8
        assert "evil" not in challenge


async def _tokens_elsewhere(server: HostedServer) -> None:
    token = server.token()
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    for query in (f"access_token={token}", "access_token=", f"a=b&access%5Ftoken={token}"):
        answer = await server.http.post(
            f"{server.url}?{query}", json=body, headers={"Authorization": f"Bearer {token}"}
        )

        assert answer.status_code == 400
        assert 'error="invalid_request"' in answer.headers["www-authenticate"]
        assert token not in answer.text
    for cookie in (f"access_token={token}", f"Authorization=Bearer {token}"):
        assert await _listed(server, Cookie=cookie) == (401, NO_TOKEN)
    answer = await server.http.post(server.url, data={"access_token": token})
    assert answer.status_code == 401
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    answer = await server.http.post(server.url, json=body, headers=twice)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def _metadata(server: HostedServer) -> None:
    root = server.url.removesuffix("/mcp")
    for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
        answer = await server.http.get(root + path)

        assert answer.status_code == 200
        assert answer.json() == {
            "resource": PUBLIC_URL,
            "authorization_servers": [server.issuer.url],
            "scopes_supported": sorted(SCOPES.split()),
            "bearer_methods_supported": ["header"],
        }


async def _sdk_client(server: HostedServer) -> None:
    for mode in MODES:
        async with server.client(server.token(), mode) as client:
            assert data_of(await client.call_tool("invoke_agent", {"prompt": "hi"}))["text"] == "hello"


async def _hosts(server: HostedServer) -> None:
    for host, status in {"mcp.example.com": 200, "MCP.example.com:443": 200, "evil.example": 421}.items():
        assert (await _listed(server, server.token(), Host=host))[0] == status
    assert (await _listed(server, server.token(), Origin="https://evil.example"))[0] == 403


async def test_scopes_that_every_request_needs_are_asked_for_at_the_door(tmp_path: Path) -> None:
    async with hosted_server(tmp_path, agents={"one": ""}, auth='required_scopes = ["mcp"]') as server:
        for version in VERSIONS:
            answer = await server.request("tools/list", {}, server.token(scope='a openid "quoted"'), version=version)

            assert answer.status_code == 403
            assert answer.headers["www-authenticate"] == (
                'Bearer error="insufficient_scope", error_description="this needs the scope mcp", '
                f'scope="quoted a mcp openid", resource_metadata="{METADATA_URL}"'
            )
            assert (await server.request("tools/list", {}, server.token(scope="mcp"), version=version)).is_success


async def test_with_tokens_no_name_has_to_be_allowed_to_listen_for_others(tmp_path: Path) -> None:
    """The address is nobody's, so that the error is that of the socket."""
    config = tmp_path / "config.toml"
    config.write_text(
        f'[server]\npublic_url = "{PUBLIC_URL}"\nauth = {{ issuers = ["https://issuer.example"] }}\n'
        f'[agents.one]\narn = "{PREFIX}/one-0123456789"\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "agentcore_mcp", "serve", "--config", str(config), "--host", "203.0.113.1"]
    with anyio.fail_after(WAIT_S):
        ended = await anyio.run_process(command, check=False)

    assert ended.returncode == 1
    assert b"can't listen on 203.0.113.1:8000" in ended.stderr
