"""The ``agentcore-mcp`` command."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from agentcore_mcp._logs import log_to_stderr
from agentcore_mcp.cli.options import AgentOptions, agent_options, run_server
from agentcore_mcp.errors import AgentCoreError, ConfigurationError

if TYPE_CHECKING:
    from agentcore_mcp.server.assembly import AgentCoreServer

# 128 plus the number of SIGINT, as shells report it.
_INTERRUPTED = 130

_WAITING = """\
agentcore-mcp: waiting for an MCP host on stdin. This command is for a host's configuration, which starts it by itself;
`agentcore-mcp demo` shows what a host gets. Ctrl-C ends it."""


# The module of each command, imported on use because hosts wait for the server to start.
_COMMANDS = {
    "init": "init",
    "doctor": "doctor.command",
    "install": "install",
    "uninstall": "install",
    "agents": "terminal.sessions",
    "invoke": "terminal.invoking",
    "run": "terminal.running",
    "preview": "terminal.previewing",
    "stop": "terminal.sessions",
    "sessions": "sessions",
    "serve": "serve",
    "local": "local",
    "demo": "demo",
    "config": "config",
}


class _Command(click.Group):
    """Shows errors that a user can fix as a message, not as a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click has it
        """Return the names of the commands, in the order in which a user meets them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as click has it
        """Return a command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"agentcore_mcp.cli.{_COMMANDS[cmd_name]}"), cmd_name)
        return command

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command, and end the process."""
        try:
            try:
                return super().main(*args, **options)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except* OSError as failed:
            # Usually the disk behind standard output is full. Python would try to flush its buffer again at exit.
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
    if isinstance(sys.stdout, TextIOWrapper):
        # An answer may have characters that a terminal's or a locale's encoding lacks.
        sys.stdout.reconfigure(errors="replace")
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        context.color = False
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
