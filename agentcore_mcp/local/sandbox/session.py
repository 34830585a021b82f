"""A session: a working directory, an agent, and background processes of commands, under one id.

`sessions` creates them and decides when they end.
"""

from __future__ import annotations

import secrets
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import httpx2

from agentcore_mcp.local.line.refusals import Refusal, session_starting
from agentcore_mcp.local.sandbox.agent import AgentProcess
from agentcore_mcp.local.sandbox.processes import Processes
from agentcore_mcp.local.sandbox.targets import AgentUrl
from agentcore_mcp.wire.characters import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from anyio.abc import TaskGroup

    from agentcore_mcp.local.sandbox.limits import Limits
    from agentcore_mcp.local.sandbox.targets import AgentApp, AgentCommand, HostedAgent

# How long to wait for an agent's exit after its connection breaks; without one by then, the agent counts as alive.
EXIT_NOTICE_S = 2.0
# Between two attempts to reach an agent that does not listen yet.
_LOOK_AGAIN_S = 0.05
# An agent with a blocked event loop does not answer; the service treats it as unhealthy, we only as not busy.
_PING_TIMEOUT_S = 2.0


class Session:
    """One session.

    Attributes:
        starting: Whether its first call is waiting for it to start.
        stopping: Set when it starts to end. From then on, no response of it may look complete.
        why: Why it ends, as a sentence for clients whose requests are interrupted.
        ended: Set when its processes and its directory are gone.
        processes: Its processes.
        mcp_session_id: Its ``Mcp-Session-Id`` for clients of an MCP server: its own id, or one assigned by the server.
        endpoint: Its name in the URL of its endpoint; other callers can't guess it.
    """

    def __init__(
        self,
        session_id: str,
        directory: Path,
        hosted: HostedAgent,
        tasks: TaskGroup,
        client: httpx2.AsyncClient,
        limits: Limits,
        *,
        runtime_url: str,
    ) -> None:
        self.id = self.mcp_session_id = session_id
        self.directory = directory
        self.hosted = hosted
        self.active = 0
        self.starting = False
        self._started = False
        self.stopping = anyio.Event()
        self.why = ""
        self.ended = anyio.Event()
        self.processes = Processes(directory, tasks)
        self.endpoint = secrets.token_urlsafe(16)
        self._agent: AgentProcess | AgentUrl | None = None
        self._tasks = tasks
        self._client = client
        self._limits = limits
        self._runtime_url = runtime_url
        self._starting = anyio.Lock()
        self._calls: set[anyio.CancelScope] = set()
        self._created = self._last_used = time.monotonic()

    @property
    def agent_process(self) -> AgentProcess | None:
        """Return its agent's process, once there is one."""
        return self._agent if isinstance(self._agent, AgentProcess) else None

    @property
    def age_s(self) -> float:
        """Return its age in seconds."""
        return time.monotonic() - self._created

    @property
    def idle_s(self) -> float:
        """Return how long it has been idle, in seconds."""
        return 0.0 if self.active else time.monotonic() - self._last_used

    def left_s(self) -> float:
        """Return the seconds until it ends if it stays idle; 0 or less if it is due."""
        return min(self._limits.idle_timeout_s - self.idle_s, self._limits.max_lifetime_s - self.age_s)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count the session as active inside the block."""
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1
            self._last_used = time.monotonic()

    async def start(self, *, with_agent: bool, delay_s: float = 0.0) -> None:
        """Start it at its first call. As in the service, other calls are refused until it has started.

        Args:
            with_agent: Whether this call needs the agent; a session may begin with a command.
            delay_s: An extra delay of the start.

        Raises:
            Refusal: If it is starting for another call, or can't be started.
        """
        if self._started:
            return
        if self.starting:
            raise session_starting(self.id)
        self.starting = True
        try:
            with self.until_it_ends():
                await anyio.sleep(delay_s)
            if with_agent:
                await self.agent()
            self._started = True
        finally:
            self.starting = False

    async def agent(self) -> AgentProcess | AgentUrl:
        """Return the agent; the first call starts it, and returns once it answers.

        Raises:
            Refusal: If it can't be started.
        """
        async with self._starting:
            if self._agent is None:
                target = self.hosted.target
                if isinstance(target, AgentUrl):
                    self._agent = target
                else:
                    self._agent = process = await self._start(target)
                    await self._until_it_answers(process)
            return self._agent

    @contextmanager
    def until_it_ends(self) -> Iterator[None]:
        """Cancel the block when the session ends.

        Raises:
            Refusal: If the session ended.
        """
        with anyio.CancelScope() as scope:
            self._calls.add(scope)
            try:
                yield
            finally:
                self._calls.discard(scope)
        if scope.cancelled_caught:
            raise Refusal("RuntimeClientError", self.why)

    async def notice_busy_agent(self) -> None:
        """Ping the agent of an idle session, and count the session as used now if the agent is busy."""
        if self.active or self._agent is None or self.stopping.is_set():
            return
        health = None
        unknown = suppress(httpx2.RequestError, Refusal, ValueError, RecursionError)
        with unknown, anyio.move_on_after(_PING_TIMEOUT_S), self.until_it_ends():
            health = (await self._client.get(f"{self._agent.base_url}/ping")).json()
        # As reported about the service: without the time, HealthyBusy does not defer the idle timeout.
        match health:
            case {"status": "HealthyBusy", "time_of_last_update": int() | float()}:
                self._last_used = time.monotonic()

    async def why_broken(self) -> str:
        """Return why the agent's connection broke: the agent exited, the session was stopped, or the agent hung up."""
        if isinstance(self.hosted.target, AgentUrl):
            return f"The agent at {self.hosted.target.base_url} does not answer, or not to the end."
        with anyio.move_on_after(EXIT_NOTICE_S):
            await self.stopping.wait()
        return self.why or "The agent closed the connection before its answer was complete."

    def background(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run work that outlives the request that starts it."""
        self._tasks.start_soon(work)

    def stop(self, why: str) -> None:
        """Start to end it; only the first reason counts."""
        self.why = self.why or why
        self.stopping.set()
        for call in self._calls:
            call.cancel()

    async def kill(self) -> None:
        """Kill everything that runs in the session."""
        if self.agent_process is not None:
            await self.agent_process.quit()
        await self.processes.kill()

    async def _start(self, target: AgentApp | AgentCommand) -> AgentProcess:
        try:
            process = await AgentProcess.start(target, cwd=self.directory, runtime_url=self._runtime_url)
        except OSError as exc:
            message = f"The agent process could not be started: {exc.strerror}"
            raise Refusal("InternalServerException", message) from None
        self.processes.adopt(process.job)
        self._tasks.start_soon(self._run_agent, process)
        return process

    async def _until_it_answers(self, agent: AgentProcess) -> None:
        with anyio.move_on_after(self._limits.start_timeout_s):
            while not self.stopping.is_set():
                try:
                    # Any status and body will do.
                    async with self._client.stream("GET", f"{agent.base_url}/ping"):
                        return
                except httpx2.TransportError:
                    await anyio.sleep(_LOOK_AGAIN_S)
        # The service's message.
        limit = f"Please make sure that initialization completes in {self._limits.start_timeout_s:g}s."
        self.stop(f"Runtime initialization time exceeded. {limit}")
        raise Refusal("RuntimeClientError", self.why)

    async def _run_agent(self, agent: AgentProcess) -> None:
        await agent.run(self._show)
        if not self.stopping.is_set():
            self.stop(agent.failure())
            self._show(self.why)

    def _show(self, line: str) -> None:
        # Keep running if standard error is closed, or its disk is full.
        if sys.stderr is not None:
            with suppress(OSError):
                print(visible(f"[{self.id}] {line.expandtabs()}"), file=sys.stderr, flush=True)  # noqa: T201
