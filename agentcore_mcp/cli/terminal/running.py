"""``agentcore-mcp run``: a shell command in a session of an agent."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import click

from agentcore_mcp.cli.terminal.calls import INTERRUPTED, OneCall, make
from agentcore_mcp.cli.terminal.naming import Where, session_options
from agentcore_mcp.errors import AgentCoreError, StreamInterruptedError
from agentcore_mcp.wire.limits import COMMAND_TIMEOUT_DEFAULT_S, COMMAND_TIMEOUT_MAX_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from agentcore_mcp.runtime import RuntimeClient
    from agentcore_mcp.runtime.websocket.shells import RuntimeShell, ShellEvent
    from agentcore_mcp.wire.ids import RuntimeArn

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
@click.option("--shell", metavar="NAME", help="In a shell of the session that stays, with its folder and variables.")
@session_options
def run(command: tuple[str, ...], timeout_s: int, shell: str | None, where: Where) -> None:
    """Run a shell command in a session of an agent, and exit with its exit code; with 124 if it timed out.

    The policy of the configuration is for models, who don't see what they do; a shell or folder that it names counts
    here, too. Put -- before a command with options.
    """

    async def work(call: OneCall) -> int:
        from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop

        of, client, line = call.target.agent, call.agents.client_of(call.target), " ".join(command)
        place: Any = {"session_id": call.session_id, "qualifier": of.qualifier, "headers": call.target.command_headers}
        running: AsyncIterable[ShellEvent]
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            if shell is None:
                running = await enter(
                    client.run_command(of.arn, of.commands.wrapped(line), timeout_s=timeout_s, **place)
                )
            else:
                opened = await enter(_typed_into(client, of.arn, shell, place))
                running = opened.run(line, first=of.commands.first(line), timeout_s=timeout_s)
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


@asynccontextmanager
async def _typed_into(client: RuntimeClient, arn: RuntimeArn, name: str, place: Any) -> AsyncIterator[RuntimeShell]:
    """Connect to a shell, and forward the terminal's input to it; Ctrl-C ends the running command."""
    from agentcore_mcp.runtime.websocket.opening import open_shell
    from agentcore_mcp.wire.shells.marks import keys

    async def typed() -> None:
        # Windows has no way to wait for terminal input. If the shell is gone, its reader reports the error.
        with suppress(AgentCoreError):
            while sys.platform != "win32" and sys.stdin.isatty():
                await anyio.wait_readable(sys.stdin)
                await shell.type(keys(sys.stdin.readline() or "^D"))

    async with open_shell(client, arn, name, **place) as shell:
        typing = asyncio.create_task(typed())
        try:
            yield shell
        except (asyncio.CancelledError, BrokenPipeError) as cut:  # Ctrl-C, or standard output was closed
            with suppress(AgentCoreError):
                await shell.end()
                if isinstance(cut, asyncio.CancelledError):  # no work is left to stop
                    raise click.exceptions.Exit(INTERRUPTED) from cut
            raise
        finally:
            typing.cancel()
