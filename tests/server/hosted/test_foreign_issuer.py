"""An authorization server that we didn't write: npm's ``oidc-provider``, found and trusted by its metadata alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import anyio
import httpx2
import jwt
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from agentcore_mcp.config.hosted import ServerAuth
from agentcore_mcp.server.hosted.keys import AGAIN_S
from agentcore_mcp.server.hosted.tokens import TokenRefusedError, Tokens
from tests.support.foreign_issuer import foreign_issuer
from tests.support.issuer import new_key
from tests.support.mcp_hosts import MODES
from tests.support.node import INSTALL_LIMIT_S
from tests.support.resource_server import call_body, modern, post, resource_server
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    from agentcore_mcp.local.agentcore import LocalAgentCore

pytestmark = [pytest.mark.timeout(INSTALL_LIMIT_S + 3 * WAIT_S), pytest.mark.usefixtures("oidc_provider")]

INVOKE, COMMAND = "agentcore:invoke", "agentcore:command"
ASK = call_body("invoke_agent", {"prompt": "count to 3"})
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
RUN = call_body("run_command", {"command": "echo done"})


@pytest.mark.parametrize("mode", MODES)
async def test_the_tokens_of_a_person_and_of_a_program_are_good_for_a_call(
    mode: str, local_agentcore: LocalAgentCore, tmp_path: Path
) -> None:
    async with foreign_issuer() as issuer, resource_server(tmp_path, local_agentcore, issuer.url) as url:
        for token in (await issuer.user_token(url, INVOKE), await issuer.program_token(url, INVOKE)):
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                httpx2.AsyncClient(headers=headers, trust_env=False, timeout=WAIT_S) as http,
                Client(streamable_http_client(url, http_client=http), mode=mode) as client,
            ):
                result = await client.call_tool("invoke_agent", {"prompt": "count to 3"})

            assert result.structured_content is not None
            assert result.structured_content["text"] == "1 2 3"


async def test_a_request_without_a_token_is_told_where_one_comes_from(
    local_agentcore: LocalAgentCore, tmp_path: Path
) -> None:
    async with (
        foreign_issuer() as issuer,
        resource_server(tmp_path, local_agentcore, issuer.url) as url,
        httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http,
    ):
        refused = await post(url, None, ASK)
        challenge = dict(re.findall(r'(\w+)="([^"]*)"', refused.headers["www-authenticate"]))
        resource = (await http.get(challenge["resource_metadata"])).json()
        metadata = await http.get(urljoin(resource["authorization_servers"][0], "/.well-known/openid-configuration"))

        assert refused.status_code == 401
        assert "error" not in challenge
        assert challenge["scope"].split() == resource["scopes_supported"]
        assert resource["resource"] == url
        # To the letter, which clients compare (RFC 8414, 3.3).
        assert resource["authorization_servers"] == [metadata.json()["issuer"]] == [issuer.url]


async def test_tokens_for_others_from_others_and_from_the_past_are_refused(
    local_agentcore: LocalAgentCore, tmp_path: Path
) -> None:
    async with (
        foreign_issuer(new_key("first")) as issuer,
        foreign_issuer(new_key("first")) as another,
        resource_server(tmp_path, local_agentcore, issuer.url, auth="clock_skew = 0") as url,
    ):

        async def refusal(token: str) -> str:
            answer = await post(url, token, ASK)
            assert answer.status_code == 401, answer.text
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
            return str(answer.json()["error_description"])

        assert "does not name this server" in await refusal(await issuer.program_token(f"{url}/other", INVOKE))
        assert "not known here" in await refusal(await another.program_token(url, INVOKE))
        assert (await post(url, await issuer.program_token(url, INVOKE), ASK)).status_code == 200
        await issuer.publish(new_key("second"))
        assert "key that its issuer doesn't have" in await refusal(await issuer.program_token(url, INVOKE))
        await issuer.publish(new_key("first"))
        assert "signature" in await refusal(await issuer.program_token(url, INVOKE))


async def test_a_token_is_good_until_it_expires(local_agentcore: LocalAgentCore, tmp_path: Path) -> None:
    async with (
        foreign_issuer(lifetime=3) as issuer,
        resource_server(tmp_path, local_agentcore, issuer.url, auth="clock_skew = 0") as url,
    ):
        token = await issuer.user_token(url, INVOKE)
        assert (await post(url, token, ASK)).status_code == 200
        with anyio.fail_after(WAIT_S):
            while (answer := await post(url, token, LIST)).status_code == 200:
                pass

        assert answer.json() == {"error": "invalid_token", "error_description": "the token has expired"}


async def test_its_keys_rotate_without_a_refused_token() -> None:
    """The next key is published before it signs, and the last one for as long as what it signed is good."""
    seconds = 0.0
    url, old, new = "https://mcp.example.com/mcp", new_key("old"), new_key("new")
    async with foreign_issuer(old) as issuer:
        auth = ServerAuth.model_validate({"issuers": [issuer.url]})
        tokens = Tokens(auth, url, issuer.http, now=lambda: seconds)
        by_old = await issuer.program_token(url, INVOKE)
        assert await tokens.principal(by_old)

        await issuer.publish(old, new)
        seconds += AGAIN_S
        with pytest.raises(TokenRefusedError):
            # Even if somebody has just used up the fetch that an unknown key is worth.
            await tokens.principal(_of_a_made_up_key(issuer.url))
        assert await tokens.principal(await issuer.program_token(url, INVOKE))

        await issuer.publish(new, old)
        assert await tokens.principal(await issuer.program_token(url, INVOKE))
        assert await tokens.principal(by_old)

        await issuer.publish(new)
        seconds += AGAIN_S
        assert await tokens.principal(await issuer.program_token(url, INVOKE))


async def test_a_call_that_needs_more_scopes_names_them_and_a_token_with_them_is_good_for_it(
    local_agentcore: LocalAgentCore, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    async with foreign_issuer() as issuer, resource_server(tmp_path, local_agentcore, issuer.url) as url:
        for version, (run, headers) in {"2025-11-25": (RUN, {}), "2026-07-28": modern(RUN)}.items():
            with subtests.test(version):
                refused = await post(url, await issuer.program_token(url, INVOKE), run, **headers)
                challenge = dict(re.findall(r'(\w+)="([^"]*)"', refused.headers["www-authenticate"]))
                wider = await issuer.program_token(url, *challenge["scope"].split())
                answered = await post(url, wider, run, **headers)

                assert refused.status_code == 403
                assert (challenge["error"], challenge["scope"]) == ("insufficient_scope", f"{COMMAND} {INVOKE}")
                assert answered.status_code == 200
                assert "exit code 0" in answered.text


def _of_a_made_up_key(issuer: str) -> str:
    return jwt.encode({"iss": issuer}, new_key("made-up").private, "ES256", headers={"kid": "made-up"})
