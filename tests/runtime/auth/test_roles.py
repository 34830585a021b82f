"""Credentials of a profile and of a role, with an STS on loopback that records who asks for what."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from agentcore_mcp.errors import CredentialsError
from agentcore_mcp.runtime import SigV4Auth
from agentcore_mcp.runtime.auth.roles import ROLE_SESSION_NAME, ConfiguredSession
from agentcore_mcp.runtime.auth.sigv4 import REGION_EXTENSION
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request

ROLE = "arn:aws:iam::210987654321:role/caller"
EXTERNAL_ID = "not-a-real-external-id"
PROFILE_KEY_ID = "AKIAFAKEFAKEFAKEPROF"


@dataclass(slots=True)
class TokenService:
    """AssumeRole of AWS STS.

    Attributes:
        lifetime: Of what it gives out.
        refusal: What it says instead.
        asked: The forms that came in, with the access key id and region that signed them.
    """

    lifetime: timedelta = timedelta(hours=1)
    refusal: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        scope = request.headers["authorization"].partition("Credential=")[2].partition(",")[0].split("/")
        self.asked.append({**form, "signed_by": scope[0], "region": scope[2]})
        if self.refusal:
            body = f"<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{self.refusal}</Message></Error>"
            return Response(f"<ErrorResponse>{body}</ErrorResponse>", 403, media_type="text/xml")
        end = (datetime.now(UTC) + self.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
        keys = (
            f"<AccessKeyId>ASIAROLE{len(self.asked)}</AccessKeyId><SecretAccessKey>not-real</SecretAccessKey>"
            f"<SessionToken>session-{len(self.asked)}</SessionToken><Expiration>{end}</Expiration>"
        )
        result = f"<AssumeRoleResult><Credentials>{keys}</Credentials></AssumeRoleResult>"
        return Response(f"<AssumeRoleResponse>{result}</AssumeRoleResponse>", media_type="text/xml")


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TokenService]:
    """Run an STS, on a machine with keys in the environment and a profile ``other`` with keys of its own."""
    config = tmp_path / "config"
    config.write_text(
        f"[profile other]\naws_access_key_id = {PROFILE_KEY_ID}\naws_secret_access_key = not-real\n[profile bare]\n"
    )
    service = TokenService()
    with serving(Starlette(routes=[Route("/", service.answer, methods=["POST"])])) as port:
        for name, value in {
            "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{port}",
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(name, value)
        yield service


def signer_of(auth: SigV4Auth) -> str:
    """Return the access key id that a request is signed with."""
    request = httpx2.Request("POST", "https://x.example/", content=b"", extensions={REGION_EXTENSION: "us-east-1"})
    signed = next(auth.sync_auth_flow(request))
    return signed.headers["authorization"].partition("Credential=")[2].partition("/")[0]


def test_a_role_is_asked_for_once_in_its_region_with_what_the_environment_has(sts: TokenService) -> None:
    auth = SigV4Auth(ConfiguredSession(role_arn=ROLE, external_id=EXTERNAL_ID, region="eu-central-1"))

    assert sts.asked == []
    assert [signer_of(auth), signer_of(auth)] == ["ASIAROLE1", "ASIAROLE1"]
    assert len(sts.asked) == 1
    expected = {
        "Action": "AssumeRole",
        "RoleArn": ROLE,
        "ExternalId": EXTERNAL_ID,
        "RoleSessionName": ROLE_SESSION_NAME,
        "signed_by": ACCESS_KEY_ID,
        "region": "eu-central-1",
    }
    assert expected.items() <= sts.asked[0].items()


def test_a_role_without_an_external_id_is_asked_for_without_one(sts: TokenService) -> None:
    signer_of(SigV4Auth(ConfiguredSession(role_arn=ROLE, region="eu-central-1")))

    assert "ExternalId" not in sts.asked[0]


def test_a_role_is_asked_for_again_before_it_ends(sts: TokenService) -> None:
    sts.lifetime = timedelta(minutes=5)
    auth = SigV4Auth(ConfiguredSession(role_arn=ROLE, region="eu-central-1"))

    assert [signer_of(auth), signer_of(auth)] == ["ASIAROLE1", "ASIAROLE2"]


def test_a_profile_wins_over_the_environment_and_may_assume_a_role(sts: TokenService) -> None:
    assert signer_of(SigV4Auth(ConfiguredSession(profile="other"))) == PROFILE_KEY_ID
    assert signer_of(SigV4Auth(ConfiguredSession(profile="other", role_arn=ROLE, region="eu-central-1"))) == "ASIAROLE1"
    assert [asked["signed_by"] for asked in sts.asked] == [PROFILE_KEY_ID]


@pytest.mark.parametrize(
    ("session", "sentence"),
    [
        (ConfiguredSession(profile="nobody"), "`aws configure list-profiles`"),
        (ConfiguredSession(profile="bare"), "no AWS credentials found"),
        (ConfiguredSession(profile="bare", role_arn=ROLE, region="eu-central-1"), "no AWS credentials found"),
        (ConfiguredSession(role_arn=ROLE, external_id=EXTERNAL_ID, region="eu-central-1"), "not allowed to assume"),
        (ConfiguredSession(role_arn=ROLE), "specify a region"),
    ],
)
def test_what_cannot_be_had_is_told_without_a_secret(
    sts: TokenService, session: ConfiguredSession, sentence: str
) -> None:
    sts.refusal = "not allowed to assume"

    with pytest.raises(CredentialsError, match=sentence) as raised:
        signer_of(SigV4Auth(session))

    for secret in (EXTERNAL_ID, SECRET_ACCESS_KEY):
        assert secret not in str(raised.value)


def test_a_profile_that_is_added_later_is_found_at_the_next_attempt(sts: TokenService, tmp_path: Path) -> None:
    auth = SigV4Auth(ConfiguredSession(profile="late"))
    with pytest.raises(CredentialsError):
        signer_of(auth)
    with (tmp_path / "config").open("a") as file:
        file.write("[profile late]\naws_access_key_id = AKIALATE\naws_secret_access_key = not-real\n")

    assert signer_of(auth) == "AKIALATE"


def test_the_profile_that_signs_in_is_named_for_a_role_of_another(sts: TokenService, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[profile work]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = corp\nregion = eu-west-1\n"
        "[profile corp]\nsso_start_url = https://corp.example.com\nsso_region = eu-west-1\n"
        "sso_account_id = 123456789012\nsso_role_name = dev\n"
    )

    with pytest.raises(CredentialsError, match="aws sso login --profile corp"):
        signer_of(SigV4Auth(ConfiguredSession(profile="work")))
