"""A command of ``run_command`` in a persistent shell: another way to carry out the same call."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.server.hosted.tracing import traced
from agentcore_mcp.wire.shells.marks import keys

if TYPE_CHECKING:
    from agentcore_mcp.runtime.websocket.shells import RuntimeShell
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.server.callers import Caller
    from agentcore_mcp.server.hosted.shells import InShell


async def run_in_shell(caller: Caller, call: Call) -> None:
    """Run a command in its shell; if the call sends none, continue the one that an earlier server began there.

    Its output, its prompts and its outcome are added to the call.

    Raises:
        AgentCoreError: If it can't be run, or its outcome is unknown.
    """
    # Imported here: it loads the WebSocket library, and hosts wait for the start.
    from agentcore_mcp.runtime.websocket.opening import open_shell
    from agentcore_mcp.runtime.websocket.shells import ShellPrompt
    from agentcore_mcp.wire.eventstream import ContentDelta, ContentStart, ContentStop

    assert call.shell is not None and call.timeout_s is not None  # noqa: S101, PT018 - as a command in a shell has
    agent = call.session.target.agent
    typing: asyncio.Task[None] | None = None
    async with (
        caller.shells.held(call.session, call.shell, call.handle),
        open_shell(
            caller.agents.client_of(call.session.target),
            agent.arn,
            call.shell.name,
            session_id=call.session.session_id,
            qualifier=agent.qualifier,
            headers=traced(call.session.target.command_headers),
        ) as shell,
    ):
        await caller.ledger.answered(call, shell.session_id, None)
        going_on = (
            shell.run(call.sent, first=agent.commands.first(call.sent), timeout_s=call.timeout_s)
            if call.sent
            else shell.resume(timeout_s=call.timeout_s)
        )
        try:
            async with aclosing(going_on) as events:
                async for event in events:
                    match event:
                        case ContentStart():
                            typing = asyncio.create_task(_type(call.shell, shell))
                        case ContentDelta():
                            call.shell.asks = ""
                            call.add("stdout", event.stdout)
                        case ShellPrompt():
                            call.shell.asks, call.shell.asked = event.line, call.shell.asked + 1
                            call.note("")
                            if call.progress is not None:
                                call.progress.let_go()
                        case ContentStop():
                            call.stop = event
        except asyncio.CancelledError:
            if not caller.calls.ending:
                # This frees the shell for the next command.
                with suppress(AgentCoreError):
                    await shell.end()
            raise
        finally:
            if typing is not None:
                typing.cancel()
        if shell.exit_code is not None:
            call.add("stdout", f"[the shell {call.shell.name} has exited: the next command begins a new one]\n")


async def _type(typed_in: InShell, shell: RuntimeShell) -> None:
    # The code that reads the shell reports input that can't be typed any more.
    with suppress(AgentCoreError):
        while True:
            await shell.type(keys(await typed_in.keys.get()))
