"""Bearer tokens that are obviously not real, and sources of them that a test holds back and counts."""

from __future__ import annotations

import gc
import threading
import time
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

import jwt

from agentcore_mcp.runtime.auth.tokens import Token
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable


def jwt_of(**claims: object) -> str:
    """Return a JWT with the claims, signed with a key that nobody needs."""
    return jwt.encode(claims, "no secret at all, but of 32 bytes", algorithm="HS256")


def held(root: object) -> list[object]:
    """Return what an object holds, directly or not, without code."""
    found: list[object] = [root]
    seen = {id(root)}
    for one in found:
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, type | ModuleType | FunctionType):
                seen.add(id(other))
                found.append(other)
    return found


class Numbered:
    """A source whose tokens are ``token-1``, ``token-2``, and so on.

    Args:
        make: What becomes of each text; by default a token that is good for an hour.
        held: Whether ``fetch`` waits for ``release``.
    """

    def __init__(self, make: Callable[[str], Token] | None = None, *, held: bool = False) -> None:
        self.asked: list[Token | None] = []
        self.failure: BaseException | None = None
        self.entered = threading.Event()
        self.release = threading.Event()
        self._make = make or (lambda text: Token.issued(text, expires_in=3600))
        if not held:
            self.release.set()

    def fetch(self, previous: Token | None) -> Token:
        self.asked.append(previous)
        self.entered.set()
        assert self.release.wait(WAIT_S)
        if self.failure is not None:
            raise self.failure
        return self._make(f"token-{len(self.asked)}")


def due(text: str) -> Token:
    """Return a token that is to be renewed, but good for a while."""
    return Token(text, expires_at=time.time() + 3600, renew_at=0)
