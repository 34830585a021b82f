"""The local AgentCore as a whole: one listening socket, one front door, an orderly end.

Runs in a process of its own (``agentcore-mcp local``; `process.LocalAgentCore` starts one), never inside the MCP
server: it runs shell commands, and it owns the process's signals.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.line.listeners import listen
from agentcore_mcp.local.sandbox.app_check import AppCheck
from agentcore_mcp.local.sandbox.folders import private_folder

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from agentcore_mcp.local.callers.gate import AuthSettings
    from agentcore_mcp.local.line.faults import Fault
    from agentcore_mcp.local.sandbox.limits import Limits
    from agentcore_mcp.local.sandbox.targets import HostedAgent

# Connections that wait while the event loop is busy.
_BACKLOG = 512
# What takes time to import, and so is imported while the apps are, in their processes.
_SERVING = "agentcore_mcp.local.serving"
_END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def serve(
    agents: Sequence[HostedAgent],
    *,
    port: int,
    announce: Callable[[str], None],
    limits: Limits,
    auth: AuthSettings,
    faults: Sequence[Fault] = (),
    until_stdin_closes: bool = False,
) -> None:
    """Run a local AgentCore until SIGTERM, SIGINT or SIGHUP.

    Args:
        agents: What it hosts.
        port: The port on 127.0.0.1; 0 takes a free one.
        announce: Called with the endpoint's URL once it listens.
        limits: How long sessions may last.
        auth: What is asked of whoever calls.
        faults: What goes wrong on purpose.
        until_stdin_closes: End also when standard input ends, so when the process that holds it has gone.

    Raises:
        OSError: If the port is taken.
        ConfigurationError: If an app can't be hosted; a sentence for each.
    """
    with listen(port, backlog=_BACKLOG) as listener:
        problems = anyio.run(_serve, listener, agents, announce, limits, auth, faults, until_stdin_closes)
    if problems:
        raise ConfigurationError("\n".join(problems))


async def _serve(
    listener: socket.socket,
    agents: Sequence[HostedAgent],
    announce: Callable[[str], None],
    limits: Limits,
    auth: AuthSettings,
    faults: Sequence[Fault],
    until_stdin_closes: bool,
) -> Sequence[str]:
    # Outermost, so that a second signal can't interrupt the clean-up.
    with anyio.open_signal_receiver(*_END_SIGNALS) as signals, private_folder() as root:
        told_to_end = anyio.Event()
        async with anyio.create_task_group() as tasks:
            check = AppCheck(root, timeout_s=limits.start_timeout_s, show=_show)

            async def listen_to_signals() -> None:
                async for _ in signals:
                    break
                told_to_end.set()
                check.give_up()

            tasks.start_soon(listen_to_signals)
            if until_stdin_closes:
                _signal_at_end_of_stdin()
            tasks.start_soon(anyio.to_thread.run_sync, partial(import_module, _SERVING))
            problems = await check.problems(agents)
            if problems:
                tasks.cancel_scope.cancel()
            elif not told_to_end.is_set():
                from agentcore_mcp.local.serving import serve_until

                await serve_until(
                    told_to_end, listener, root, agents, announce=announce, limits=limits, auth=auth, faults=faults
                )
    return () if told_to_end.is_set() else problems


def _show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _signal_at_end_of_stdin() -> None:
    """Turn the end of standard input into SIGTERM.

    In a thread: it works for whatever standard input is, where an event loop takes pipes but not files.
    """

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="stdin", daemon=True).start()
