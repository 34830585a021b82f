"""SigV4: requests and URLs signed with AWS credentials.

botocore finds the credentials and signs; it is imported at the first signature, not before, and on an event loop in a
worker thread, since finding credentials may ask a metadata service, an SSO portal or another process.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import httpx2

from agentcore_mcp.errors import ConnectError, CredentialsError
from agentcore_mcp.runtime.auth.authorization import authorize
from agentcore_mcp.runtime.auth.aws_credentials import usable_credentials
from agentcore_mcp.wire.ids import SERVICE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from datetime import datetime

# The request extension with the region to sign for: the region belongs to the request, not to the credentials, so one
# SigV4Auth serves agents in several regions.
REGION_EXTENSION = "aws_region"

# botocore adds these after signing, so its signature doesn't cover them and they may change in transit. Other unsigned
# headers (trace headers, user agent) are on botocore's own list.
_ADDED_AFTER_SIGNING = frozenset({"accept-encoding", "content-length"})


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The user or role that signs.

    Attributes:
        arn: The ARN of the user or role.
        expires_at: When the credentials expire; None if unknown.
    """

    arn: str
    expires_at: datetime | None


class SigV4Auth(httpx2.Auth):
    """Signs requests with AWS credentials, as botocore does for the same request.

    The region is taken from ``request.extensions[REGION_EXTENSION]``.

    Args:
        session: A botocore or boto3 session with the credentials. None: a new botocore session and its
            default chain (environment, profile, SSO, process, container and instance roles).
    """

    requires_request_body = True

    def __init__(self, session: Any = None) -> None:
        self._session = session
        # One resolution at a time: a hundred calls at start must not cause a hundred SSO refreshes. The limiter is
        # separate, so that waiting for credentials never exhausts the shared worker threads. The lock also covers the
        # thread of a cancelled call, and sync callers.
        self._turn = anyio.CapacityLimiter(1)
        self._lock = threading.Lock()

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sign in this thread.

        Raises:
            CredentialsError: If there are no usable credentials.
        """
        authorize(request, self._sign(request))
        yield request

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Sign in a worker thread: credentials may need a refresh, and hashing 100 MB takes a while too.

        Raises:
            CredentialsError: If there are no usable credentials.
        """
        await request.aread()
        signed = await anyio.to_thread.run_sync(self._sign, request, abandon_on_cancel=True, limiter=self._turn)
        authorize(request, signed)
        yield request

    def presign(self, url: str, *, region: str, expires_s: int) -> str:
        """Return a presigned URL for GET requests, signed as botocore does.

        Args:
            url: The URL to sign.
            region: The region to sign for.
            expires_s: How many seconds the URL is valid.

        Raises:
            CredentialsError: If there are no usable credentials.
        """
        from botocore.auth import SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        signed = AWSRequest("GET", url)
        SigV4QueryAuth(self.credentials(), SERVICE, region, expires=expires_s).add_auth(signed)
        return str(signed.url)

    def _sign(self, request: httpx2.Request) -> dict[str, str]:
        """Return the headers that the signature adds."""
        from botocore.auth import SigV4Auth as Signer
        from botocore.awsrequest import AWSRequest

        unsigned = {name: value for name, value in request.headers.items() if name.lower() not in _ADDED_AFTER_SIGNING}
        signed = AWSRequest(request.method, str(request.url), headers=unsigned, data=request.content)
        Signer(self.credentials(), SERVICE, request.extensions[REGION_EXTENSION]).add_auth(signed)
        return {name: value for name, value in signed.headers.items() if name not in unsigned}

    def credentials(self) -> Any:
        """Return credentials that are valid now: found at first use, refreshed by botocore when they expire."""
        import botocore.session

        with self._lock:
            session = self._session or botocore.session.Session()
            credentials = usable_credentials(session)
            # Keep the session after the first success; until then each attempt reads the configuration files again.
            self._session = session
            return credentials

    def caller_identity(self, *, region: str) -> CallerIdentity:
        """Return the signing identity from STS GetCallerIdentity, which needs no permission. Blocks.

        Args:
            region: The region of the STS endpoint.

        Raises:
            CredentialsError: If there are no credentials, or STS refuses them.
            ConnectError: If STS can't be reached.
        """
        import botocore.session
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError as UnreachableError, HTTPClientError
        from botocore.parsers import ResponseParserError

        credentials = self.credentials()
        try:
            client = botocore.session.Session().create_client(
                "sts",
                region_name=region,
                aws_access_key_id=credentials.access_key,
                aws_secret_access_key=credentials.secret_key,
                aws_session_token=credentials.token,
            )
            arn = client.get_caller_identity()["Arn"]
        except (UnreachableError, HTTPClientError) as error:
            raise ConnectError(f"STS can't be reached: {error}") from error
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise CredentialsError(f"STS does not take the AWS credentials: {error}; sign in again") from error
        # Only botocore's refreshable credentials have an expiry, as this private attribute.
        return CallerIdentity(arn, getattr(self._session.get_credentials(), "_expiry_time", None))
