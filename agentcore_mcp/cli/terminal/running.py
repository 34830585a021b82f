"""``agentcore-mcp run``: a shell command in a session of an agent."""

from __future__ import annotations

import json

import click

from agentcore_mcp.cli.terminal.calls import OneCall, make
from agentcore_mcp.cli.terminal.naming import Where, session_options
from agentcore_mcp.errors import StreamInterruptedError
from agentcore_mcp.wire.limits import COMMAND_TIMEOUT_DEFAULT_S, COMMAND_TIMEOUT_MAX_S

# As `timeout` of the GNU core utilities.
_TIMED_OUT = 124


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("command", nargs=-1, required=True)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(1, COMMAND_TIMEOUT_MAX_S),
    default=COMMAND_TIMEOUT_DEFAULT_S,
    show_default=True,
    metavar="SECONDS",
    help="After how long the command is ended.",
)
@session_options
def run(command: tuple[str, ...], timeout_s: int, where: Where) -> None:
    """Run a shell command in a session of an agent, and exit with its exit code; with 124 if it timed out.

    The policy of the configuration is for models, who don't see what they do; a shell or folder that it names counts
    here, too. Put -- before a command with options.
    """

    async def work(call: OneCall) -> int:
        from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop

        of = call.target.agent
        async with call.agents.client_of(call.target).run_command(
            of.arn,
            of.commands.wrapped(" ".join(command)),
            session_id=call.session_id,
            timeout_s=timeout_s,
            qualifier=of.qualifier,
            headers=call.target.command_headers,
        ) as running:
            async for event in running:
                match event:
                    case ContentDelta():
                        if where.as_json:
                            click.echo(json.dumps({"stdout": event.stdout, "stderr": event.stderr}, ensure_ascii=False))
                        else:
                            click.echo(event.stdout, nl=False)
                            click.echo(event.stderr, nl=False, err=True)
                    case ContentStop():
                        if where.as_json:
                            ended = {"exit_code": event.exit_code, "status": event.status}
                            click.echo(json.dumps({**ended, "session_id": call.session_id}))
                        if event.timed_out:
                            click.echo(f"agentcore-mcp: ended after {timeout_s} s, by --timeout", err=True)
                        return _TIMED_OUT if event.timed_out else event.exit_code
        raise StreamInterruptedError("the command's stream ended without saying how the command ended")

    make(where, work)
