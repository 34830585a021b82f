"""AWS credentials that are configured for one agent: those of a profile, or of an assumed role.

``SigV4Auth`` takes a ``ConfiguredSession`` in place of a botocore session, and gets credentials from it in a worker
thread. Nothing is read, imported or sent before that.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from botocore.session import Session

# The role session name that CloudTrail shows for roles assumed here.
ROLE_SESSION_NAME = "agentcore-mcp"


class ConfiguredSession:
    """Finds credentials with botocore, in the default chain or a profile, and assumes the role, if there is one.

    botocore renews the credentials of a role some minutes before they expire.

    Args:
        profile: A profile of ``~/.aws/config``, which wins over the environment; None is the default chain.
        role_arn: The role to assume with those credentials.
        external_id: The external id that the role's trust policy requires.
        region: The region of AWS STS for the role; None is the region of the environment or the profile.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        role_arn: str | None = None,
        external_id: str | None = None,
        region: str | None = None,
    ) -> None:
        self.profile = profile
        self._role_arn = role_arn
        self._external_id = external_id
        self._region = region
        self._session: Session | None = None
        self._credentials: Credentials | None = None

    @property
    def full_config(self) -> dict[str, Any]:
        """The configuration files as botocore read them for the latest attempt, for messages."""
        return {} if self._session is None else self._session.full_config

    def get_credentials(self) -> Credentials | None:
        """Return the credentials, or None if there are none. Blocks; raises botocore's exceptions."""
        if self._credentials is None:
            # Search again after a failed attempt: the user may have signed in or edited the files since.
            self._credentials = self._find()
        return self._credentials

    def _find(self) -> Credentials | None:
        import botocore.session
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        self._session = session = botocore.session.Session(profile=self.profile)
        found: Credentials | None = session.get_credentials()
        if found is None or self._role_arn is None:
            return found
        external_id = {} if self._external_id is None else {"ExternalId": self._external_id}
        fetcher = AssumeRoleCredentialFetcher(
            partial(session.create_client, region_name=self._region),
            found,
            self._role_arn,
            extra_args={"RoleSessionName": ROLE_SESSION_NAME, **external_id},
        )
        role: Credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
        return role
