"""The ``agentcore-mcp`` command."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from agentcore_mcp._logs import log_to_stderr
from agentcore_mcp.cli.config import config
from agentcore_mcp.cli.demo import demo
from agentcore_mcp.cli.local import local
from agentcore_mcp.cli.options import AgentOptions, agent_options, run_server
from agentcore_mcp.cli.serve import serve
from agentcore_mcp.cli.sessions import sessions
from agentcore_mcp.errors import AgentCoreError, ConfigurationError

if TYPE_CHECKING:
    from agentcore_mcp.server.assembly import AgentCoreServer

# 128 and the number of SIGINT, as shells tell it.
_INTERRUPTED = 130

_WAITING = """\
agentcore-mcp: waiting for an MCP host on stdin. This command is for a host's configuration, which starts it by itself;
`agentcore-mcp demo` shows what a host gets. Ctrl-C ends it."""


class _Command(click.Group):
    """Shows what can't work as a message, not as a traceback."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command, and end the process."""
        try:
            try:
                return super().main(*args, **options)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except* OSError as failed:
            # As a rule, standard output is a full disk. Python would try once more to write what it holds back.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            failure: BaseException = failed
            while isinstance(failure, BaseExceptionGroup):
                failure = failure.exceptions[0]
            with suppress(OSError):
                click.echo(f"Error: can't go on: {failure}", err=True)
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # The user pressed Ctrl-C; "Aborted!" would sound like a failure.
            ctx.exit(_INTERRUPTED)
        except AgentCoreError as error:
            raise click.ClickException(error.message) from error


@click.group(cls=_Command, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agentcore-mcp")
@agent_options
@click.pass_context
def main(context: click.Context, agent: AgentOptions) -> None:
    """Amazon Bedrock AgentCore runtimes as MCP tools: ask an agent, run a command, stop the session.

    Without a command, serves MCP on stdin and stdout for the agent named by AGENTCORE_RUNTIME_ARN or the flags
    below. AWS credentials come from the usual places (AWS_PROFILE, AWS_ACCESS_KEY_ID, ...); a runtime that expects
    OAuth takes AGENTCORE_BEARER_TOKEN. AGENTCORE_QUALIFIER and AGENTCORE_ENDPOINT_URL are read too.
    """
    log_to_stderr()
    if sys.stdout is None and context.invoked_subcommand != "serve":
        raise ConfigurationError("standard output is closed, and what this command has to say goes there")
    if context.invoked_subcommand is not None:
        if agent != AgentOptions():
            raise click.UsageError(
                f"put flags after the command: see agentcore-mcp {context.invoked_subcommand} --help"
            )
        return
    if sys.stdin is None:
        raise ConfigurationError("standard input is closed; an MCP host talks to this server through it")
    run_server(agent, _serve_stdio)


async def _serve_stdio(server: AgentCoreServer) -> None:
    from agentcore_mcp.server.transports.stdio import serve_stdio

    if sys.stdin.isatty():
        click.echo(_WAITING, err=True)
    await serve_stdio(server)


for command in (serve, local, demo, config, sessions):
    main.add_command(command)
