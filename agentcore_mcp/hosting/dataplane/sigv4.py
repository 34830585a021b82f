"""SigV4 as AWS checks it: who signed, for which day, region and service, when, and whether every signed byte is there.

The signature is computed with botocore's own signer, so what it accepts is what botocore makes, in a header or in the
query of a presigned URL. The rules around it are from the IAM user guide ("Troubleshoot signed requests"), the words
and statuses from answers of AWS services quoted in public issues.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlencode

from agentcore_mcp.hosting.dataplane.auth import Incoming, method_mismatch
from agentcore_mcp.hosting.dataplane.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SERVICE: Final = "bedrock-agentcore"
ALGORITHM: Final = "AWS4-HMAC-SHA256"
# AWS's rule for the time in a signed header, in both directions; S3 alone allows 15 minutes.
SKEW: Final = timedelta(minutes=5)
# AgentCore's limit for a presigned URL. Elsewhere AWS allows seven days.
PRESIGNED_MAX_S: Final = 300
_TERMINATOR: Final = "aws4_request"
_TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_INVALID_TOKEN: Final = "The security token included in the request is invalid."  # noqa: S105  a message
_PARAMETER = re.compile(r"([A-Za-z-]+)=([^,\s]*)")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The one key pair that is let in."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


# Good for nothing but a local AgentCore, and it says so.
LOCAL_KEYS: Final = KeyPair("AKIALOCALAGENTCORE00", "not+a+real+secret/local/agentcore/only00")


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request says about its signature, wherever it says it."""

    access_key_id: str
    scope: tuple[str, ...]
    signed_headers: tuple[str, ...]
    signature: str
    time: datetime
    valid_for: timedelta
    query: str

    @property
    def timestamp(self) -> str:
        return self.time.strftime(_TIME_FORMAT)


class SignatureAuthorizer:
    """Lets in what is signed with one key pair for one region.

    Args:
        keys: The key pair.
        region: The region of the runtimes.
        now: Tells the time, in UTC.
    """

    covers_body = True

    def __init__(self, keys: KeyPair, region: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        # Imported now, so that no request waits for it; and not at the top, because most runs verify nothing.
        from botocore.auth import SigV4Auth
        from botocore.credentials import ReadOnlyCredentials

        self._keys = keys
        self._region = region
        self._now = now
        self._signer = SigV4Auth(ReadOnlyCredentials(keys.access_key_id, keys.secret_access_key, None), SERVICE, region)

    def check(self, request: Incoming) -> None:
        """Return if the request is signed as it has to be.

        Raises:
            Refusal: If it is not.
        """
        claim = self._claim(request)
        self._check_time(claim)
        self._check_scope(claim)
        _check_coverage(claim, request.headers)
        if claim.access_key_id != self._keys.access_key_id or _has_session_token(request):
            raise Refusal("UnrecognizedClientException", _INVALID_TOKEN)
        if not hmac.compare_digest(self._signature(claim, request).encode(), claim.signature.encode()):
            raise Refusal("InvalidSignatureException", _MISMATCH)

    def _claim(self, request: Incoming) -> _Claim:
        authorization = request.headers.get("authorization", "")
        scheme = authorization.partition(" ")[0]
        if scheme.lower() == "bearer":
            raise method_mismatch()
        if scheme == ALGORITHM:
            return _header_claim(authorization, request)
        if authorization:
            # Without the value, which may be somebody's token in a form of its own.
            raise _incomplete(f"Unsupported AWS 'algorithm': the Authorization header must begin with {ALGORITHM}")
        if "X-Amz-Algorithm" in dict(parse_qsl(request.query, keep_blank_values=True)):
            return _query_claim(request)
        raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")

    def _check_time(self, claim: _Claim) -> None:
        now = self._now()
        if claim.time - SKEW > now:
            limit = (now + SKEW).strftime(_TIME_FORMAT)
            rule = f"{now.strftime(_TIME_FORMAT)} + 5 min."
            raise _invalid(f"Signature not yet current: {claim.timestamp} is still later than {limit} ({rule})")
        if claim.time + claim.valid_for < now:
            limit = (now - claim.valid_for).strftime(_TIME_FORMAT)
            rule = f"{now.strftime(_TIME_FORMAT)} - {_in_words(claim.valid_for)}"
            raise _invalid(f"Signature expired: {claim.timestamp} is now earlier than {limit} ({rule})")

    def _check_scope(self, claim: _Claim) -> None:
        day, region, service, terminator = claim.scope
        if day != claim.timestamp[:8]:
            raise _invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{day}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'."
            )
        if region != self._region:
            raise _invalid(f"Credential should be scoped to a valid region, not '{region}'.")
        if service != SERVICE:
            raise _invalid(f"Credential should be scoped to correct service: '{SERVICE}'.")
        if terminator != _TERMINATOR:
            raise _invalid(f"Credential should be scoped with a valid terminator: '{_TERMINATOR}', not '{terminator}'.")

    def _signature(self, claim: _Claim, request: Incoming) -> str:
        """Compute the signature over those headers that the client says it has signed, whichever they are."""
        from botocore.awsrequest import AWSRequest
        from botocore.compat import HTTPHeaders
        from botocore.utils import normalize_url_path

        signed = HTTPHeaders()
        for name in claim.signed_headers:
            signed[name] = request.headers.get(name, "")
        target = AWSRequest(request.method, f"http://localhost{request.path}?{claim.query}")
        target.context["timestamp"] = claim.timestamp
        # Not the signer's own `canonical_request`: that decides itself which headers count, and leaves out some
        # (user agent, trace headers) that another SDK may have signed.
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


def _header_claim(authorization: str, request: Incoming) -> _Claim:
    parameters = dict(_PARAMETER.findall(authorization.partition(" ")[2]))
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not parameters.get(name)]
    problems = [f"Authorization header requires '{name}' parameter." for name in missing]
    date = request.headers.get("x-amz-date") or request.headers.get("date")
    if not date:
        problems.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if problems or not date:
        raise _incomplete(" ".join(problems))
    return _claim_of(parameters, _time(date), SKEW, parse_qsl(request.query, keep_blank_values=True))


def _query_claim(request: Incoming) -> _Claim:
    pairs = parse_qsl(request.query, keep_blank_values=True)
    query = dict(pairs)
    required = ("Credential", "Date", "Expires", "Signature", "SignedHeaders")
    problems = [
        f"AWS query-string parameters must include 'X-Amz-{name}'."
        for name in required
        if not query.get(f"X-Amz-{name}")
    ]
    if problems:
        raise _incomplete(" ".join(problems))
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{query['X-Amz-Algorithm']}'")
    expires = query["X-Amz-Expires"]
    if not expires.isdecimal() or not 1 <= int(expires) <= PRESIGNED_MAX_S:
        raise _invalid(f"X-Amz-Expires must be between 1 and {PRESIGNED_MAX_S} seconds")
    unsigned = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    parameters = {name: query[f"X-Amz-{name}"] for name in ("Credential", "Signature", "SignedHeaders")}
    return _claim_of(parameters, _time(query["X-Amz-Date"]), timedelta(seconds=int(expires)), unsigned)


def _claim_of(
    parameters: Mapping[str, str], time: datetime, valid_for: timedelta, query: list[tuple[str, str]]
) -> _Claim:
    # From the right: nothing says that an access key id has no slash.
    credential = parameters["Credential"].rsplit("/", 4)
    if len(credential) != 5:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
        )
    headers = tuple(parameters["SignedHeaders"].lower().split(";"))
    return _Claim(
        credential[0],
        tuple(credential[1:]),
        headers,
        parameters["Signature"],
        time,
        valid_for,
        # However the client wrote it, it is signed in one form.
        urlencode(query, quote_via=quote, safe="-_.~"),
    )


def _check_coverage(claim: _Claim, headers: Mapping[str, str]) -> None:
    """Check that those headers are signed that AWS wants signed: the host, and each of its own."""
    if "host" not in claim.signed_headers:
        raise _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in headers:
        if name.startswith("x-amz-") and name not in claim.signed_headers:
            raise _invalid(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")


def _has_session_token(request: Incoming) -> bool:
    # The key pair is a user's; a session token with it is somebody else's.
    return "x-amz-security-token" in request.headers or "X-Amz-Security-Token=" in request.query


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{text}'.") from None


def _in_words(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds // 60} min." if seconds % 60 == 0 else f"{seconds} s."


def _invalid(message: str) -> Refusal:
    return Refusal("InvalidSignatureException", message)


def _incomplete(message: str) -> Refusal:
    return Refusal("IncompleteSignatureException", message)
