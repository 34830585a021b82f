"""Listing agent runtimes and looking up their protocols, with operations of AgentCore's control plane.

These are ordinary AWS JSON operations, so botocore's client makes the calls, in a worker thread; botocore is imported
at the first call. As in botocore's ``bedrock-agentcore-control`` 2023-06-05 service model.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
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
from agentcore_mcp.wire.protocols import NAMES as PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth

# Limit for silence: the service returns a list in well under a second.
LIST_TIMEOUT_S = 30.0
# The service's maximum.
_PAGE_SIZE = 100
_READY = "READY"
# How many runtimes are looked up concurrently.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class RuntimeFacts:
    """How to call a runtime, from GetAgentRuntime.

    Attributes:
        protocol: Its name in a configuration; for a protocol unknown to this package, the service's in lower case.
        takes_tokens: Whether the runtime takes OAuth tokens instead of AWS credentials.
    """

    protocol: str
    takes_tokens: bool


@dataclass(frozen=True, slots=True)
class DiscoveredRuntime:
    """A runtime that is ready.

    Attributes:
        name: The name it was created with, unique in its account and region.
        arn: Its ARN.
        description: Its owner's description; may be empty.
        facts: How to call it; None if that can't be looked up.
    """

    name: str
    arn: RuntimeArn
    description: str
    facts: RuntimeFacts | None = None


async def list_runtimes(
    auth: SigV4Auth | None, *, region: str | None = None, profile: str | None = None, endpoint_url: str | None = None
) -> tuple[DiscoveredRuntime, ...]:
    """List the runtimes that can be called, by name.

    Args:
        auth: The credentials, which need bedrock-agentcore:ListAgentRuntimes, and :GetAgentRuntime for the facts of
            each runtime. None: no credentials, for a local AgentCore.
        region: The region to list; None is the region of the environment or the profile.
        profile: The profile of ``~/.aws/config`` whose region and endpoints count.
        endpoint_url: The URL to call, instead of the service's host for the region.

    Raises:
        ConfigurationError: If no region is known.
        CredentialsError: If there are no usable credentials.
        TransportError: If the connection fails.
        ServiceError: If AgentCore refuses.
    """
    return await anyio.to_thread.run_sync(_list, auth, region, profile, endpoint_url, abandon_on_cancel=True)


async def runtime_facts(
    auth: SigV4Auth | None, arn: RuntimeArn, *, profile: str | None = None, endpoint_url: str | None = None
) -> RuntimeFacts:
    """Return how to call a runtime, as it was last deployed.

    Args:
        auth: The credentials, which need bedrock-agentcore:GetAgentRuntime; None as for ``list_runtimes``.
        arn: The runtime's.
        profile: As for ``list_runtimes``.
        endpoint_url: As for ``list_runtimes``.

    Raises:
        CredentialsError, TransportError, ServiceError: As for ``list_runtimes``.
    """
    return await anyio.to_thread.run_sync(_facts, auth, arn, profile, endpoint_url, abandon_on_cancel=True)


def _list(
    auth: SigV4Auth | None, region: str | None, profile: str | None, endpoint_url: str | None
) -> tuple[DiscoveredRuntime, ...]:
    with _control_plane("list the runtimes", auth, region, profile, endpoint_url) as client:
        pages = client.get_paginator("list_agent_runtimes").paginate(PaginationConfig={"PageSize": _PAGE_SIZE})
        found = {
            runtime["agentRuntimeName"]: (RuntimeArn.parse(runtime["agentRuntimeArn"]), runtime.get("description", ""))
            for page in pages
            for runtime in page["agentRuntimes"]
            if runtime["status"] == _READY
        }
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            facts = threads.map(partial(_facts_if_allowed, client), [arn for arn, _ in found.values()])
            runtimes = [
                DiscoveredRuntime(name, arn, description, fact)
                for (name, (arn, description)), fact in zip(found.items(), facts, strict=True)
            ]
    return tuple(sorted(runtimes, key=lambda runtime: runtime.name))


def _facts_if_allowed(client: Any, arn: RuntimeArn) -> RuntimeFacts | None:
    from botocore.exceptions import BotoCoreError, ClientError

    with suppress(BotoCoreError, ClientError, ValueError):
        return _look_at(client, arn)
    return None


def _facts(auth: SigV4Auth | None, arn: RuntimeArn, profile: str | None, endpoint_url: str | None) -> RuntimeFacts:
    with _control_plane("look at the runtime", auth, arn.region, profile, endpoint_url) as client:
        return _look_at(client, arn)


def _look_at(client: Any, arn: RuntimeArn) -> RuntimeFacts:
    runtime = client.get_agent_runtime(agentRuntimeId=arn.runtime_id)
    if "agentRuntimeArn" not in runtime:  # botocore reads a web page as an answer without members
        raise ValueError
    protocol = runtime.get("protocolConfiguration", {}).get("serverProtocol", "HTTP")
    return RuntimeFacts(PROTOCOLS.get(protocol, protocol.lower()), "authorizerConfiguration" in runtime)


@contextmanager
def _control_plane(
    what: str, auth: SigV4Auth | None, region: str | None, profile: str | None, endpoint_url: str | None
) -> Iterator[Any]:
    """Yield botocore's client, and translate the exceptions of its calls."""
    import botocore.session
    from botocore.config import Config
    from botocore.credentials import ReadOnlyCredentials
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionError,  # noqa: A004 - its name
        NoRegionError,
        ReadTimeoutError,
    )
    from botocore.parsers import ResponseParserError

    # A local AgentCore that doesn't check signatures takes any credentials.
    credentials = ReadOnlyCredentials("local", "local", None) if auth is None else auth.credentials()
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=LIST_TIMEOUT_S,
        retries={"mode": "standard"},
        user_agent_extra=user_agent(),
    )
    try:
        yield botocore.session.Session(profile=profile).create_client(
            "bedrock-agentcore-control",
            region_name=region,
            endpoint_url=endpoint_url,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
            config=config,
        )
    except NoRegionError as error:
        raise ConfigurationError(
            "no AWS region to list runtimes in; set region under discover, AWS_REGION, or the profile's region"
        ) from error
    except ClientError as error:
        raise _refusal(error.response, credentials.token) from None
    except ConnectionError as error:
        raise ConnectError(f"can't {what}: {error}") from error
    except ReadTimeoutError as error:
        raise ResponseTimeoutError(f"can't {what}: no answer within {LIST_TIMEOUT_S:g} s") from error
    except BotoCoreError as error:
        raise TransportError(f"can't {what}: {error}") from error
    except (ResponseParserError, KeyError, ValueError, AttributeError) as error:
        raise ProtocolError(f"can't {what}: the answer is not that of AgentCore") from error


def _refusal(response: Mapping[str, Any], session_token: str | None) -> ServiceError:
    refused, answer = response["Error"], response["ResponseMetadata"]
    # The message for a refused signature quotes everything that was signed.
    message = masked(str(refused.get("Message", "")), (session_token or "",))
    return ServiceError(
        message, refused.get("Code", ""), status=answer.get("HTTPStatusCode"), request_id=answer.get("RequestId")
    )
