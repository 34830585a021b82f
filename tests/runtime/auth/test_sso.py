"""A sign-in through IAM Identity Center that is over: told with the command to run, from real botocore files.

In a process of its own, because botocore takes the folder of its cache from HOME when it is imported.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import printed

if TYPE_CHECKING:
    from pathlib import Path

START_URL = "https://corp.example.com/start"
# Neither portal nor token service can be reached: nothing listens at port 1 of this machine.
UNREACHABLE = "http://127.0.0.1:1"

SESSION = f"""\
[profile dev]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = dev
[sso-session corp]
sso_start_url = {START_URL}
sso_region = eu-west-1
"""
LEGACY = f"""\
[profile dev]
sso_start_url = {START_URL}
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = dev
"""
ROLE = """\
[profile ops]
role_arn = arn:aws:iam::123456789012:role/ops
source_profile = dev
"""

SIGN = """\
import sys
import httpx2
from agentcore_mcp.errors import CredentialsError
from agentcore_mcp.runtime import SigV4Auth
from agentcore_mcp.runtime.auth.sigv4 import REGION_EXTENSION
url = "https://bedrock-agentcore.eu-west-1.amazonaws.com/"
request = httpx2.Request("POST", url, content=b"{}", extensions={REGION_EXTENSION: "eu-west-1"})
if len(sys.argv) > 1:
    import boto3
    auth = SigV4Auth(boto3.Session(profile_name=sys.argv[1]))
else:
    auth = SigV4Auth()
try:
    next(auth.sync_auth_flow(request))
except CredentialsError as error:
    print(error)
"""


def told(home: Path, config: str, token: dict[str, str] | None, *arguments: str, profile: str = "") -> str:
    """Return what is said when a request is signed on a machine with these files."""
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    (home / ".aws" / "config").write_text(config)
    if token is not None:
        for key in ("corp", START_URL):
            (cache / f"{hashlib.sha1(key.encode()).hexdigest()}.json").write_text(json.dumps(token))
    environment = {
        "HOME": str(home),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_SSO": UNREACHABLE,
        "AWS_ENDPOINT_URL_SSO_OIDC": UNREACHABLE,
        "AWS_MAX_ATTEMPTS": "1",
        **({"AWS_PROFILE": profile} if profile else {}),
    }
    said, errors = printed(SIGN, *arguments, env=environment)
    assert errors == ""
    return said.strip()


EXPIRED = {"startUrl": START_URL, "region": "eu-west-1", "accessToken": "s3cret", "expiresAt": "2020-01-01T00:00:00Z"}
# As `aws sso login` writes it for a session: the registration of the client is over too, so nothing can be renewed.
EXPIRED_REGISTRATION = {
    **EXPIRED,
    "clientId": "client",
    "clientSecret": "s3cret",
    "refreshToken": "s3cret",
    "registrationExpiresAt": "2020-01-01T00:00:00Z",
}


@pytest.mark.parametrize("config", [SESSION, LEGACY], ids=["session", "legacy"])
@pytest.mark.parametrize("token", [None, EXPIRED, EXPIRED_REGISTRATION], ids=["none", "expired", "registration"])
def test_a_sign_in_that_is_over_names_the_command(tmp_path: Path, config: str, token: dict[str, str] | None) -> None:
    assert told(tmp_path, config, token, profile="dev") == (
        "the AWS sign-in has expired or is missing; run `aws sso login --profile dev` and try again"
    )


def test_the_profile_of_a_boto3_session_is_named(tmp_path: Path) -> None:
    assert "`aws sso login --profile dev`" in told(tmp_path, SESSION, EXPIRED, "dev")


def test_the_default_profile_needs_no_name(tmp_path: Path) -> None:
    config = SESSION.replace("[profile dev]", "[default]")

    assert "run `aws sso login` and try again" in told(tmp_path, config, EXPIRED)


@pytest.mark.parametrize("arguments", [(), ("ops",)], ids=["botocore", "boto3"])
def test_a_role_names_the_profile_that_it_is_assumed_from(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """``aws sso login`` itself doesn't follow source_profile."""
    config = SESSION.replace("profile dev", "profile 'my dev'") + ROLE.replace("= dev", "= my dev")

    assert "`aws sso login --profile 'my dev'`" in told(tmp_path, config, EXPIRED, *arguments, profile="ops")


def test_a_role_that_is_assumed_from_the_default_profile_names_that(tmp_path: Path) -> None:
    """Where AWS_PROFILE is set to the role, it would be the role's profile without."""
    config = SESSION.replace("[profile dev]", "[default]") + ROLE.replace("= dev", "= default")

    assert "`aws sso login --profile default`" in told(tmp_path, config, EXPIRED, profile="ops")


def test_a_portal_that_can_not_be_reached_is_another_matter(tmp_path: Path) -> None:
    message = told(tmp_path, LEGACY, {**EXPIRED, "expiresAt": "2999-01-01T00:00:00Z"}, profile="dev")

    assert "the AWS credentials can't be used: Could not connect" in message
    assert "s3cret" not in message
