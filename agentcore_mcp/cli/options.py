"""The options that say which agent a server is for, shared by the stdio server and ``serve``."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.wire.operations import RuntimeArn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agentcore_mcp.config import Settings


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """The agent as named on the command line; None where a flag was not given."""

    local: bool = False
    runtime_arn: str | None = None
    qualifier: str | None = None
    bearer_token: str | None = field(default=None, repr=False)
    endpoint_url: str | None = None


def agent_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a click command, whose callback gets them as ``agent``."""

    @click.option("--local", is_flag=True, help="Use the bundled sample agent on this machine; needs no account.")
    @click.option("--runtime-arn", metavar="ARN", help="The agent runtime to expose.")
    @click.option("--qualifier", metavar="NAME", help="Endpoint of the runtime (default: the service's DEFAULT).")
    @click.option(
        "--bearer-token",
        metavar="TOKEN",
        help="OAuth access token. Others on this machine can read a command line; prefer the variable.",
    )
    @click.option("--endpoint-url", metavar="URL", help="Where to send requests instead of AWS: https or loopback.")
    @wraps(command)
    def with_agent(
        *args: Any,
        local: bool,
        runtime_arn: str | None,
        qualifier: str | None,
        bearer_token: str | None,
        endpoint_url: str | None,
        **others: Any,
    ) -> None:
        command(*args, agent=AgentOptions(local, runtime_arn, qualifier, bearer_token, endpoint_url), **others)

    return with_agent


@contextmanager
def settings_for(options: AgentOptions) -> Iterator[Settings]:
    """Give the settings; with ``--local``, also keep a local AgentCore running meanwhile.

    Raises:
        ConfigurationError: If no agent is configured, or the configuration contradicts itself.
        ConnectError: If the local AgentCore does not start.
    """
    # Here and not above: `agentcore-mcp local` has no use for what the settings are made with.
    from agentcore_mcp.config import Agent, NoAuth, Settings, drop_unset

    drop_unset(os.environ)
    if not options.local:
        settings = Settings.from_env(
            os.environ,
            runtime_arn=options.runtime_arn,
            qualifier=options.qualifier,
            bearer_token=options.bearer_token,
            endpoint_url=options.endpoint_url,
        )
        from agentcore_mcp.server.credentials import Credentials, endpoint_of

        # Now and not when the first agent is called, so that a setting that can't work is told before a host waits.
        credentials = Credentials()
        for agent in settings.agents:
            endpoint_of(agent)
            credentials.auth_for(agent)
        yield settings
        return
    if options.runtime_arn or options.endpoint_url or options.bearer_token or options.qualifier:
        raise ConfigurationError("--local brings its own agent: leave out the flags that name another")
    from agentcore_mcp.hosting.dataplane.process import LocalAgentCore

    local = LocalAgentCore()
    local.start()
    try:
        # Importing the server takes about as long as the local AgentCore takes to start, so both happen at once.
        import_module("agentcore_mcp.server.assembly")
        local.wait_ready()
        arn = RuntimeArn.parse(local.agent_runtime_arn)
        yield Settings(agents=(Agent(arn=arn, endpoint_url=local.endpoint_url, auth=NoAuth(none=True)),))
    finally:
        local.stop()
