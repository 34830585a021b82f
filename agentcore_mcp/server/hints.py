"""Error → what to do next, in a sentence for whoever reads the tool error: a model, or the person behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore_mcp.errors import (
    AgentCoreError,
    AgentError,
    ConnectError,
    ProtocolError,
    ResponseTimeoutError,
    ServiceError,
    StreamInterruptedError,
    TransportError,
)
from agentcore_mcp.wire.refusals import AuthProblem

if TYPE_CHECKING:
    from agentcore_mcp.config import Agent

_STILL_RUNNING = (
    "What was started may still be running, because closing a connection doesn't stop the work in the session: look "
    "with another call in the same session before you start it again, or end it with stop_session."
)
_STOP_AGAIN = "Call stop_session again: stopping a session twice does no harm."

# By the codes of the service model. Conditions that only the person who set up the server can change name the
# setting; conditions that pass say how long to wait.
_BY_CODE = {
    "ValidationException": "Correct the argument and call again; nothing was run.",
    "ServiceQuotaExceededException": (
        "A quota of the AWS account is used up. Stop sessions that are no longer needed with stop_session, or ask for "
        "more under Service Quotas, Amazon Bedrock AgentCore."
    ),
    "ResourceNotFoundException": (
        "Check AGENTCORE_RUNTIME_ARN and AGENTCORE_QUALIFIER in this server's configuration: the runtime or the "
        "endpoint of that name doesn't exist in the ARN's account and region."
    ),
    "RetryableConflictException": (
        "The session is still starting or being stopped. Wait five seconds and call again with the same session_id."
    ),
    "ConflictException": "Another request is changing this session. Wait five seconds and call again.",
    "ThrottlingException": "Too many requests at once. Wait ten seconds and call again.",
    "InternalServerException": (
        "AWS reports a fault of its own. The agent may have run; if it matters, look before calling again, and give "
        "the request id to AWS support."
    ),
}
# What AWS's front door says of signatures, outside the service model.
_CREDENTIAL_CODES = {
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
}
_RENEW_AWS = (
    "Renew the AWS credentials of this server (for example with aws sso login), and check this machine's clock: a "
    "signature is good for five minutes."
)
_NO_PERMISSION = (
    "The AWS credentials of this server aren't allowed to do this: on this runtime they need "
    "bedrock-agentcore:InvokeAgentRuntime, :InvokeAgentRuntimeCommand and :StopRuntimeSession."
)
_BY_AUTH_PROBLEM = {
    AuthProblem.TOKEN_EXPECTED: (
        "This runtime expects OAuth, and this server signs with AWS credentials: set AGENTCORE_BEARER_TOKEN, or the "
        "agent's auth in the configuration file, and restart this server."
    ),
    AuthProblem.AWS_CREDENTIALS_EXPECTED: (
        "This runtime expects AWS credentials, and this server sends a token: remove AGENTCORE_BEARER_TOKEN, or the "
        "agent's auth in the configuration file, and restart this server."
    ),
    AuthProblem.TOKEN_EXPIRED: (
        "The token is over: give this server a fresh one in AGENTCORE_BEARER_TOKEN and restart it, or configure where "
        "tokens come from, so that they are renewed."
    ),
    AuthProblem.TOKEN_UNREADABLE: (
        "What this server sends is not a token: check AGENTCORE_BEARER_TOKEN, or where the agent's auth gets it from."
    ),
    AuthProblem.TOKEN_MISMATCH: (
        "The token is for another client, audience or scope: compare it with the runtime's authorizer configuration "
        "(discovery URL, allowed clients, audiences and scopes)."
    ),
    AuthProblem.TOKEN_REFUSED: (
        "The runtime does not take this token: get a fresh one, and compare it with the runtime's authorizer "
        "configuration (discovery URL, allowed clients, audiences and scopes)."
    ),
}


def next_step(error: AgentCoreError, agent: Agent, *, stopping: bool = False) -> str:
    """Return what to do about an error, or nothing where its own message already says it.

    Args:
        error: What went wrong.
        agent: What was called.
        stopping: The call was to stop a session, so there is no other work that may go on.
    """
    may_go_on = _STOP_AGAIN if stopping else _STILL_RUNNING
    match error:
        case AgentError():
            return _agent_failed(agent)
        case ServiceError(status=None):
            # Inside a stream, so the work had begun: none of the advice to call again applies.
            return may_go_on
        case ServiceError(auth_problem=str(problem)):
            return _BY_AUTH_PROBLEM[AuthProblem(problem)]
        case ServiceError(error_type="UnauthorizedException" | "AccessDeniedException"):
            return _NO_PERMISSION if agent.signs or agent.anonymous else _BY_AUTH_PROBLEM[AuthProblem.TOKEN_REFUSED]
        case ServiceError(error_type=code) if code in _CREDENTIAL_CODES:
            return _RENEW_AWS
        case ServiceError(error_type=code) if code in _BY_CODE:
            return _BY_CODE[code]
        case ServiceError(status=int(status)) if status >= 500:
            return may_go_on
        case ConnectError():
            return _unreachable(agent)
        case ResponseTimeoutError() | StreamInterruptedError() | TransportError():
            return may_go_on
        case ProtocolError():
            return f"{may_go_on} If this happens again, check that the endpoint is AgentCore and what the agent sends."
        case _:
            return ""


def _unreachable(agent: Agent) -> str:
    if agent.anonymous:
        return "The local AgentCore behind this server has ended: restart the server."
    check = f"AGENTCORE_ENDPOINT_URL ({agent.endpoint_url})" if agent.endpoint_url else "the region in the ARN"
    return f"Nothing was sent, so it is safe to call again. Check the network, any proxy settings, and {check}."


def _agent_failed(agent: Agent) -> str:
    log_group = f"log group /aws/bedrock-agentcore/runtimes/{agent.arn.runtime_id}-{agent.qualifier or 'DEFAULT'}"
    where = (
        f"in the logs of what answers at {agent.endpoint_url}" if agent.endpoint_url else f"in CloudWatch, {log_group}"
    )
    return (
        "The failure is in the agent's own code or container, not in this server: usually an exception in its "
        "entrypoint, a container that starts too slowly or does not listen on port 8080, or a permission that its "
        f"execution role lacks. Its traceback is {where}."
    )
