"""A caller's calls that any worker can collect: handed over to a later request, or kept for output that was left out.

A call whose own request waits for its end needs none of this. Once a call is handed over, the worker that reads its
response writes it to Redis, and the worker that gets the next request follows it there, with a call of its own that
reads what the first one writes. This is so even if both are the same worker.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from agentcore_mcp.server.call import Call, Phase
from agentcore_mcp.server.hosted.shells import InShell
from agentcore_mcp.server.hosted.store.follower import Follower
from agentcore_mcp.server.hosted.store.keys import call_keys, text_key
from agentcore_mcp.server.hosted.store.record import Record, Told
from agentcore_mcp.server.hosted.store.writer import write_call
from agentcore_mcp.server.live.log import LIVE, LOOK_S, LiveLog
from agentcore_mcp.server.output import Output
from agentcore_mcp.server.sessions import Session
from agentcore_mcp.server.spool import part_bytes, part_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.server.agents import Agents
    from agentcore_mcp.server.hosted.principals import Principal
    from agentcore_mcp.server.hosted.store.connection import RedisStore

_HANDLE = re.compile(r"[\w-]{8,40}", re.ASCII)


class _Stored(LiveLog):
    """A text or the log of a call in Redis: knows how much of it was there when the call was looked up."""

    def append(self, text: str) -> None:
        """Do nothing: the text is kept in Redis."""

    async def news(self) -> None:
        """Wait until it is time to look the call up again: the worker that reads it need not know who watches."""
        await asyncio.sleep(LOOK_S)


class SharedCalls:
    """The part of ``Calls`` that needs a store.

    Args:
        store: The connection.
        principal: The caller whose calls these are.
        agents: Finds the calls' agents by name.
        kept_max: How many ended calls are kept.

    Attributes:
        tasks: The tasks that write the calls that this worker reads.
    """

    def __init__(self, store: RedisStore, principal: Principal, agents: Agents, *, kept_max: int) -> None:
        self._store = store
        self._agents = agents
        self._kept_max = kept_max
        self._principal = principal.key
        self.tasks: set[asyncio.Task[None]] = set()

    async def named(self, handle: str) -> Call | None:
        """Return a call as it is known here, to be followed or read.

        Raises:
            StoreError: If Redis can't be reached.
        """
        if not _HANDLE.fullmatch(handle):
            return None
        key, claim, _ = keys = call_keys(self._principal, handle)
        async with self._store.reached() as redis, redis.pipeline(transaction=False) as pipeline:
            pipeline.hmget(key, "record", "told", "gone")
            pipeline.exists(claim)
            (written, told_so_far, gone), claimed = await pipeline.execute()
        if written is None:
            return None
        record, told = Record.model_validate_json(written), Told.model_validate_json(told_so_far)
        target = await self._agents.known(record.agent, record.arn)
        outputs, spools = {}, {name: _Stored() for name in record.kept}
        for name, spool in spools.items():
            spool.kept_bytes, spool.dropped_bytes = record.kept[name], record.dropped[name]
            if name != LIVE:
                outputs[name] = Output(spool, record.max_chars, omitted_earlier_chars=told.omitted[name])
        call = Call(
            record.tool,
            Session(record.session_id, target, record.called),
            "",
            record.waiting_for,
            outputs,
            record.max_chars,
            record.timeout_s,
            None if record.shell is None else InShell(*record.shell),
            handle,
            stored=Follower(self._store, keys, record, told),
            live=spools.get(LIVE),
        )
        call.finished = record.finished
        record.tell(call)
        call.gone = "" if gone is None else gone.decode()
        going_on = Phase.UNCOLLECTED if record.finished else Phase.UNATTENDED
        call.phase = Phase.GONE if gone else Phase.KEPT if told.kept else Phase.ATTENDED if claimed else going_on
        return call

    async def read(self, call: Call, name: str, offset: int, max_chars: int) -> tuple[str, int]:
        """Return a part of a text, as ``Spool.read`` does.

        Raises:
            StoreError: If Redis can't be reached.
        """
        kept = call.spools[name].kept_bytes
        if offset >= kept:
            return "", kept
        async with self._store.reached() as redis:
            last = min(offset + part_bytes(max_chars), kept) - 1
            data = await redis.getrange(text_key(call_keys(self._principal, call.handle)[0], name), offset, last)
        return part_of(data, offset, max_chars)

    async def leave(self, call: Call, done: Callable[[], None]) -> None:
        """Release a running call to a later request.

        Args:
            call: A call that this worker reads, and writes to Redis from now on, or one that it followed.
            done: Called when the end of a call that this worker reads is written.
        """
        if call.stored is None:
            await self._write(call, done, kept=False)
        else:
            await call.stored.leave(call)

    async def settle(self, call: Call, why: str, done: Callable[[], None]) -> None:
        """Keep what the results of an ended call left out, or note why nothing of it is kept.

        Args:
            call: The call.
            why: As in ``Call.let_go``; "" to keep it.
            done: Called when it is kept, if this worker has its texts.
        """
        if call.stored is not None:
            await call.stored.settle(call, why)
        elif not why:
            await self._write(call, done, kept=True)

    async def _write(self, call: Call, done: Callable[[], None], *, kept: bool) -> None:
        """Begin to write a call; its handle is good after that or, if Redis can't be reached, a little later."""
        keys, tried = call_keys(self._principal, call.handle), asyncio.Event()
        # Taken now, not when the task runs: by then there may be more output, which no result has shown.
        told = Told.of(call, kept=kept)
        self._store.heard[keys[0]] = lambda _: call.cancel(by_user=True)

        def on_end(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            del self._store.heard[keys[0]]
            if call.finished:
                done()

        task = asyncio.create_task(write_call(self._store, keys, call, told, tried, kept_max=self._kept_max))
        self.tasks.add(task)
        task.add_done_callback(on_end)
        await tried.wait()
