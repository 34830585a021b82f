"""A2A: an agent answers with a task, which continues even if its event stream ends.

A message is sent once. If the connection is cut, or the answer ends before the task does, ``tasks/get`` polls the task.
``tasks/resubscribe`` would be no better: it doesn't repeat earlier events, and ``a2a-sdk`` 0.3.26 adds each piece of an
artifact to the task again for every subscriber (measured). The messages are in ``wire.a2a``.
"""

from __future__ import annotations

import uuid
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from agentcore_mcp.errors import (
    AgentError,
    ProtocolError,
    ResponseTimeoutError,
    StreamInterruptedError,
    TransportError,
)
from agentcore_mcp.runtime.protocols.turn import Route, Turn, TurnAnswer, answer_to
from agentcore_mcp.runtime.timeouts import READ_TIMEOUT_S
from agentcore_mcp.wire.a2a import UNKNOWN_METHOD, UNSUPPORTED, V0_3, V1_0, Version, request, update_in
from agentcore_mcp.wire.reports import is_too_much, parsed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from contextlib import AbstractAsyncContextManager

    from agentcore_mcp.wire.dialects.a2a import Update

# The ways to send a message (version, streaming), in order of preference. Only the first turn of a session tries them:
# an agent that doesn't support one has run nothing.
_WAYS = ((V0_3, True), (V1_0, True), (V0_3, False), (V1_0, False))
# Polling of a task: timeout of a poll, how many may fail in a row, and the pauses between polls, which grow while the
# task is unchanged.
LOOK_TIMEOUT_S = 30.0
FAILED_LOOKS_MAX = 3
LOOK_PAUSE_S, LOOK_PAUSE_MAX_S = 0.2, 3.0
# How long to keep reading a stream after its task has ended or waits for input: some agents leave it open.
LEFT_OPEN_S = 2.0
CARD_MAX_CHARS = 1_000_000
# Limit of the ids, which are stored with the session and sent in each turn.
_ID_MAX_CHARS = 1_000


class A2AAgent:
    """An agent that speaks A2A, version 0.3 or 1.0.

    Args:
        route: The route to the agent. An agent that supports only 1.0 needs the header ``A2A-Version``, which its
            runtime has to pass on.
    """

    def __init__(self, route: Route) -> None:
        self._route = route

    @asynccontextmanager
    async def ask(self, turn: Turn) -> AsyncGenerator[TurnAnswer, None]:
        """Send a message, and yield its answer until the task has ended or waits for a person.

        ``kept`` has the id of the conversation and, until the task has ended, that of the task; a turn that answers a
        pause is sent to that task.

        Raises:
            AgentError: Also if the agent refuses the message, or the task fails.
            WrongProtocolError: If the answer is in another protocol.
        """
        way = turn.kept.get("way", 0)
        while True:
            version, streams = _WAYS[way]
            known = ("contextId", "taskId") if turn.pauses else ("contextId",)
            ids = {name: turn.kept[name] for name in known if name in turn.kept}
            run = _Run(self._route, version, turn.session_id, {**ids, **({"way": way} if way else {})})
            method = version.stream if streams else version.send
            async with run.call(method, version.message(turn.prompt, str(uuid.uuid4()), ids)) as answer:
                try:
                    first = await anext(answer.batches, list[str]())
                except AgentError as error:
                    if turn.kept:  # this way worked before
                        raise
                    way = _next_way(way, error)
                    continue
                async with aclosing(run.to_the_end(first, answer.batches)) as batches:
                    yield replace(answer, batches=batches, card=partial(self.card, answer.session_id))
                return

    async def cancel(self, turn: Turn) -> None:
        """Cancel the task that is still running since an earlier turn, if any.

        Args:
            turn: The session, and ``kept`` of the previous answer.

        Raises:
            AgentCoreError: If the task can't be cancelled.
        """
        if "taskId" in turn.kept:
            version, _ = _WAYS[turn.kept.get("way", 0)]
            run = _Run(self._route, version, turn.session_id, dict(turn.kept))
            await run.look(version.cancel, turn.kept["taskId"])

    async def card(self, session_id: str | None = None) -> dict[str, Any]:
        """Return the agent card from GetAgentCard; callers with AWS credentials need the permission of that name.

        Args:
            session_id: The session to get it from; None begins a new one.

        Raises:
            AgentCoreError: If the card can't be retrieved.
        """
        route = self._route
        async with route.client.agent_card(
            route.runtime, session_id=session_id, qualifier=route.qualifier, headers=route.headers
        ) as answer:
            body = ""
            async for piece in answer:
                body += piece
                if len(body) > CARD_MAX_CHARS:
                    raise ProtocolError(f"the agent card has more than {CARD_MAX_CHARS:,} characters")
        if isinstance(card := parsed(body), dict):
            return card
        raise ProtocolError(f"the agent card is no JSON object: {body[:200]!r}")


def _next_way(way: int, error: AgentError) -> int:
    """Return the next way to send a message, if the agent doesn't support this one.

    Raises:
        AgentError: The error itself, if it has another reason.
    """
    if error.error_type == UNKNOWN_METHOD and way + 1 < len(_WAYS):
        return way + 1
    if error.error_type == UNSUPPORTED and _WAYS[way][1]:
        return way + 2
    raise error


class _Run:
    """The answer to one message, polls included. ``kept`` has the task's id only until the task has ended."""

    def __init__(self, route: Route, version: Version, session_id: str, kept: dict[str, Any]) -> None:
        self._route = route
        self._version = version
        self._session_id = session_id
        self.kept = kept
        # The same JSON-RPC id for all requests, so that unchanged answers compare equal.
        self._id = str(uuid.uuid4())
        self._last: Update | None = None

    @property
    def _goes_on(self) -> bool:
        return "taskId" in self.kept and not (self._last is not None and self._last.paused)

    def call(
        self, method: str, params: Mapping[str, Any], *, read_timeout_s: float | None = None
    ) -> AbstractAsyncContextManager[TurnAnswer]:
        """Call a method, and track the task through the pieces of its answer."""
        body, headers = request(method, params, self._id), self._version.headers
        invoking = self._route.invoke(body, self._session_id, headers=headers, read_timeout_s=read_timeout_s)
        return answer_to(invoking, self._note, self.kept)

    async def to_the_end(
        self, first: list[str], pieces: AsyncGenerator[list[str], None]
    ) -> AsyncGenerator[list[str], None]:
        """Yield the pieces of an answer, and poll the task if it isn't finished by then."""
        try:
            batch = first
            while batch:
                yield batch
                batch = await self._more(pieces)
        except StreamInterruptedError:
            if self._last is None and not self._goes_on:
                raise
        if self._goes_on:
            async with aclosing(self._followed(self.kept["taskId"])) as batches:
                async for batch in batches:
                    yield batch
        if self._last is not None and self._last.failed:
            raise AgentError(self._last.text or f"the task is {self._last.state}", f"A2A task {self._last.state}")

    async def _more(self, pieces: AsyncGenerator[list[str], None]) -> list[str]:
        """Return the next pieces; empty at the end, or if the stream stays open after its task has ended."""
        settled = self._last is not None and self._last.state and not self._goes_on
        batch: list[str] = []
        with anyio.move_on_after(LEFT_OPEN_S) if settled else nullcontext():
            batch = await anext(pieces, batch)
        return batch  # noqa: RET504 - the scope may have been left before it was set

    async def look(self, method: str, task_id: str, **more: int) -> list[str]:
        """Call a method for a task, and return the pieces of its answer up to the first with an update of the task."""
        before, found = self._last, list[str]()
        async with self.call(method, {"id": task_id, **more}, read_timeout_s=LOOK_TIMEOUT_S) as answer:
            async for batch in answer.batches:
                found += batch
                if any(map(is_too_much, batch)):
                    raise ProtocolError(f"the task {task_id!r} has grown too large to be followed; it may go on")
                if self._last is not before:
                    break
        return found

    async def _followed(self, task_id: str) -> AsyncGenerator[list[str], None]:
        """Poll a task and yield it whenever it has changed, until it has ended or waits for a person.

        Raises:
            ResponseTimeoutError: If the task is unchanged for as long as an agent may be silent.
            TransportError: If polling fails too often.
        """
        silence_s = self._route.read_timeout_s or READ_TIMEOUT_S
        pause_s, known, since, failed = LOOK_PAUSE_S, list[str](), anyio.current_time(), 0
        while self._goes_on:
            found = known
            try:
                found, failed = await self.look(self._version.get, task_id, historyLength=1), 0
            except TransportError:
                failed, pause_s = failed + 1, max(pause_s, 1.0)
                if failed > FAILED_LOOKS_MAX:
                    raise
            if found != known:
                pause_s, known, since = LOOK_PAUSE_S, found, anyio.current_time()
                yield found
            elif anyio.current_time() - since > silence_s:
                raise ResponseTimeoutError(f"the task {task_id!r} told nothing for {silence_s:g} s; it may go on")
            if self._goes_on:
                await anyio.sleep(pause_s)
                pause_s = min(2 * pause_s, LOOK_PAUSE_MAX_S)

    def _note(self, piece: str) -> None:
        if (update := update_in(piece, self._id)) is None:
            return
        if len(update.context_id + update.task_id) > _ID_MAX_CHARS:
            raise ProtocolError(f"the ids of the task have more than {_ID_MAX_CHARS:,} characters")
        if update.context_id:
            self.kept["contextId"] = update.context_id
        if update.ended:
            self.kept.pop("taskId", None)
        else:
            self.kept["taskId"] = update.task_id
        if update.state or not update.task_id:
            self._last = update
