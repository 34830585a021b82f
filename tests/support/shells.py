"""The published SDK's client of interactive shells, pointed at a local AgentCore."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any

import boto3

from tests.support.agentcore import FAKE_KEYS
from tests.support.waiting import WAIT_S

with warnings.catch_warnings():
    # The published package still defines a model in pydantic's old way, which is not for us to fix.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from bedrock_agentcore.runtime import AgentCoreRuntimeClient
    from bedrock_agentcore.runtime.shell import (
        OAuthAuth,
        PresignedAuth,
        ReconnectConfig,
        ShellChannel,
        ShellFramer,
        ShellSession,
    )

if TYPE_CHECKING:
    from tests.support.agentcore import Boto

__all__ = [
    "OAuthAuth",
    "PresignedAuth",
    "PublishedClient",
    "ReconnectConfig",
    "ShellChannel",
    "ShellFramer",
    "ShellSession",
]

REGION = "us-east-1"


class PublishedClient(AgentCoreRuntimeClient):
    """The published client, which knows no other hosts than AWS's, except for where it connects to."""

    def __init__(self, boto: Boto, *, keys: tuple[str, str] = FAKE_KEYS) -> None:
        super().__init__(region=REGION, session=boto3.session.Session(*keys))
        self._local = boto.endpoint_url.removeprefix("http://")

    def _build_shell_url(self, *arguments: Any, **named: Any) -> str:
        url: str = super()._build_shell_url(*arguments, **named)
        return f"ws://{self._local}/{url.split('/', 3)[3]}"


async def read_until(shell: ShellSession, wanted: str) -> str:
    """Read a shell's output until something is in it, and return all of it."""
    seen = ""
    async with asyncio.timeout(WAIT_S):
        async for frame in shell:
            if frame.channel == ShellChannel.STDOUT:
                seen += frame.text
            if wanted in seen:
                return seen
    raise AssertionError(f"{wanted!r} did not come, but {seen!r}")


async def read_to_end(shell: ShellSession) -> str:
    """Read a shell's output until the SDK says that it is over."""
    seen = ""
    async with asyncio.timeout(WAIT_S):
        async for frame in shell:
            if frame.channel == ShellChannel.STDOUT:
                seen += frame.text
    return seen
