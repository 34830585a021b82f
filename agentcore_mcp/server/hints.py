"""Error → what to do next, in a sentence for the model or person that reads the tool error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import (
    AgentCoreError,
    AgentError,
    AuthProblem,
    ConnectError,
    CredentialsError,
    ProtocolError,
    ResponseTimeoutError,
    ServiceError,
    SessionStoppedError,
    StreamInterruptedError,
    TransportError,
    WrongProtocolError,
)
from agentcore_mcp.runtime.auth.aws_credentials import signing_in_with
from agentcore_mcp.wire.ids import DEFAULT_QUALIFIER, SERVICE
from agentcore_mcp.wire.loopback import is_loopback
from agentcore_mcp.wire.operations import COMMAND, INVOKE, STOP
from agentcore_mcp.wire.refusals import STATUS_OF_COMMON_CODE

if TYPE_CHECKING:
    from agentcore_mcp.config import Agent

_STILL_RUNNING = (
    "What was started may still be running, because closing a connection doesn't stop the work in the session: check "
    "with another call in the same session before you start it again, or end it with stop_session."
)
_STOP_AGAIN = "Call stop_session again: stopping a session twice does no harm."
_START_AFRESH = (
    "Whatever ran in it has ended, and its memory and own disk are gone. To do the work after all, begin a new "
    "session: leave session_id out."
)

# By the codes of the service model that mean the same for every agent: transient errors, with how long to wait.
_BY_CODE = {
    "ValidationException": "Correct the argument and call again; nothing was run.",
    "RetryableConflictException": (
        "The session is still starting, or is being stopped. Wait {wait} and call again with the same session_id."
    ),
    "ConflictException": "Another request is changing this session. Wait {wait} and call again.",
    "ThrottlingException": "Too many requests at once. Wait {wait} and call again.",
}
_TOO_MANY_REQUESTS = 429
_WAIT_S = 5
_THROTTLED_WAIT_S = 10
# A model is not asked to wait longer than this.
_ASKED_WAIT_MAX_S = 3_600
# How AgentCore's message about an agent's own 4xx begins; an agent that speaks another protocol may respond with one.
_REFUSED_BY_AGENT = "Received error (4"
# Where AgentCore calls a container.
_PORTS = {"a2a": 9000, "mcp": 8000}
_AUTHORIZER = "the runtime's authorizer configuration (discovery URL, allowed clients, audiences and scopes)"


def next_step(error: AgentCoreError, agent: Agent, *, stopping: bool = False) -> str:
    """Return what to do about an error, or nothing if its own message already says so.

    Args:
        error: What went wrong.
        agent: The agent that was called.
        stopping: The call was to stop a session, so there is no other work that may go on.
    """
    may_go_on = _STOP_AGAIN if stopping else _STILL_RUNNING
    match error:
        case SessionStoppedError():
            return _START_AFRESH
        case AgentError(error=text) if _REFUSED_BY_AGENT in text:
            # An MCP server also responds so if its tool asks the user, and the host has not declared elicitation.
            asks = " Or the tool asks a person, which only works in hosts with elicitation." * (agent.protocol == "mcp")
            return f"{_agent_failed(agent)}{asks} Or it speaks another protocol: then set {agent.settings('protocol')}."
        case AgentError(error_type=kind) if kind.startswith("MCP error"):
            return f"list_agents with agent {agent.name} shows its tools and their arguments."
        case AgentError():
            return _agent_failed(agent)
        case WrongProtocolError(speaks=speaks):
            learnt = " A server asks it in that from the next call on." if agent.protocol == "auto" else ""
            return f"Set {agent.settings('protocol')} to {speaks!r}.{learnt}"
        case ServiceError(status=None):
            # Inside a stream, so the work had begun: none of the advice to call again applies.
            return may_go_on
        case ServiceError(foreign=True, status=int(status)) if status != _TOO_MANY_REQUESTS:
            return " ".join([_answered_elsewhere(agent), *([may_go_on] if status >= 500 else [])])
        case ServiceError(auth_problem=AuthProblem() as problem):
            return _refused_credentials(problem, agent)
        case ServiceError(code="UnauthorizedException" | "AccessDeniedException"):
            return _no_permission(agent)
        case ServiceError(code=code) if code in STATUS_OF_COMMON_CODE:
            return _renew_aws(agent) if agent.auth.signs else _no_permission(agent)
        case ServiceError(code=code) if code in _BY_CODE:
            return _BY_CODE[code].format(wait=_wait(error))
        case ServiceError(code="ServiceQuotaExceededException"):
            return _too_many_sessions(agent)
        case ServiceError(code="ResourceNotFoundException"):
            return (
                f"Check {agent.settings('arn', 'qualifier')}: the runtime or the endpoint of that name doesn't exist "
                "in the ARN's account and region."
            )
        case ServiceError(error_type="InternalServerException"):
            return _internal_fault(agent)
        case ServiceError(status=int(status)) if status >= 500:
            return may_go_on
        case CredentialsError():
            return f"To call this agent with other credentials, set {agent.settings('auth')}."
        case ConnectError():
            return _unreachable(agent)
        case ResponseTimeoutError() | StreamInterruptedError() | TransportError():
            return may_go_on
        case ProtocolError():
            return (
                f"{may_go_on} If this happens again, check that the endpoint is AgentCore, that no proxy or sign-in "
                "page answers in its place, and what the agent sends."
            )
        case _:
            return ""


def _wait(error: ServiceError) -> str:
    wait_s = _THROTTLED_WAIT_S if error.code == "ThrottlingException" else _WAIT_S
    asked_s = error.retry_after_s
    # A date may be in the past, and a number of seconds infinite.
    if asked_s is not None and 1 <= asked_s <= _ASKED_WAIT_MAX_S:
        wait_s = math.ceil(asked_s)
    return "1 second" if wait_s == 1 else f"{wait_s} seconds"


def _refused_credentials(problem: AuthProblem, agent: Agent) -> str:
    auth = agent.settings("auth")
    match problem:
        case AuthProblem.TOKEN_EXPECTED:
            sent = "signs with AWS credentials" if agent.auth.signs else "sends nothing"
            return (
                f"This runtime expects OAuth, and this server {sent}: set {auth} to a token or a source of tokens, "
                "and restart this server."
            )
        case AuthProblem.AWS_CREDENTIALS_EXPECTED:
            return (
                "This runtime expects AWS credentials, and this server sends a token: remove "
                f"{auth}, and restart this server."
            )
        case AuthProblem.TOKEN_EXPIRED if agent.auth.token is not None:
            return (
                f"The token has expired: set {auth} to a fresh one and restart this server, or configure a source of "
                "tokens, so that they are renewed."
            )
        case AuthProblem.TOKEN_EXPIRED:
            return f"The token has expired, and its source gave no fresh one: renew it there ({auth})."
        case AuthProblem.TOKEN_UNREADABLE:
            return f"What this server sends can't be read as a token: check {auth}."
        case AuthProblem.TOKEN_MISMATCH:
            return (
                f"The token from {auth} is of another issuer, or for another client, audience or scope: "
                f"compare it with {_AUTHORIZER}."
            )
        case AuthProblem.TOKEN_REFUSED:
            return (
                f"The runtime doesn't accept the token from {auth}: get a fresh one, and compare it with {_AUTHORIZER}."
            )


def _no_permission(agent: Agent) -> str:
    if agent.auth.none:
        auth = agent.settings("auth")
        return f"What answers at {agent.endpoint_url} asks for credentials, and this server sends none: set {auth}."
    if not agent.auth.signs:
        return _refused_credentials(AuthProblem.TOKEN_REFUSED, agent)
    return (
        f"The AWS credentials of this server{_profile(agent)} aren't allowed to do this: on this runtime they need "
        f"{SERVICE}:{INVOKE.name}, :{COMMAND.name} and :{STOP.name}."
    )


def _renew_aws(agent: Agent) -> str:
    sign_in = signing_in_with(agent.auth.profile)
    return (
        f"Renew the AWS credentials of this server{_profile(agent)}, for example with `{sign_in}`, and check this "
        "machine's clock: a signature is valid for five minutes."
    )


def _profile(agent: Agent) -> str:
    if agent.auth.profile is None:
        return ""
    return f" (profile {agent.auth.profile}, as {agent.settings('auth.profile')} says)"


def _too_many_sessions(agent: Agent) -> str:
    stop = "Stop sessions that are no longer needed with stop_session"
    if _is_local(agent):
        full = f"what answers at {agent.endpoint_url} takes no more sessions at a time."
        return f"{stop}, or wait for idle ones to end: {full}"
    quotas = "Service Quotas, Amazon Bedrock AgentCore"
    return f"A quota of the AWS account is used up. {stop}, or ask for a larger one under {quotas}."


def _internal_fault(agent: Agent) -> str:
    look = "The agent may have run; if that matters, check before you call again"
    if _is_local(agent):
        return f"What answers at {agent.endpoint_url} reports an internal fault. {look}, and see its logs."
    return f"AWS reports an internal fault. {look}, and give the request id to AWS support."


def _unreachable(agent: Agent) -> str:
    safe = "Nothing was sent, so it is safe to call again."
    if agent.endpoint_url is None:
        return f"{safe} Check the network, any proxy settings, and the region in the ARN."
    set_by = agent.settings("endpoint_url")
    if _is_local(agent):
        return (
            f"{safe} Nothing answers at {agent.endpoint_url} ({set_by}): start the local server "
            "there; with --local, restart this server."
        )
    return f"{safe} Check the network, any proxy settings, and {set_by}, which is {agent.endpoint_url}."


def _answered_elsewhere(agent: Agent) -> str:
    where = (
        f", and that {agent.endpoint_url} ({agent.settings('endpoint_url')}) is AgentCore's"
        if agent.endpoint_url
        else ""
    )
    return (
        "Something on the way to AgentCore answered, such as a proxy, a gateway or a sign-in page: check the network, "
        f"HTTPS_PROXY and NO_PROXY, whether you have to sign in somewhere first{where}."
    )


def _agent_failed(agent: Agent) -> str:
    endpoint = f"{agent.arn.runtime_id}-{agent.qualifier or DEFAULT_QUALIFIER}"
    log_group = f"log group /aws/bedrock-agentcore/runtimes/{endpoint}"
    local = _is_local(agent)
    where = f"in the logs of what answers at {agent.endpoint_url}" if local else f"in CloudWatch, {log_group}"
    return (
        "The failure is in the agent's own code or container, not in this server: usually an exception in its "
        f"entrypoint, a container that starts too slowly or doesn't listen on port {_PORTS.get(agent.protocol, 8080)}, "
        f"or a permission that its execution role lacks. Its traceback is {where}."
    )


def _is_local(agent: Agent) -> bool:
    """Tell whether the agent is on this machine, and not on AWS."""
    return agent.endpoint_url is not None and is_loopback(httpx2.URL(agent.endpoint_url).host)
