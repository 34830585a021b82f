"""Callers told apart as the token check tells them, without a token: for servers in the test's own process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser

from agentcore_mcp.server.hosted.principals import Principal, PrincipalToken

if TYPE_CHECKING:
    from collections.abc import Iterator

ALICE = Principal("https://issuer.example", "alice", "app")
BOB = Principal("https://issuer.example", "bob", "app")
# Told apart from Alice by one of the three alone.
OTHERS = [
    BOB,
    Principal("https://issuer.example", "alice", "other-app"),
    Principal("https://other.example", "alice", "app"),
]


@contextmanager
def calling_as(principal: Principal, token: str = "") -> Iterator[None]:
    """Let what is called inside the block be called by a principal, as behind the SDK's AuthContextMiddleware."""
    before = auth_context_var.set(AuthenticatedUser(PrincipalToken.of(principal, token)))
    try:
        yield
    finally:
        auth_context_var.reset(before)
