"""Credentials that are obviously not real, and botocore's own view of a request's signature."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import botocore.session
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

if TYPE_CHECKING:
    from tests.support.servers import Recorded

ACCESS_KEY_ID = "AKIAFAKEFAKEFAKEFAKE"
SECRET_ACCESS_KEY = "not/a/real/secret/key+at+all"
SESSION_TOKEN = "not-a-real-session-token=="


def fake_session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN)
    return session


def botocore_authorization(request: Recorded, region: str) -> str:
    """Return what botocore's signer puts into Authorization for a request that was recorded, at the request's time."""
    authorization = request.header("authorization") or ""
    signed_names = re.findall(r"SignedHeaders=([^,]+)", authorization)[0].split(";")
    aws = AWSRequest(
        request.method,
        f"http://{request.header('host')}{request.target}",
        # Recorded as Latin-1, which shows every byte; meant as UTF-8.
        headers={name: value.encode("latin-1").decode() for name, value in request.headers if name in signed_names},
        data=request.body,
    )
    aws.context["timestamp"] = request.header("x-amz-date")
    signer = SigV4Auth(
        ReadOnlyCredentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN), "bedrock-agentcore", region
    )
    signature = signer.signature(signer.string_to_sign(aws, signer.canonical_request(aws)), aws)
    return (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(aws)}, "
        f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(aws))}, Signature={signature}"
    )


def botocore_presigned_signature(url: str, region: str) -> str:
    """Return the signature that botocore's signer gives a presigned URL, at the URL's own time."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    unsigned = "&".join(part for part in parts.query.split("&") if not part.startswith("X-Amz-Signature="))
    aws = AWSRequest("GET", f"https://{parts.netloc}{parts.path}?{unsigned}")
    aws.context["timestamp"] = query["X-Amz-Date"]
    signer = SigV4QueryAuth(
        ReadOnlyCredentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN), "bedrock-agentcore", region
    )
    return str(signer.signature(signer.string_to_sign(aws, signer.canonical_request(aws)), aws))
