"""The calls of a caller that any worker may collect: handed over to a later request, or kept for what was left out.

A call that its own request attends to the end needs nothing of this. Once it is handed over, the worker that reads it
writes it to Redis, and whichever worker has the next request follows it there, by a call of its own whose work is to
read what the other one writes. It goes that way on the same worker, too.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING

from agentcore_mcp.errors import StreamInterruptedError
from agentcore_mcp.server.call import Call, Phase
from agentcore_mcp.server.hosted.store.connection import noting
from agentcore_mcp.server.hosted.store.follower import Follower
from agentcore_mcp.server.hosted.store.keys import call_keys, text_key
from agentcore_mcp.server.hosted.store.record import Record, Stored, Told
from agentcore_mcp.server.hosted.store.writer import GONE_S, Writer
from agentcore_mcp.server.output import Output
from agentcore_mcp.server.sessions import Session
from agentcore_mcp.server.spool import Spool, part_bytes, part_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.server.agents import Agents
    from agentcore_mcp.server.hosted.principals import Principal
    from agentcore_mcp.server.hosted.store.connection import RedisStore

_HANDLE = re.compile(r"[\w-]{8,40}", re.ASCII)
_LET_GO = """
redis.call('DEL', KEYS[2], KEYS[1] .. ':text', KEYS[1] .. ':stdout', KEYS[1] .. ':stderr')
redis.call('HSET', KEYS[1], 'gone', ARGV[1])
redis.call('HDEL', KEYS[1], 'image')
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[3], KEYS[1])
"""
_LEAVE = """
redis.call('HSET', KEYS[1], 'told', ARGV[1])
if redis.call('GET', KEYS[2]) == ARGV[2] then redis.call('DEL', KEYS[2]) end
"""


class _StoredText(Spool):
    """Stands for a text in Redis: how much of it is there."""

    def append(self, text: str) -> None:
        """Keep nothing here."""


class SharedCalls:
    """What ``Calls`` needs of a store.

    Args:
        store: The connection.
        principal: Whose calls.
        agents: Where their agents are found by name.
        kept_max: How many ended ones are kept.

    Attributes:
        tasks: What writes the calls that this worker reads.
    """

    def __init__(self, store: RedisStore, principal: Principal, agents: Agents, *, kept_max: int) -> None:
        self._store = store
        self._agents = agents
        self._kept_max = kept_max
        self._principal = principal.key
        self.tasks: set[asyncio.Task[None]] = set()

    async def named(self, handle: str) -> Call | None:
        """Return what is known of a call, to be followed or read.

        Raises:
            StoreError: If Redis can't be reached.
        """
        if not _HANDLE.fullmatch(handle):
            return None
        key, claim, _ = self._keys(handle)
        async with self._store.reached() as redis, redis.pipeline(transaction=False) as pipeline:
            pipeline.hmget(key, "record", "told", "gone")
            pipeline.exists(claim)
            (written, told_so_far, gone), claimed = await pipeline.execute()
        if written is None:
            return None
        record, told = Record.model_validate_json(written), Told.model_validate_json(told_so_far)
        target = await self._agents.known(record.agent, record.arn)
        outputs = {}
        for name in record.kept:
            output = Output(_StoredText(), record.max_chars, omitted_earlier_chars=told.omitted[name])
            output.spool.kept_bytes, output.spool.dropped_bytes = record.kept[name], record.dropped[name]
            outputs[name] = output
        call = Call(
            record.tool,
            Session(record.session_id, target, record.called),
            "",
            record.waiting_for,
            outputs,
            record.max_chars,
            record.timeout_s,
            handle,
            stored=Stored(record, told, f"{self._store.worker} {secrets.token_hex(8)}"),
        )
        call.finished = record.finished
        call.gone = "" if gone is None else gone.decode()
        going_on = Phase.UNCOLLECTED if record.finished else Phase.UNATTENDED
        call.phase = Phase.GONE if gone else Phase.KEPT if told.kept else Phase.ATTENDED if claimed else going_on
        return call

    async def read(self, call: Call, name: str, offset: int, max_chars: int) -> tuple[str, int]:
        """Return a part of a text, as ``Spool.read`` does.

        Raises:
            StoreError: If Redis can't be reached.
        """
        kept = call.outputs[name].spool.kept_bytes
        if offset >= kept:
            return "", kept
        async with self._store.reached() as redis:
            last = min(offset + part_bytes(max_chars), kept) - 1
            data = await redis.getrange(text_key(self._keys(call.handle)[0], name), offset, last)
        return part_of(data, offset, max_chars)

    async def leave(self, call: Call, done: Callable[[], None]) -> None:
        """Let a later request have a call that goes on.

        Args:
            call: One that this worker reads, which is written from now on, or one that it followed.
            done: Called when the end of one that it reads is written.
        """
        if (stored := call.stored) is not None:
            # Not cancelled: a look that is under way would claim the call after its release.
            stored.left = True
            if (heard := self._store.heard.get(stored.claim)) is not None:
                heard("")
            await asyncio.wait([task for task in [call.task] if task is not None])
            for name, output in call.outputs.items():
                stored.told.said[name] = stored.told.said.get(name, "") + output.held
            await self._release(call)
        else:
            await self._write(call, done, kept=False)

    async def settle(self, call: Call, why: str, done: Callable[[], None]) -> None:
        """Keep what the results of an ended call left out, or note why nothing of it is kept.

        Args:
            call: The call.
            why: As in ``Call.let_go``; "" to keep it.
            done: Called when it is kept, if this worker has its texts.
        """
        if (stored := call.stored) is None:
            if not why:
                await self._write(call, done, kept=True)
        elif stored.claimed and why and stored.record.finished:
            await self._let_go(call, why)
        elif stored.claimed:
            stored.told.kept = stored.record.finished
            await self._release(call)

    async def _write(self, call: Call, done: Callable[[], None], *, kept: bool) -> None:
        """Begin to write a call; its handle is good after that or, if Redis can't be reached, a little later."""
        key = self._keys(call.handle)[0]
        writer = Writer(self._store, self._keys(call.handle), call, kept=kept, kept_max=self._kept_max)
        self._store.heard[key] = lambda _: call.cancel()

        def on_end(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            del self._store.heard[key]
            if call.finished:
                done()

        task = asyncio.create_task(writer.run())
        self.tasks.add(task)
        task.add_done_callback(on_end)
        await writer.tried.wait()

    async def follow(self, call: Call) -> None:
        """Do the work of a call that another request began: bring in what is written of it, to its end.

        Raises:
            Exception: As ``Follower.run``, or what the call failed with.
        """
        stored = _stored(call)
        try:
            await Follower(self._store, self._keys(call.handle), call, stored).run()
        except asyncio.CancelledError:
            if not stored.cancelled:
                tool, handle = call.tool, call.handle
                raise StreamInterruptedError(
                    f"this worker is ending and the call goes on: call {tool} with handle {handle!r} alone"
                ) from None
            await self._let_go(call, "was cancelled with its request")
            await self._store.tell(stored.record.worker, self._keys(call.handle)[0], "cancel")
            raise

    async def _release(self, call: Call) -> None:
        """Let another request claim the call."""
        stored = _stored(call)
        stored.told.omitted |= {name: output.ever_omitted_chars for name, output in call.outputs.items()}
        with noting(f"how much of call {call.handle} was told"):
            await self._store.run(_LEAVE, self._keys(call.handle), stored.told.model_dump_json(), stored.claim)

    async def _let_go(self, call: Call, why: str) -> None:
        with noting(f"that call {call.handle} {why}"):
            await self._store.run(_LET_GO, self._keys(call.handle), why, GONE_S)

    def _keys(self, handle: str) -> list[str]:
        return call_keys(self._principal, handle)


def _stored(call: Call) -> Stored:
    assert call.stored is not None  # noqa: S101 - it came from named()
    return call.stored
