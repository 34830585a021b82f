"""Settings: which agents may be called, how, and with which tools. Fixed when the server starts.

A caller of the tools can only choose among the agents named here: text that a model has read must not choose which
account is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self, get_args

from pydantic import Field, PrivateAttr, model_validator

from agentcore_mcp.config.agents import Agent  # noqa: TC001 - pydantic reads it
from agentcore_mcp.config.discovery import Discovery  # noqa: TC001 - pydantic reads it
from agentcore_mcp.config.hosted import Server
from agentcore_mcp.config.model import Table, did_you_mean
from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection

ToolName = Literal["invoke_agent", "call_agent_tool", "run_command", "stop_session", "list_agents", "read_output"]
TOOL_NAMES: tuple[ToolName, ...] = get_args(ToolName)
# Room for an answer besides ids and notes; and the HTTP limit of the SDK's clients, 1 MiB for both channels together.
RESULT_LEAST_CHARS = 2_000
RESULT_MOST_CHARS = 120_000
# Tools that change the session's environment without the agent's control.
_NOT_READ_ONLY = frozenset({"run_command", "stop_session"})

HOW_TO_CONFIGURE = """\
no agent is configured. Name one in one of three ways:

  1. an environment variable, the usual way in an MCP host's configuration:
       AGENTCORE_RUNTIME_ARN=arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID
     with AWS credentials from the usual places (AWS_PROFILE, AWS_ACCESS_KEY_ID, ...),
     or AGENTCORE_BEARER_TOKEN for a runtime that expects OAuth

  2. a flag:
       agentcore-mcp --runtime-arn arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID
     or, for several agents, a configuration file:
       agentcore-mcp --config FILE
     (or AGENTCORE_CONFIG=FILE, or ~/.config/agentcore-mcp/config.toml; agentcore-mcp init writes it)

  3. the bundled sample agent on this machine, with no account and no network:
       agentcore-mcp --local"""


class Settings(Table):
    """Everything the server needs to know before it starts. The keys of a configuration file are these fields."""

    agents: tuple[Agent, ...] = Field(default=(), description="The agents, by name")
    discovery: Discovery | None = Field(
        default=None, validation_alias="discover", description="Also list the runtimes of an account, at the first use"
    )
    expose: Literal["tools", "agents"] = Field(
        default="tools", description="tools: one tool to ask any agent; agents: a tool for each, ask_NAME"
    )
    handoff_after_s: float | None = Field(
        default=None,
        validation_alias="handoff_after",
        gt=0,
        allow_inf_nan=False,
        description="After how many seconds a call returns what it has, and a handle to collect the rest; "
        "default: as the host needs it, if it is known",
    )
    result_max_chars: int | None = Field(
        default=None,
        ge=RESULT_LEAST_CHARS,
        le=RESULT_MOST_CHARS,
        description="How many characters a result may have; default: as the host shows, if it is known, else 38,000",
    )
    live_view: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether hosts show calls in the live view. auto: those that know MCP Apps, except where it is "
        "known not to work; on: there as well; off: none",
    )
    live_handoff_after_s: float = Field(
        default=2.0,
        validation_alias="live_handoff_after",
        gt=0,
        allow_inf_nan=False,
        description="After how many seconds a call goes on in the live view, in a host that shows it",
    )
    on_exit: Literal["keep", "stop"] = Field(
        default="keep", description="What becomes of the sessions when the server ends"
    )
    read_only: bool = Field(default=False, description="No commands, and no session is stopped")
    server: Server = Field(default=Server(), description="For the people who share it, where it is served over HTTP")
    tools: frozenset[ToolName] | None = Field(default=None, description="The tools that are offered; default: all")

    _ca_bundle: str | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _name_each_agent_once(self) -> Self:
        names = [agent.name for agent in self.agents]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two agents have the same name: {', '.join(twice)}")
        if not names and self.discovery is None:
            raise ValueError("no agents are named, and discover is not set")
        for agent in self.agents:
            for key, needed in (("auth", agent.auth.of_caller), ("allow", agent.allow is not None)):
                if needed and self.server.auth is None:
                    raise ValueError(f"agents.{agent.name}.{key} needs server.auth: without it, nobody knows who calls")
        if self.discovery is not None and self.discovery.allow is not None and self.server.auth is None:
            raise ValueError("discover.allow needs server.auth: without it, nobody knows who calls")
        return self

    @property
    def ca_bundle(self) -> str | None:
        """The file of trusted certificates for calls of agents, from AWS_CA_BUNDLE; None for the system's."""
        return self._ca_bundle

    def trusting(self, ca_bundle: str | None) -> Self:
        """Return these settings with another ``ca_bundle``. Files don't set it: botocore reads the variable too."""
        trusting = self.model_copy()
        trusting._ca_bundle = ca_bundle  # noqa: SLF001 - one of its own kind
        return trusting

    @property
    def agent(self) -> Agent:
        """The only agent.

        Raises:
            ConfigurationError: If there are several, or discovery lists them later.
        """
        if len(self.agents) != 1 or self.discovery is not None:
            raise ConfigurationError(f"there is not one agent but {len(self.agents)}, and discovery may find more")
        return self.agents[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the agents, in order."""
        return tuple(agent.name for agent in self.agents)

    def allows(self, tool: ToolName) -> bool:
        """Return whether a tool may be offered and called. ``ask_NAME`` counts as ``invoke_agent``."""
        which = [one for one in (*self.agents, self.discovery) if one is not None]
        useful = {
            "run_command": any(one.commands.mode != "off" for one in which),
            "invoke_agent": any(getattr(one, "protocol", "auto") != "mcp" for one in which),
            # A discovered runtime's protocol is not known before the first call.
            "call_agent_tool": any(getattr(one, "protocol", "mcp") == "mcp" for one in which),
        }
        if not useful.get(tool, True):
            return False
        return (self.tools is None or tool in self.tools) and not (self.read_only and tool in _NOT_READ_ONLY)

    def changed(
        self,
        *,
        read_only: bool = False,
        agents: Collection[str] | None = None,
        tools: Collection[str] | None = None,
        handoff_after_s: float | None = None,
    ) -> Settings:
        """Return these settings with the changes that flags make.

        Args:
            read_only: Whether to forbid commands and stopping sessions.
            agents: The only agents, by name, discovered ones included.
            tools: The only tools.
            handoff_after_s: Overrides their value.

        Raises:
            ConfigurationError: If an agent or tool is unknown, or none is left.
        """
        change: dict[str, object] = {"read_only": self.read_only or read_only}
        if handoff_after_s is not None:
            change["handoff_after_s"] = handoff_after_s
        if agents is not None:
            change |= self._only(agents)
        if tools is not None:
            for tool in tools:
                if tool not in TOOL_NAMES:
                    raise ConfigurationError(f"--tools: unknown tool {tool!r}{did_you_mean(tool, TOOL_NAMES)}")
            change["tools"] = frozenset(tool for tool in TOOL_NAMES if tool in tools and self.allows(tool))
        changed = self.model_copy(update=change)
        if not any(map(changed.allows, TOOL_NAMES)):
            raise ConfigurationError(
                "no tool is left: tools, read_only and the flags --tools and --read-only forbid them all"
            )
        return changed

    def _only(self, names: Collection[str]) -> dict[str, object]:
        if not names:
            raise ConfigurationError("--agents names no agent")
        others = [name for name in names if name not in self.names]
        for name in others:
            if self.discovery is None or not self.discovery.wants(name):
                raise ConfigurationError(f"--agents: no agent is called {name!r}{did_you_mean(name, self.names)}")
        discovery = self.discovery.only(others) if self.discovery is not None and others else None
        return {"agents": tuple(agent for agent in self.agents if agent.name in names), "discovery": discovery}
