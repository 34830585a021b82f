"""Discovery of an account's runtimes as agents, without naming each one. They are listed at the first use."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pydantic import Field

from agentcore_mcp.config.commands import CommandPolicy, Commands
from agentcore_mcp.config.hosted import Allow  # noqa: TC001 - pydantic reads it
from agentcore_mcp.config.model import Table

if TYPE_CHECKING:
    from collections.abc import Collection


class Discovery(Table):
    """A region of an account, and which of its runtimes are offered. They are called with the same AWS credentials."""

    region: str | None = Field(default=None, min_length=1, description="Default: AWS_REGION, or the profile's region")
    profile: str | None = Field(
        default=None, min_length=1, description="Profile of ~/.aws/config; default: the usual places"
    )
    endpoint_url: str | None = Field(
        default=None, description="Where they are called instead of AWS; on this machine, also where they are listed"
    )
    include: tuple[str, ...] = Field(
        default=("*",), description="Names of the runtimes that are offered; * and ? are wild"
    )
    exclude: tuple[str, ...] = Field(default=(), description="Names of the runtimes that are not")
    allow: Allow | None = Field(default=None, description="Who may use them on a server with server.auth")
    send_user_id: bool = Field(default=True, description="As for an agent")
    commands: Commands = Field(default=CommandPolicy(), description="Which commands may be run in their sessions")

    def wants(self, name: str) -> bool:
        """Return whether a runtime with this name is offered."""
        return any(fnmatchcase(name, pattern) for pattern in self.include) and not any(
            fnmatchcase(name, pattern) for pattern in self.exclude
        )

    def only(self, names: Collection[str]) -> Discovery:
        """Return a discovery of only these names, all of which this one offers."""
        # Names contain no wildcard characters.
        return self.model_copy(update={"include": tuple(names), "exclude": ()})
