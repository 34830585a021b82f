"""``agentcore-mcp demo``: the whole main job, shown step by step in a terminal.

A real MCP client starts this package's server as a subprocess; the server calls the local AgentCore over HTTP, which
hosts the sample agent and runs real commands. Every step checks what it shows.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

import anyio
import click

from agentcore_mcp.cli.options import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp import Client
    from mcp.client.session import ClientRequestContext, ElicitationFnT
    from mcp.types import ElicitRequestParams, ElicitResult
    from rich.console import Console

# The steps take a few seconds; a demo that takes a minute has failed.
TIME_LIMIT_S = 60
STOP_LIMIT_S = 5
# A piece counts as streamed if it arrives this long before the whole answer.
LIVE_S = 0.5
_EXIT_CODE = 3
_SHOWN_CHARS = 400
# The session name for calls of an MCP server's tools, whose results contain no session id.
_NAME = "demo"
# -P: the folder that the demo is started in is no place to import this package from.
_SERVER = ["-P", "-m", "agentcore_mcp"]


class DemoFailedError(Exception):
    """A step did not have the expected result."""


@click.command()
@click.option("--http", "over_http", is_flag=True, help="Talk to the server over streamable HTTP instead of stdio.")
@click.option("--protocol", default="http", show_default=True, type=PROTOCOLS, help="What the sample agent speaks.")
def demo(*, over_http: bool, protocol: str) -> None:
    """Show the main job on this machine: ask an agent, run a command, stop the session.

    Needs no account and no network. Exits with 0 only if every step did what it should.
    """
    from rich.console import Console

    from agentcore_mcp.local.settings import need_posix

    need_posix()
    # Failures are reported below. When Ctrl-C ends client and server at once, the client's log would show a traceback.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    console = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        server_log = cast("TextIO", file)
        try:
            anyio.run(_demo, console, over_http, protocol, server_log)
        except Exception as failure:  # noqa: BLE001 - whatever it was, the demo has failed, and says so
            console.print("  [red]✗[/]", end=" ")
            console.print(_reason(failure), markup=False)
            server_log.seek(0)
            click.echo(server_log.read()[-4000:], err=True)
            sys.exit(1)


def _reason(failure: BaseException) -> str:
    """Return the cause of a failure, unwrapped from the exception groups of the transports' tasks."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if isinstance(failure, TimeoutError):
        return f"not done within {TIME_LIMIT_S} s"
    return str(failure) if isinstance(failure, DemoFailedError) else f"{type(failure).__name__}: {failure}"


async def _demo(console: Console, over_http: bool, protocol: str, server_log: TextIO) -> None:
    started = time.monotonic()
    line = "streamable HTTP" if over_http else "stdio"
    agent = "sample agent" if protocol == "http" else f"sample agent ({protocol})"
    console.print(f"[bold]MCP client → {line} → agentcore-mcp → HTTP → local AgentCore → {agent}")
    client_of = _http_client if over_http else _stdio_client
    with anyio.fail_after(TIME_LIMIT_S):
        async with client_of(["--local", "--protocol", protocol], server_log, _person(console)) as client:
            await _Conversation(console, client, protocol).run()
    console.print(f"\n[bold green]✓ every step did what it should, in {time.monotonic() - started:.1f} s")


class _Conversation:
    """The steps, each with a check of its result; they differ between protocols only where the protocols do."""

    def __init__(self, console: Console, client: Client, protocol: str) -> None:
        self._console = console
        self._client = client
        self._protocol = protocol
        self._steps = 0

    async def run(self) -> None:
        await self._list_tools()
        session_id = await self._ask()
        await self._remember(session_id)
        await self._pause(session_id)
        await self._command(session_id)
        await self._stop(session_id)

    async def _list_tools(self) -> None:
        self._title("List the tools")
        tools = (await self._client.list_tools()).tools
        for tool in tools:
            self._console.print(f"  {tool.name:15}  [dim]{tool.title}")
        needed = {"call_agent_tool" if self._protocol == "mcp" else "invoke_agent", "run_command", "stop_session"}
        self._check({tool.name for tool in tools} >= needed, "the tools of the main job are there")

    async def _ask(self) -> str:
        self._title("Ask the agent, and read its words while it works")
        answer, first_s, total_s = await self._say("slow 3")
        self._check(
            total_s - first_s > LIVE_S, f"the first words were here {total_s - first_s:.1f} s before the result"
        )
        self._check("piece 3 of 3" in answer["text"], "the result carries the whole answer, and the session's id")
        return str(answer["session_id"])

    async def _remember(self, session_id: str) -> None:
        self._title("Go on in the same session, which remembers")
        await self._say("remember the launch code is 4711", session_id)
        answer, *_ = await self._say("what did I say?", session_id)
        self._check("4711" in answer["text"], "the agent remembers what was said in its session")

    async def _pause(self, session_id: str) -> None:
        if self._protocol == "mcp":
            self._title("List the agent's own tools")
            listed, *_ = await self._call("list_agents", agent="local_agent")
            self._check("deploy" in listed["tools"], "the tools of the agent are there, with their arguments")
            self._title("Call a tool that asks a person first")
            done, *_ = await self._call_tool("deploy", {"what": "the launch code"})
            self._check(done["result"] == "Deployed the launch code.", "the person's answer has reached the tool")
        elif self._protocol in ("a2a", "agui"):
            self._title("Answer the agent's question")
            asked, *_ = await self._say("ask Shall I launch?", session_id)
            self._check(asked.get("status") == "INPUT_REQUIRED", "the agent's question ends the call")
            answer, *_ = await self._say("yes", session_id)
            self._check("You answered" in answer["text"], "the next call in the session has answered it")

    async def _command(self, session_id: str) -> None:
        self._title("Run a command in the agent's environment, and watch its output")
        command = f"echo one; sleep 1; echo two | tee found.txt; echo careful >&2; exit {_EXIT_CODE}"
        outcome, first_s, total_s = await self._call("run_command", command=command, session_id=session_id)
        self._check(total_s - first_s > LIVE_S, f"the first line was here {total_s - first_s:.1f} s before the result")
        self._check(
            (outcome["stdout"], outcome["stderr"]) == ("one\ntwo\n", "careful\n"), "stdout and stderr are kept apart"
        )
        self._check(outcome["exit_code"] == _EXIT_CODE, f"exit code {_EXIT_CODE} is a result, not an error")
        answer, *_ = await self._say("files", session_id)
        self._check("found.txt" in answer["text"], "the agent sees the file that the command wrote")

    async def _stop(self, session_id: str) -> None:
        self._title("Stop the session")
        outcome, *_ = await self._call("stop_session", session_id=session_id)
        self._check(outcome["status"] == "stopped", "the session is stopped")
        gone, *_ = await self._call("run_command", command="ls -A | wc -l", session_id=session_id)
        self._check(gone["stdout"].strip() == "0", "the same id is a new, empty session now")
        await self._call("stop_session", session_id=session_id)

    async def _say(self, prompt: str, session_id: str = "") -> tuple[dict[str, Any], float, float]:
        """Ask the agent; the sample MCP server has a tool for that."""
        if self._protocol == "mcp":
            answer, first_s, total_s = await self._call_tool("ask", {"prompt": prompt})
            return {"text": answer["result"], "session_id": _NAME}, first_s, total_s
        return await self._call("invoke_agent", prompt=prompt, **({"session_id": session_id} if session_id else {}))

    async def _call_tool(self, tool: str, arguments: dict[str, str]) -> tuple[dict[str, Any], float, float]:
        return await self._call("call_agent_tool", tool=tool, arguments=arguments, session_id=_NAME)

    async def _call(self, tool: str, /, **arguments: Any) -> tuple[dict[str, Any], float, float]:
        """Call a tool; return its structured result, and after how many seconds its first words and its end came."""
        self._console.print(f"  → [cyan]{tool}[/] {json.dumps(arguments)}")
        started = time.monotonic()
        first_s: float | None = None

        async def show(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
            nonlocal first_s
            at = time.monotonic() - started
            if not (message or "").startswith("session_id: "):
                first_s = at if first_s is None else first_s
            self._console.print(f"    {at:5.2f} s  {_excerpt(message or '', indent=14)}", markup=False)

        result = await self._client.call_tool(tool, arguments, progress_callback=show)
        total_s = time.monotonic() - started
        text = "\n".join(block.text for block in result.content if block.type == "text")
        self._console.print(f"  ← {total_s:5.2f} s  {_excerpt(text, indent=14)}", markup=False)
        if result.is_error or result.structured_content is None:
            raise DemoFailedError(f"{tool} answered with an error")
        return result.structured_content, total_s if first_s is None else first_s, total_s

    def _title(self, text: str) -> None:
        self._steps += 1
        self._console.print(f"\n[bold]{self._steps}. {text}")

    def _check(self, holds: bool, what: str) -> None:
        if not holds:
            raise DemoFailedError(f"this should have been true: {what}")
        self._console.print(f"  [green]✓[/] {what}")


def _excerpt(text: str, *, indent: int) -> str:
    shown = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
    return ("\n" + " " * indent).join(line for line in shown.split("\n") if line.strip())


def _person(console: Console) -> ElicitationFnT:
    """Return a stand-in for the host's user, which shows each elicitation and approves it."""
    from mcp.types import ElicitResult

    async def approve(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001
        console.print(f"     user     {_excerpt(params.message, indent=14)} → yes", markup=False)
        return ElicitResult(action="accept", content={"approved": True})

    return approve


@asynccontextmanager
async def _stdio_client(options: list[str], server_log: TextIO, person: ElicitationFnT) -> AsyncIterator[Client]:
    from mcp import Client, StdioServerParameters, stdio_client

    server = StdioServerParameters(command=sys.executable, args=[*_SERVER, *options])
    async with Client(stdio_client(server, errlog=server_log), elicitation_callback=person) as client:
        yield client


@asynccontextmanager
async def _http_client(options: list[str], server_log: TextIO, person: ElicitationFnT) -> AsyncIterator[Client]:
    from anyio.streams.buffered import BufferedByteReceiveStream
    from mcp import Client

    command = [sys.executable, *_SERVER, "serve", *options, "--port", "0"]
    async with await anyio.open_process(command, stdout=None) as server, anyio.create_task_group() as tasks:
        assert server.stderr is not None  # noqa: S101 - open_process makes a pipe of it
        log = BufferedByteReceiveStream(server.stderr)

        async def keep_log() -> None:
            async for data in log:
                server_log.write(data.decode("utf-8", "replace"))

        try:
            announcement = (await log.receive_until(b"\n", max_bytes=1000)).decode()
            tasks.start_soon(keep_log)
            async with Client(announcement.split()[-1], elicitation_callback=person) as client:
                yield client
        finally:
            server.terminate()
            with anyio.move_on_after(STOP_LIMIT_S, shield=True):
                await server.wait()
            tasks.cancel_scope.cancel()
