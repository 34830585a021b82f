"""A bearer token on behalf of a user: AgentCore Identity exchanges the user's token at a credential provider.

botocore's blocking client makes the two calls; it is imported and created at the first exchange.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agentcore_mcp.errors import CredentialsError
from agentcore_mcp.runtime.auth.aws_credentials import usable_credentials
from agentcore_mcp.runtime.auth.token_endpoint import TOKEN_TIMEOUT_S
from agentcore_mcp.runtime.auth.tokens import Token
from agentcore_mcp.runtime.timeouts import CONNECT_TIMEOUT_S
from agentcore_mcp.wire.headers import ACCESS_TOKEN_MEMBER
from agentcore_mcp.wire.ids import SERVICE
from agentcore_mcp.wire.masking import masked


@dataclass(frozen=True)
class AgentCoreIdentity:
    """Exchanges access tokens of users, with the AWS credentials of the default chain.

    Attributes:
        region: The region of the workload identity and the credential provider. The other attributes are named as in
            the inputs of GetWorkloadAccessTokenForJWT and GetResourceOauth2Token.
    """

    region: str
    workload_name: str
    credential_provider_name: str
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    def exchange(self, token: str) -> Token:
        """Exchange a user's access token for another.

        Raises:
            CredentialsError: If there are no AWS credentials, or AgentCore can't be reached, refuses, or has no token.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        client, secrets = self._client, [token]
        optional = {"audiences": [*self.audiences], "resources": [*self.resources]}
        try:
            workload = client.get_workload_access_token_for_jwt(workloadName=self.workload_name, userToken=token)
            secrets.append(workload[ACCESS_TOKEN_MEMBER])
            answer = client.get_resource_oauth2_token(
                workloadIdentityToken=workload[ACCESS_TOKEN_MEMBER],
                resourceCredentialProviderName=self.credential_provider_name,
                scopes=[*self.scopes],
                oauth2Flow="ON_BEHALF_OF_TOKEN_EXCHANGE",
                **{name: values for name, values in optional.items() if values},
            )
        except (BotoCoreError, ClientError) as error:
            raise CredentialsError(f"AgentCore Identity gave no token: {masked(str(error), secrets)}") from None
        if "accessToken" not in answer:
            raise CredentialsError(
                f"the credential provider {self.credential_provider_name!r} has no token for the caller, and may want "
                "them to sign in first: is it set up for on-behalf-of token exchange?"
            )
        return Token.issued(answer["accessToken"])

    @cached_property
    def _client(self) -> Any:
        import botocore.session
        from botocore.config import Config

        session = botocore.session.Session()
        usable_credentials(session)
        config = Config(connect_timeout=CONNECT_TIMEOUT_S, read_timeout=TOKEN_TIMEOUT_S, retries={"mode": "standard"})
        return session.create_client(SERVICE, region_name=self.region, config=config)
