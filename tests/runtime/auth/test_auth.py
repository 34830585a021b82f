"""Who a request is from: where credentials come from, what is said without them, and where they never go."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import sys
import traceback
from typing import TYPE_CHECKING, Any

import anyio
import botocore.session
import httpx2
import pytest
from boto3.session import Session as Boto3Session
from botocore.exceptions import LoginRefreshRequired

from agentcore_mcp.errors import ConfigurationError, CredentialsError
from agentcore_mcp.runtime import BearerAuth, NoAuth, SigV4Auth
from agentcore_mcp.runtime.auth.sigv4 import REGION_EXTENSION
from agentcore_mcp.runtime.client import RuntimeClient
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, fake_session
from tests.support.clients import ARN, REGION, SESSION_ID, client_of
from tests.support.processes import printed
from tests.support.servers import Exchange, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CREDENTIALS = {
    "Version": 1,
    "AccessKeyId": ACCESS_KEY_ID,
    "SecretAccessKey": SECRET_ACCESS_KEY,
    "SessionToken": SESSION_TOKEN,
}
KEYS_AS_JSON = json.dumps(CREDENTIALS)

SSO = "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = dev"
LEGACY_SSO = SSO.replace("sso_session = corp", "sso_start_url = https://corp.example.com\nsso_region = eu-west-1")


async def accept(exchange: Exchange) -> None:
    await exchange.send(reply(body=b"{}", content_type="application/json"))


def request_to(url: str) -> httpx2.Request:
    return httpx2.Request("POST", url, content=b"{}", extensions={REGION_EXTENSION: REGION})


async def signed(auth: httpx2.Auth, url: str = "https://agents.example.com/runtimes/x") -> httpx2.Headers:
    """Return the headers that a request leaves with."""
    flow = auth.async_auth_flow(request_to(url))
    try:
        async with asyncio.timeout(WAIT_S):
            return (await anext(flow)).headers
    finally:
        await flow.aclose()


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], botocore.session.Session]:
    """Give a session whose profile ``corp`` has the settings, on a machine where nothing else has credentials."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def session(settings: str) -> botocore.session.Session:
        config = tmp_path / "config"
        config.write_text(
            f"[profile corp]\n{settings}\n[sso-session corp]\nsso_start_url = https://corp.example.com\n"
            "sso_region = eu-west-1\n"
        )
        made = botocore.session.Session(profile="corp")
        made.set_config_variable("config_file", str(config))
        made.set_config_variable("credentials_file", str(tmp_path / "credentials"))
        return made

    return session


def process(code: str) -> str:
    return f"credential_process = {shlex.join([sys.executable, '-c', code])}"


def printing(value: object) -> str:
    return process(f"print({json.dumps(value)!r})")


# What botocore's credentials become.


async def test_a_boto3_session_is_as_good_as_a_botocore_session() -> None:
    session = Boto3Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN)

    headers = await signed(SigV4Auth(session))

    assert headers["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/")
    assert headers["x-amz-security-token"] == SESSION_TOKEN


async def test_without_a_session_the_default_chain_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)

    assert f"Credential={ACCESS_KEY_ID}/" in (await signed(SigV4Auth()))["authorization"]


def test_the_sync_flow_signs_too() -> None:
    request = next(SigV4Auth(fake_session()).sync_auth_flow(request_to("https://agents.example.com/")))

    assert f"Credential={ACCESS_KEY_ID}/" in request.headers["authorization"]


async def test_many_calls_at_once_resolve_credentials_once(
    profile: Callable[[str], botocore.session.Session], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    auth = SigV4Auth(profile(process(f"open({str(log)!r}, 'a').write('x'); print({KEYS_AS_JSON!r})")))

    await asyncio.gather(*(signed(auth) for _ in range(20)))

    assert log.read_text() == "x"


async def test_credentials_of_the_default_chain_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    keys = process(f"open({str(log)!r}, 'a').write('x'); print({KEYS_AS_JSON!r})")
    (tmp_path / "config").write_text(f"[profile corp]\n{keys}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "corp")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    auth = SigV4Auth()

    await signed(auth)
    await signed(auth)

    assert log.read_text() == "x"


async def test_the_event_loop_runs_on_while_credentials_are_resolved(
    profile: Callable[[str], botocore.session.Session],
) -> None:
    """The credential process waits for an answer from the very event loop that waits for the process."""

    async def keys(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(KEYS_AS_JSON.encode())
        writer.close()

    async with await asyncio.start_server(keys, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        auth = SigV4Auth(
            profile(process(f"import socket; print(socket.create_connection({address!r}).recv(999).decode())"))
        )

        assert f"Credential={ACCESS_KEY_ID}/" in (await signed(auth))["authorization"]


async def test_a_cancelled_call_does_not_wait_for_credentials(
    profile: Callable[[str], botocore.session.Session],
) -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def keys(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await release.wait()
        writer.write(KEYS_AS_JSON.encode())
        writer.close()

    async with await asyncio.start_server(keys, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        auth = SigV4Auth(
            profile(process(f"import socket; print(socket.create_connection({address!r}).recv(999).decode())"))
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(signed, auth)
            async with asyncio.timeout(WAIT_S):
                await asked.wait()
            tasks.cancel_scope.cancel()
            asyncio.get_running_loop().call_later(WAIT_S, release.set)  # so that a failure ends, too
        assert not release.is_set()
        release.set()

        # The next call gets what the abandoned thread fetched.
        assert f"Credential={ACCESS_KEY_ID}/" in (await signed(auth))["authorization"]


# What is said without usable credentials.


async def test_no_credentials_names_the_ways_to_give_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    auth = SigV4Auth()

    with pytest.raises(CredentialsError) as caught:
        await signed(auth)

    for way in ("AWS_PROFILE", "aws sso login", "AWS_ACCESS_KEY_ID", "role", "bearer token"):
        assert way in str(caught.value)

    # Once they are there, the same client finds them: nobody has to restart a server.
    (tmp_path / "credentials").write_text(
        f"[default]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"
    )
    assert f"Credential={ACCESS_KEY_ID}/" in (await signed(auth))["authorization"]


UNSENDABLE = (
    "the access key, secret key or session token of the AWS profile 'corp' is empty or has a character that a header "
    "can't carry, such as a line break at its end"
)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (SSO, "run `aws sso login --profile corp`"),
        (LEGACY_SSO, "run `aws sso login --profile corp`"),
        ("aws_access_key_id = AKIAFAKE", "missing: aws_secret_access_key"),
        ("role_arn = arn:aws:iam::123456789012:role/dev\nsource_profile = gone", 'The source_profile "gone"'),
        ("credential_process = /nowhere/to-be-found", "'/nowhere/to-be-found'"),
        (process("import sys; sys.exit('s3cret')"), "the credential_process of the AWS profile 'corp' failed; run it"),
        (
            process("print('s3cret, not JSON')"),
            "the AWS credentials can't be read (JSONDecodeError): check the AWS profile 'corp', and what its",
        ),
        (printing(["s3cret"]), "the AWS credentials can't be read (AttributeError)"),
        (printing(CREDENTIALS | {"Expiration": ["s3cret"]}), "the AWS credentials can't be read (TypeError)"),
        (
            printing(CREDENTIALS | {"Expiration": "2001-01-01T00:00:00Z"}),
            "have expired, and where they come from there are no others; renew those of the AWS profile 'corp'",
        ),
        (printing(CREDENTIALS | {"SessionToken": "s3cret\n"}), UNSENDABLE),
        (printing(CREDENTIALS | {"SessionToken": 7}), UNSENDABLE),
        ("aws_access_key_id = AKIAF\u00c4KE\naws_secret_access_key = s3cret", UNSENDABLE),
        (process("print('{\"Version\": 2}')"), "the credential_process of the AWS profile 'corp' failed; run it"),
    ],
)
async def test_unusable_credentials_say_what_to_do(
    profile: Callable[[str], botocore.session.Session], settings: str, expected: str
) -> None:
    with pytest.raises(CredentialsError) as caught:
        await signed(SigV4Auth(profile(settings)))

    assert expected in str(caught.value)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("make", [botocore.session.Session, Boto3Session])
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"AWS_SECRET_ACCESS_KEY": "s3cret\n"},
            "session token of the AWS_* variables is empty or has a character that a",
        ),
        ({"AWS_CREDENTIAL_EXPIRATION": "2001-01-01T00:00:00Z"}, "renew those of the AWS_* variables"),
        ({"AWS_CREDENTIAL_EXPIRATION": "s3cret"}, "check the AWS_* variables"),
    ],
)
async def test_unusable_variables_are_no_profiles_fault(
    make: Callable[[], Any], variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    keys = {"AWS_ACCESS_KEY_ID": "AKIAFAKE", "AWS_SECRET_ACCESS_KEY": "s3cret"}
    for name, value in (keys | variables).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CredentialsError) as caught:
        await signed(SigV4Auth(make()))

    assert expected in str(caught.value)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


async def test_an_expired_console_sign_in_names_its_own_command() -> None:
    class Expired:
        profile = "corp"

        def get_credentials(self) -> None:
            raise LoginRefreshRequired

    with pytest.raises(CredentialsError, match="run `aws login --profile corp`"):
        await signed(SigV4Auth(Expired()))


async def test_an_unknown_profile_says_how_to_list_them(
    profile: Callable[[str], botocore.session.Session],
) -> None:
    session = profile("")
    session.set_config_variable("profile", "corq")

    with pytest.raises(CredentialsError, match=r"\(corq\) could not be found; `aws configure list-profiles`"):
        await signed(SigV4Auth(session))


async def test_the_error_of_a_call_without_credentials_has_its_session(
    profile: Callable[[str], botocore.session.Session],
) -> None:
    auth = SigV4Auth(profile(SSO))
    async with client_of(accept, auth=auth) as (client, server):
        with pytest.raises(CredentialsError) as caught:
            await client.stop_session(ARN, session_id=SESSION_ID)

    assert caught.value.session_id == SESSION_ID
    assert server.requests == []


# Where credentials never go.


@pytest.mark.parametrize("auth", [SigV4Auth(fake_session()), BearerAuth("s3cret")], ids=["sigv4", "bearer"])
async def test_credentials_are_not_sent_in_the_clear(auth: httpx2.Auth) -> None:
    with pytest.raises(ConfigurationError, match=r"credentials are not sent to 'agents.example.com' over 'http'"):
        await signed(auth, "http://agents.example.com/")

    assert "authorization" in await signed(auth, "http://127.0.0.1:8080/")


async def test_no_auth_is_for_this_machine_only() -> None:
    with pytest.raises(ConfigurationError, match=r"a request to 'agents.example.com' needs credentials"):
        await signed(NoAuth(), "https://agents.example.com/")

    assert "authorization" not in await signed(NoAuth(), "http://localhost:8080/")


@pytest.mark.parametrize("token", ["", " ", "two words", "s3cret\r\nX-Injected: 1", "s3cret\n", "s3cret\0", "s3crét"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ConfigurationError, match="the bearer token") as caught:
        BearerAuth(token)

    assert "s3cr" not in str(caught.value)


async def test_no_secret_is_in_a_repr_an_error_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.send(reply("403 Forbidden", b'{"message":"no"}', content_type="application/json"))

    caplog.set_level(logging.DEBUG)
    shown = ""
    for auth in (SigV4Auth(fake_session()), BearerAuth("s3cret.bearer.token")):
        async with client_of(refuse, auth=auth) as (client, server):
            shown += f"{auth!r} {auth} {client!r}"
            try:
                await client.stop_session(ARN, session_id=SESSION_ID)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not tell
                shown += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
        assert server.requests[0].header("authorization") is not None

    assert "403" in caplog.text
    for secret in (SECRET_ACCESS_KEY, SESSION_TOKEN, "s3cret.bearer.token", "Signature="):
        assert secret not in shown
        assert secret not in caplog.text


def test_whoever_asks_for_the_log_of_botocore_gets_it() -> None:
    code = (
        "import logging\n"
        "from agentcore_mcp.runtime import SigV4Auth\n"
        "from tests.runtime.auth.test_auth import fake_session, request_to\n"
        "logging.getLogger('botocore').setLevel(logging.DEBUG)\n"
        "next(SigV4Auth(fake_session()).sync_auth_flow(request_to('https://agents.example.com/')))\n"
        "print(logging.getLogger('botocore').level == logging.DEBUG)\n"
    )

    assert printed(code)[0].split() == ["True"]


def test_botocore_and_mcp_are_not_loaded_before_the_first_signature() -> None:
    code = (
        "import sys, anyio, httpx2\n"
        "from agentcore_mcp import runtime\n"
        "def loaded(): print([name for name in ('botocore', 'mcp', 'boto3') if name in sys.modules])\n"
        "transport = httpx2.MockTransport(lambda request: httpx2.Response(200))\n"
        "async def stop(who):\n"
        "    client = runtime.RuntimeClient(auth=who, transport=transport)\n"
        f"    await client.stop_session({ARN!r}, session_id={SESSION_ID!r})\n"
        "    loaded()\n"
        "loaded()\n"
        "runtime.RuntimeClient()\n"
        "anyio.run(stop, runtime.BearerAuth('token'))\n"
        "anyio.run(stop, None)\n"
    )
    environment = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}

    assert printed(code, env=environment)[0].splitlines() == ["[]", "[]", "['botocore']"]


async def test_a_client_that_is_given_no_auth_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(200)

    async with RuntimeClient(transport=httpx2.MockTransport(answer)) as client:
        await client.stop_session(ARN, session_id=SESSION_ID)

    assert f"Credential={ACCESS_KEY_ID}/" in seen[0]
