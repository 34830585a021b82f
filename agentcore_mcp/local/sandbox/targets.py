"""Targets: how a session's agent is started or reached, and the name under which a local AgentCore hosts it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.wire.headers import HEADER_NAME, is_forwardable
from agentcore_mcp.wire.ids import LOCAL_ID_SUFFIX, LOCAL_REGION, RuntimeArn
from agentcore_mcp.wire.loopback import is_loopback

if TYPE_CHECKING:
    from pathlib import Path

Protocol = Literal["http", "a2a", "agui", "mcp", "harness"]

# The path of InvokeAgentRuntime at an agent of each protocol:
# https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-service-contract.html
_PATH: Final = "/invocations"
INVOKE_PATHS: Final = {"http": _PATH, "a2a": "/", "agui": _PATH, "mcp": "/mcp", "harness": _PATH}
SAMPLE_APPS: Final[dict[str, str]] = {
    "http": "agentcore_mcp.hosting.sample:app",
    "a2a": "agentcore_mcp.samples.a2a:app",
    "agui": "agentcore_mcp.samples.agui:app",
    "mcp": "agentcore_mcp.samples.mcp:app",
    "harness": "agentcore_mcp.hosting.sample:app",
}

# The account of AWS's examples. An agent's id depends only on its name, so that its ARN can be written down.
_ACCOUNT = "123456789012"
# A module's name may be one that an import statement can't have, such as my-agent; a path is not accepted.
_APP = re.compile(r"(?!.*\.py:)[^\s:/\\.]+(\.[^\s:/\\.]+)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
# agentRuntimeName in the service model.
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,47}")


@dataclass(frozen=True, slots=True)
class AgentApp:
    """An ASGI app, served in a separate process for each session.

    Attributes:
        target: ``module:attribute``.
        folder: A folder to search before the installed packages.
    """

    target: str
    folder: Path | None

    @classmethod
    def parse(cls, text: str, folder: Path) -> AgentApp:
        """Parse ``module:attribute``. Whether it exists, only its own process can find out.

        Raises:
            ConfigurationError: If the text can't name an importable object.
        """
        if not _APP.fullmatch(text):
            raise ConfigurationError(f"not a module and its attribute: {text!r}; like my_agent:app, without .py")
        return cls(text, folder)


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """A command line that starts an agent for one session, which listens on a given port.

    Attributes:
        line: A bash command line. ``{port}`` becomes the port, also in the variable PORT, and ``{folder}`` the folder.
        folder: The folder with the user's files; the command itself starts in the session's directory.
    """

    line: str
    folder: Path


@dataclass(frozen=True, slots=True)
class AgentUrl:
    """An agent that already runs, shared by all sessions.

    Attributes:
        base_url: Its URL, without a trailing slash.
    """

    base_url: str

    @classmethod
    def parse(cls, text: str) -> AgentUrl:
        """Parse a URL.

        Raises:
            ConfigurationError: If it is not http on a loopback address, as the connection is not encrypted.
        """
        try:
            url = urlsplit(text)
            usable = url.scheme == "http" and is_loopback(url.hostname or "") and url.port != 0
        except ValueError:
            usable = False
        if not usable or url.username is not None or url.query or url.fragment:
            raise ConfigurationError(f"not the URL of an agent on this machine: {text!r}; like http://127.0.0.1:8080")
        return cls(text.rstrip("/"))


Target = AgentApp | AgentCommand | AgentUrl


@dataclass(frozen=True, slots=True)
class HostedAgent:
    """An agent, and the name in its ARN.

    Attributes:
        protocol: Its protocol, a runtime's ``serverProtocol`` in lower case; or ``harness``.
        allowed_headers: The request headers that reach it besides custom ones, in lower case: a runtime's
            ``requestHeaderAllowlist``.
        allowed_ports: The ports that a session's endpoint reaches; without any, sessions have no endpoint.
    """

    name: str
    target: Target
    protocol: Protocol = "http"
    allowed_headers: frozenset[str] = frozenset()
    allowed_ports: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in self.allowed_headers:
            if not (HEADER_NAME.fullmatch(name) and is_forwardable(name)):
                raise ConfigurationError(f"not a header that a runtime can pass on to its agent: {name!r}")
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"not the name of an agent: {self.name!r}; it begins with a letter and has at most 48 letters, digits "
                "and underscores"
            )

    @property
    def arn(self) -> RuntimeArn:
        """Return the ARN of its runtime, always the same for a name."""
        return RuntimeArn("aws", LOCAL_REGION, _ACCOUNT, f"{self.name}{LOCAL_ID_SUFFIX}", self.protocol == "harness")
