"""ListAgentRuntimes and GetAgentRuntime of the control plane: the hosted runtimes and their configuration.

Shapes are those of botocore's ``bedrock-agentcore-control`` 2023-06-05 service model. Harnesses are not listed there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agentcore_mcp.local.line.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agentcore_mcp.local.line.exchange import Exchange
    from agentcore_mcp.local.sandbox.limits import Limits
    from agentcore_mcp.local.sandbox.targets import HostedAgent

_STARTED_AT = datetime.now(UTC).isoformat()


async def runtimes(
    exchange: Exchange, runtime_id: str, agents: Iterable[HostedAgent], limits: Limits, authorizer: Mapping[str, Any]
) -> None:
    """Answer GetAgentRuntime, or without an id ListAgentRuntimes, on one page.

    Args:
        exchange: The request.
        runtime_id: The runtime's id, for GetAgentRuntime.
        agents: The hosted agents.
        limits: The limits of their sessions.
        authorizer: Their ``authorizerConfiguration``, empty if they take no tokens.

    Raises:
        Refusal: If there is no such runtime.
    """
    hosted = {agent.arn.runtime_id: agent for agent in agents if not agent.arn.is_harness}
    if not runtime_id:
        await exchange.answer_json(200, {"agentRuntimes": [_summary(agent) for agent in hosted.values()]})
    elif runtime_id in hosted:
        await exchange.answer_json(200, _runtime(hosted[runtime_id], limits, authorizer))
    else:
        raise Refusal("ResourceNotFoundException", f"There is no agent runtime with the id '{runtime_id}'")


def _summary(agent: HostedAgent) -> dict[str, Any]:
    return {
        "agentRuntimeArn": str(agent.arn),
        "agentRuntimeId": agent.arn.runtime_id,
        "agentRuntimeVersion": "1",
        "agentRuntimeName": agent.name,
        "description": "An agent on this machine",
        "lastUpdatedAt": _STARTED_AT,
        "status": "READY",
    }


def _runtime(agent: HostedAgent, limits: Limits, authorizer: Mapping[str, Any]) -> dict[str, Any]:
    idle_s, lifetime_s = int(limits.idle_timeout_s), int(limits.max_lifetime_s)
    return _summary(agent) | {
        "createdAt": _STARTED_AT,
        "roleArn": f"arn:aws:iam::{agent.arn.account_id}:role/none",
        "networkConfiguration": {"networkMode": "PUBLIC"},
        "lifecycleConfiguration": {"idleRuntimeSessionTimeout": idle_s, "maxLifetime": lifetime_s},
        "protocolConfiguration": {"serverProtocol": agent.protocol.upper()},
        "allowedPorts": [{"port": port} for port in agent.allowed_ports],
        **({"authorizerConfiguration": authorizer} if authorizer else {}),
    }
