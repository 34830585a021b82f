"""Which agent runtimes there are in a region of an account: ListAgentRuntimes of AgentCore's control plane.

It is a JSON operation like any other of AWS, so botocore's client does it, in a worker thread; botocore is imported
at the first call. Facts are those of botocore's ``bedrock-agentcore-control`` 2023-06-05 service model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from agentcore_mcp.errors import (
    ConfigurationError,
    ConnectError,
    ProtocolError,
    ResponseTimeoutError,
    ServiceError,
    TransportError,
)
from agentcore_mcp.runtime.requests import user_agent
from agentcore_mcp.runtime.timeouts import CONNECT_TIMEOUT_S
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.masking import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth

# For silence: a list is answered in well under a second.
LIST_TIMEOUT_S = 30.0
# The most that the service gives at once.
_PAGE_SIZE = 100
_READY = "READY"


@dataclass(frozen=True, slots=True)
class DiscoveredRuntime:
    """A runtime that is ready.

    Attributes:
        name: The name it was created with, unique in its account and region.
        arn: Its ARN.
        description: What its owner says of it; may be empty.
    """

    name: str
    arn: RuntimeArn
    description: str


async def list_runtimes(
    auth: SigV4Auth, *, region: str | None = None, profile: str | None = None, endpoint_url: str | None = None
) -> tuple[DiscoveredRuntime, ...]:
    """List the runtimes that can be called, by name.

    Args:
        auth: Whose credentials are used; they need bedrock-agentcore:ListAgentRuntimes.
        region: Where to look; None is the region of the environment or the profile.
        profile: The profile of ``~/.aws/config`` whose region and endpoints count.
        endpoint_url: Where to ask, instead of the service's host for the region.

    Raises:
        ConfigurationError: If no region is known.
        CredentialsError: If there is nothing to sign with.
        TransportError: If the connection fails.
        ServiceError: If AgentCore refuses.
    """
    return await anyio.to_thread.run_sync(_list, auth, region, profile, endpoint_url, abandon_on_cancel=True)


def _list(
    auth: SigV4Auth, region: str | None, profile: str | None, endpoint_url: str | None
) -> tuple[DiscoveredRuntime, ...]:
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionError,  # noqa: A004 - its name
        NoRegionError,
        ReadTimeoutError,
    )
    from botocore.parsers import ResponseParserError

    credentials = auth.credentials()
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=LIST_TIMEOUT_S,
        retries={"mode": "standard"},
        user_agent_extra=user_agent(),
    )
    try:
        client = botocore.session.Session(profile=profile).create_client(
            "bedrock-agentcore-control",
            region_name=region,
            endpoint_url=endpoint_url,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
            config=config,
        )
        pages = client.get_paginator("list_agent_runtimes").paginate(PaginationConfig={"PageSize": _PAGE_SIZE})
        found = [
            DiscoveredRuntime(
                runtime["agentRuntimeName"],
                RuntimeArn.parse(runtime["agentRuntimeArn"]),
                runtime.get("description", ""),
            )
            for page in pages
            for runtime in page["agentRuntimes"]
            if runtime["status"] == _READY
        ]
    except NoRegionError as error:
        raise ConfigurationError(
            "no AWS region to list runtimes in; set region under discover, AWS_REGION, or the profile's region"
        ) from error
    except ClientError as error:
        raise _refusal(error.response, credentials.token) from None
    except ConnectionError as error:
        raise ConnectError(f"can't list the runtimes: {error}") from error
    except ReadTimeoutError as error:
        raise ResponseTimeoutError(f"can't list the runtimes: no answer within {LIST_TIMEOUT_S:g} s") from error
    except BotoCoreError as error:
        raise TransportError(f"can't list the runtimes: {error}") from error
    except (ResponseParserError, KeyError, ValueError) as error:
        raise ProtocolError("can't list the runtimes: the answer is not that of ListAgentRuntimes") from error
    return tuple(sorted(found, key=lambda runtime: runtime.name))


def _refusal(response: Mapping[str, Any], session_token: str | None) -> ServiceError:
    refused, answer = response["Error"], response["ResponseMetadata"]
    # A refused signature is explained with all that was to be signed.
    message = masked(str(refused.get("Message", "")), (session_token or "",))
    return ServiceError(
        message, refused.get("Code", ""), status=answer.get("HTTPStatusCode"), request_id=answer.get("RequestId")
    )
