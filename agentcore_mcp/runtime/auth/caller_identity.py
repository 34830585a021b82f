"""The user or role whose AWS credentials are used: GetCallerIdentity of STS, which needs no permission."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentcore_mcp.errors import ConnectError, CredentialsError

if TYPE_CHECKING:
    from datetime import datetime

    from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The user or role that signs.

    Attributes:
        arn: The ARN of the user or role.
        expires_at: Until when the credentials are good; None if they don't say.
    """

    arn: str
    expires_at: datetime | None


def caller_identity(auth: SigV4Auth, *, region: str) -> CallerIdentity:
    """Ask STS, waiting for it in this thread.

    Args:
        auth: The credentials.
        region: The region of the STS endpoint.

    Raises:
        CredentialsError: If there are no credentials, or STS doesn't take them.
        ConnectError: If STS can't be reached.
    """
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionError as UnreachableError, HTTPClientError
    from botocore.parsers import ResponseParserError

    credentials = auth.credentials()
    try:
        client = botocore.session.Session().create_client(
            "sts",
            region_name=region,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
        )
        return CallerIdentity(client.get_caller_identity()["Arn"], auth.expires_at())
    except (UnreachableError, HTTPClientError) as error:
        raise ConnectError(f"STS can't be reached: {error}") from error
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        raise CredentialsError(f"STS does not take the AWS credentials: {error}; sign in again") from error
