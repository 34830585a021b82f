"""SigV4 as AWS checks it: the key, the credential scope, the time, and the signature itself.

botocore's own signer computes the signature, so this accepts the signatures that botocore makes, in a header or in the
query of a presigned URL. The rules around it are from the IAM user guide ("Troubleshoot signed requests"), messages
and statuses from responses of AWS services quoted in public issues.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from agentcore_mcp.local.callers.claims import TIME_FORMAT, Claim, Incoming, invalid_signature, read_claim
from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.wire.ids import SERVICE
from agentcore_mcp.wire.limits import SIGNATURE_SKEW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_TERMINATOR: Final = "aws4_request"
_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_INVALID_TOKEN: Final = "The security token included in the request is invalid."  # noqa: S105  a message


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The one accepted key pair."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


# Useful only for a local AgentCore, as its text says.
LOCAL_KEYS: Final = KeyPair("AKIALOCALAGENTCORE00", "not+a+real+secret/local/agentcore/only00")


class SignatureAuthorizer:
    """Accepts requests signed with one key pair for one region.

    Args:
        keys: The key pair.
        region: The region of the runtimes.
        now: Returns the time in UTC.
    """

    def __init__(self, keys: KeyPair, region: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        # Imported now, so that no request waits for it; and not at the top, because most runs verify nothing.
        from botocore.auth import SigV4Auth
        from botocore.credentials import ReadOnlyCredentials

        self._keys = keys
        self._region = region
        self._now = now
        self._signer = SigV4Auth(ReadOnlyCredentials(keys.access_key_id, keys.secret_access_key, None), SERVICE, region)

    def check(self, request: Incoming) -> None:
        """Return if the request has a valid signature.

        Raises:
            Refusal: If it is not.
        """
        claim = read_claim(request)
        self._check_time(claim)
        self._check_scope(claim)
        _check_coverage(claim, request.headers)
        if claim.access_key_id != self._keys.access_key_id or _has_session_token(request):
            raise Refusal("UnrecognizedClientException", _INVALID_TOKEN)
        if not any(
            hmac.compare_digest(self._signature(claim, request, host).encode(), claim.signature.encode())
            for host in _hosts(request.headers)
        ):
            raise Refusal("InvalidSignatureException", _MISMATCH)

    def _check_time(self, claim: Claim) -> None:
        now = self._now()
        if claim.time - now > SIGNATURE_SKEW:
            limit = (now + SIGNATURE_SKEW).strftime(TIME_FORMAT)
            rule = f"{now.strftime(TIME_FORMAT)} + 5 min."
            raise invalid_signature(
                f"Signature not yet current: {claim.timestamp} is still later than {limit} ({rule})"
            )
        if now - claim.time > claim.valid_for:
            limit = (now - claim.valid_for).strftime(TIME_FORMAT)
            rule = f"{now.strftime(TIME_FORMAT)} - {_in_words(claim.valid_for)}"
            raise invalid_signature(f"Signature expired: {claim.timestamp} is now earlier than {limit} ({rule})")

    def _check_scope(self, claim: Claim) -> None:
        day, region, service, terminator = claim.scope
        if day != claim.timestamp[:8]:
            raise invalid_signature(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{day}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'."
            )
        if region != self._region:
            raise invalid_signature(f"Credential should be scoped to a valid region, not '{region}'.")
        if service != SERVICE:
            raise invalid_signature(f"Credential should be scoped to correct service: '{SERVICE}'.")
        if terminator != _TERMINATOR:
            raise invalid_signature(
                f"Credential should be scoped with a valid terminator: '{_TERMINATOR}', not '{terminator}'."
            )

    def _signature(self, claim: Claim, request: Incoming, host: str) -> str:
        """Compute the signature over the headers in the client's SignedHeaders."""
        from botocore.awsrequest import AWSRequest
        from botocore.compat import HTTPHeaders
        from botocore.utils import normalize_url_path

        signed = HTTPHeaders()
        for name in claim.signed_headers:
            value = host if name == "host" else request.headers.get(name, "")
            # Received as latin-1; the client signed it as UTF-8.
            signed[name] = value.encode("latin-1").decode("utf-8", "replace")
        target = AWSRequest(request.method, f"http://localhost{request.path}?{claim.query}")
        target.context["timestamp"] = claim.timestamp
        # Not the signer's own `canonical_request`, which skips some headers (user agent, trace headers) that another
        # SDK may have signed.
        canonical = [
            request.method,
            quote(normalize_url_path(request.path), safe="/~"),
            self._signer.canonical_query_string(target),
            self._signer.canonical_headers(signed) + "\n",
            self._signer.signed_headers(signed),
            hashlib.sha256(request.body).hexdigest(),
        ]
        string_to_sign = self._signer.string_to_sign(target, "\n".join(canonical))
        return str(self._signer.signature(string_to_sign, target))


def _check_coverage(claim: Claim, headers: Mapping[str, str]) -> None:
    """Check that SignedHeaders has the headers that AWS requires: the host, and each ``x-amz-*``."""
    if "host" not in claim.signed_headers:
        raise invalid_signature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in headers:
        if name.startswith("x-amz-") and name not in claim.signed_headers:
            raise invalid_signature(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")


def _hosts(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the hosts that may be signed: the published SDK presigns without the port, as AWS's URLs have none."""
    host = headers.get("host", "")
    return (host,) if "authorization" in headers else (host, host.partition(":")[0])


def _has_session_token(request: Incoming) -> bool:
    # The key pair is a long-term one; a session token belongs to temporary credentials.
    return "x-amz-security-token" in request.headers or "X-Amz-Security-Token=" in request.query


def _in_words(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds // 60} min." if seconds % 60 == 0 else f"{seconds} s."
