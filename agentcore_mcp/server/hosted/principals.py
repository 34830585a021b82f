"""The caller: one person or program, as a verified token names them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from mcp.server.auth.middleware.auth_context import auth_context_var, get_access_token
from mcp.server.auth.provider import AccessToken


@dataclass(frozen=True)
class Principal:
    """A caller. Two are equal if issuer, subject and client are.

    Attributes:
        issuer: The issuer of their token; "" where no token is required.
        subject: The person or program; unique to the issuer.
        client: The application that they use.
        scopes: What the token may be used for.
        groups: The groups or roles that the issuer names.
    """

    issuer: str
    subject: str
    client: str
    scopes: frozenset[str] = field(default=frozenset(), compare=False)
    groups: frozenset[str] = field(default=frozenset(), compare=False)

    @cached_property
    def key(self) -> str:
        """A digest that identifies the principal without naming it: 32 hexadecimal digits."""
        parts = (self.issuer, self.subject, self.client)
        # Each with its length, so that no two triples give the same text.
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


# The one principal of a server that checks no tokens.
ANYBODY = Principal("", "", "")


class PrincipalToken(AccessToken):
    """The SDK's ``AccessToken``, with its principal."""

    principal: Principal

    @classmethod
    def of(cls, principal: Principal, token: str) -> PrincipalToken:
        """Return the ``AccessToken`` for the token that a principal called with."""
        return cls(
            token=token,
            client_id=principal.client,
            scopes=sorted(principal.scopes),
            subject=principal.subject,
            claims={"iss": principal.issuer},
            principal=principal,
        )


def current_principal() -> Principal:
    """Return the caller of the request that is being answered."""
    token = get_access_token()
    return token.principal if isinstance(token, PrincipalToken) else ANYBODY


def current_token() -> str:
    """Return the token of the request that is being answered, "" if it has none. It is kept nowhere else."""
    token = get_access_token()
    return token.token if isinstance(token, PrincipalToken) else ""


def forget_caller() -> None:
    """Drop the token from the current task's context, since the task may outlive its request."""
    auth_context_var.set(None)
