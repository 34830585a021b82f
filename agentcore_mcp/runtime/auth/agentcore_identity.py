"""A bearer token on behalf of a user from AgentCore Identity, which exchanges the user's own at a credential provider.

Two signed calls, as botocore's ``bedrock-agentcore`` 2024-02-28 service model has them: the first says for whom this
workload acts, the second gets the token for a resource.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

from agentcore_mcp.errors import CredentialsError
from agentcore_mcp.runtime.auth.sigv4 import REGION_EXTENSION
from agentcore_mcp.runtime.auth.token_endpoint import TOKEN_TIMEOUT_S, TokenAnswer, check_token_url, explain, post
from agentcore_mcp.runtime.auth.tokens import SENDABLE, Token, is_sendable
from agentcore_mcp.wire.headers import JSON_TYPE

if TYPE_CHECKING:
    from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth

_WORKLOAD_TOKEN = "GetWorkloadAccessTokenForJWT"  # noqa: S105 - an operation's name
_RESOURCE_TOKEN = "GetResourceOauth2Token"  # noqa: S105 - an operation's name
_PATHS = {_WORKLOAD_TOKEN: "/identities/GetWorkloadAccessTokenForJWT", _RESOURCE_TOKEN: "/identities/oauth2/token"}
_ADVICE = {
    "AccessDeniedException": "allow it to the server's AWS credentials",
    "ResourceNotFoundException": "check workload_name and credential_provider_name",
    "ValidationException": "check scopes, audiences, resources, and that the provider exchanges tokens",
}


@dataclass(frozen=True, slots=True)
class AgentCoreIdentity:
    """Exchanges access tokens of users. The names are those of the two operations' inputs.

    Attributes:
        signer: Signs both calls.
        region: Where the workload identity and the credential provider are.
        endpoint_url: AgentCore's for the region.
    """

    signer: SigV4Auth
    region: str
    endpoint_url: str
    workload_name: str
    credential_provider_name: str
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    def exchange(self, token: str) -> Token:
        """Return a token for a user's. Blocks.

        Raises:
            CredentialsError: If there is nothing to sign with, or AgentCore can't be reached, refuses, or has no token.
        """
        workload = self._call(_WORKLOAD_TOKEN, token, {"workloadName": self.workload_name, "userToken": token})
        members: dict[str, Any] = {
            "workloadIdentityToken": workload.text("workloadAccessToken"),
            "resourceCredentialProviderName": self.credential_provider_name,
            "scopes": self.scopes,
            "oauth2Flow": "ON_BEHALF_OF_TOKEN_EXCHANGE",
        }
        optional = {"audiences": self.audiences, "resources": self.resources}
        members |= {name: values for name, values in optional.items() if values}
        answer = self._call(_RESOURCE_TOKEN, members["workloadIdentityToken"], members)
        given = answer.text("accessToken")
        if not is_sendable(given):
            why = "wants the user to sign in first" if answer.text("authorizationUrl") else SENDABLE
            raise CredentialsError(
                f"the credential provider {self.credential_provider_name!r} gives no token for the caller: {why}"
            )
        return Token.issued(given)

    def _call(self, operation: str, secret: str, members: dict[str, Any]) -> TokenAnswer:
        url = check_token_url(self.endpoint_url + _PATHS[operation], "endpoint_url")
        request = httpx2.Request(
            "POST",
            url,
            headers={"Content-Type": JSON_TYPE},
            content=json.dumps(members).encode(),
            extensions={REGION_EXTENSION: self.region},
        )
        signed = next(self.signer.auth_flow(request))
        answer = post(url, request.content, signed.headers, setting="endpoint_url", timeout_s=TOKEN_TIMEOUT_S)
        if answer.status != 200:
            said = ": ".join(filter(None, (answer.error_type, answer.text("message"))))
            advice = _ADVICE.get(answer.error_type, "try again later")
            raise CredentialsError(f"{operation} failed: HTTP {answer.status}{explain(said, (secret,))}; {advice}")
        return answer
