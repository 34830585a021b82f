"""AWS credentials: found and refreshed by botocore, with errors that say how to fix unusable ones.

The functions block: botocore may call a metadata service, an SSO portal or another process. ``auth`` calls them in a
worker thread; botocore is imported at that time.
"""

from __future__ import annotations

import logging
import os
import shlex
from typing import Any

from agentcore_mcp.errors import CredentialsError
from agentcore_mcp.runtime.auth.tokens import is_sendable

# A profile with one of these settings can be signed in to.
_SIGN_IN_SETTINGS = frozenset({"sso_session", "sso_start_url", "login_session"})


def usable_credentials(session: Any) -> Any:
    """Return credentials that are valid now, with ``access_key``, ``secret_key`` and ``token``.

    Args:
        session: A botocore or boto3 session, or any other object with ``get_credentials``.

    Raises:
        CredentialsError: If there are none.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    # botocore logs canonical requests and STS responses, with session token and secret key, at DEBUG. They are logged
    # only if the level of botocore's own logger is set; DEBUG for the whole program is not enough.
    logger = logging.getLogger("botocore")
    if logger.level == logging.NOTSET:
        logger.setLevel(max(logging.INFO, logger.getEffectiveLevel()))
    try:
        credentials = session.get_credentials()
        frozen = None if credentials is None else credentials.get_frozen_credentials()
    except (BotoCoreError, ClientError, OSError) as error:
        raise CredentialsError(_explain(error, session)) from None if _quotes_a_process(error) else error
    except RuntimeError:
        raise CredentialsError(
            "the AWS credentials have expired, and where they come from there are no others; "
            f"renew those of {_origin(session)}"
        ) from None
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        # Drop the cause: a JSONDecodeError carries the whole document.
        raise CredentialsError(
            f"the AWS credentials can't be read ({type(error).__name__}): check {_origin(session)}, and what its "
            "credential_process prints if it has one"
        ) from None
    if frozen is None:
        raise CredentialsError(
            "no AWS credentials found; set AWS_PROFILE to a profile of ~/.aws/config (and run `aws sso login --profile "
            "NAME` if it signs in through IAM Identity Center), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "run where a role is attached; a runtime with OAuth takes a bearer token, a local AgentCore any keys"
        )
    parts = [frozen.access_key, frozen.secret_key, *filter(None, [frozen.token])]
    if not all(isinstance(part, str) and is_sendable(part) for part in parts):
        raise CredentialsError(
            f"the access key, secret key or session token of {_origin(session)} is empty or has a character that a "
            "header can't carry, such as a line break at its end"
        )
    return frozen


def signing_in_with(profile: str | None, command: str = "aws sso login") -> str:
    """Return the shell command that signs in to AWS.

    Args:
        profile: A profile of ~/.aws/config; None for the default one.
        command: The command without the profile.
    """
    return command if profile is None else f"{command} --profile {shlex.quote(profile)}"


def _explain(error: Exception, session: Any) -> str:
    """Say what failed and what to do, without the stderr of a credential process, which may hold secrets."""
    from botocore.exceptions import LoginError, ProfileNotFound, SSOError, TokenRetrievalError

    if isinstance(error, ProfileNotFound):
        return f"{error}; `aws configure list-profiles` lists those there are"
    name = _profile_of(session)
    if isinstance(error, SSOError | TokenRetrievalError | LoginError):
        command = "aws login" if isinstance(error, LoginError) else "aws sso login"
        signing_in = _profile_that_signs_in(session, name or "default")
        command = signing_in_with(None if name is None and signing_in == "default" else signing_in, command)
        return f"the AWS sign-in has expired or is missing; run `{command}` and try again"
    if _quotes_a_process(error):
        return f"the credential_process of the AWS profile {name or 'default'!r} failed; run it by hand to see why"
    return f"the AWS credentials can't be used: {str(error).rstrip('.')}"


def _origin(session: Any) -> str:
    """Return where the credentials come from."""
    name = _profile_of(session)
    if name is None and "AWS_ACCESS_KEY_ID" in os.environ:
        return "the AWS_* variables"
    return f"the AWS profile {name or 'default'!r}"


def _profile_of(session: Any) -> str | None:
    """Return the profile that was chosen explicitly, else None."""
    # The botocore session inside a boto3 session: boto3's own attribute is "default" if no profile was chosen.
    return getattr(getattr(session, "_session", session), "profile", None)


def _quotes_a_process(error: Exception) -> bool:
    return getattr(error, "kwargs", {}).get("provider") == "custom-process"


def _profile_that_signs_in(session: Any, name: str) -> str:
    """Return the profile to sign in with, by following ``source_profile``, which `aws sso login` doesn't follow."""
    # The botocore session inside a boto3 session.
    profiles = getattr(getattr(session, "_session", session), "full_config", {}).get("profiles", {})
    passed: list[str] = []
    current = name
    while current not in passed:
        settings = profiles.get(current, {})
        if not _SIGN_IN_SETTINGS.isdisjoint(settings):
            return current
        passed.append(current)
        current = settings.get("source_profile", current)
    return name
