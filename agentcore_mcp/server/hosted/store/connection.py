"""The connection of a worker to Redis: its commands, the messages between workers, and the sign that it is alive.

No token and no prompt is ever written.

Each worker listens on two channels, its own and everybody's, and a message names the call or request it is about: the
subscriptions never change, so a connection that is lost and made anew has them all. Who waits for a message looks by
itself every few seconds, since Redis delivers a message once or never.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from agentcore_mcp.errors import AgentCoreError, ConfigurationError
from agentcore_mcp.server.hosted.principals import Principal
from agentcore_mcp.server.hosted.store.keys import EVERYBODY, PRINCIPALS, once_key, worker_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence


# How long one operation may take with all its attempts, and how long a connection.
LIMIT_S = 5.0
_CONNECT_LIMIT_S = 2.0
_CONNECTIONS_MAX = 64
# A worker is taken to be alive this long after it last said so.
LEASE_S = 15
BEAT_S = 5.0
# A confirmation is valid for ten minutes.
_ONCE_S = 900

logger = logging.getLogger(__name__)


class StoreError(AgentCoreError):
    """Redis can't be reached, or refused a command."""


class RedisStore:
    """What one worker reads and writes of all that the workers share.

    Args:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``, with user, password and options as redis-py takes them.

    Raises:
        ConfigurationError: If redis-py is not installed or can't use the URL.

    Attributes:
        worker: What this worker is known by.
        errors: How many operations failed, for metrics.
        heard: What is told about what a message of another worker names: by a call's key or a shell's, or ``CANCELLED``
            which request was cancelled.
    """

    def __init__(self, url: str) -> None:
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import ExponentialBackoff

            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=_CONNECTIONS_MAX,
                timeout=LIMIT_S,
                retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), retries=20),
                # An operation has a limit as a whole. Of a timeout of the socket redis-py makes asyncio.wait_for, which
                # loses cancellations before Python 3.12.
                socket_timeout=None,
                socket_connect_timeout=_CONNECT_LIMIT_S,
                socket_keepalive=True,
            )
            # What it says of text in the URL would change each answer.
            pool.connection_kwargs.pop("decode_responses", None)
            # Not connected yet: only this looks at the options of the URL.
            pool.make_connection()  # type: ignore[no-untyped-call]
        except ImportError as error:
            raise ConfigurationError("server.store needs redis-py: pip install 'agentcore-mcp[redis]'") from error
        except (ValueError, TypeError) as error:
            # Its message may have the password.
            raise ConfigurationError("server.store is a URL that redis-py can't use") from type(error)()
        self._redis = Redis(connection_pool=pool)
        self.worker = secrets.token_hex(8)
        self.errors = 0
        self.heard: dict[str, Callable[[str], object]] = {}
        self._scripts: dict[str, Any] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Be one of the workers inside the block. It begins also if Redis can't be reached yet."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._stay_alive())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._redis.aclose(close_connection_pool=True)

    @asynccontextmanager
    async def reached(self, limit_s: float | None = LIMIT_S) -> AsyncIterator[Any]:
        """Give the client, a ``Redis`` of redis-py whose annotations leave open what it returns, to a block.

        redis-py repeats each command until it succeeds.

        Args:
            limit_s: How long the block may take.

        Raises:
            StoreError: If Redis can't be reached all that time, or refuses a command.
        """
        from redis.exceptions import RedisError

        try:
            async with asyncio.timeout(limit_s):
                yield self._redis
        except (RedisError, OSError, TimeoutError) as error:
            self.errors += 1
            raise StoreError(
                f"the store of this server failed or can't be reached ({type(error).__name__}), and this request sent "
                "nothing; call again in a minute"
            ) from error

    async def run(self, script: str, keys: Sequence[str], *args: Any) -> Any:
        """Run a Lua script, which Redis carries out as one step.

        Raises:
            StoreError: If it can't be run.
        """
        if script not in self._scripts:
            self._scripts[script] = self._redis.register_script(script)
        async with self.reached():
            return await self._scripts[script](keys, args)

    async def beat(self) -> None:
        """Write that this worker is alive.

        Raises:
            StoreError: If Redis doesn't take it, as one that is full or a read-only replica.
        """
        async with self.reached() as redis:
            await redis.set(worker_key(self.worker), 1, ex=LEASE_S)

    async def once(self, token: str) -> bool:
        """Tell whether any worker is asked about a text for the first time, within the time that one is valid."""
        async with self.reached() as redis:
            return bool(await redis.set(once_key(token), self.worker, nx=True, ex=_ONCE_S))

    async def tell(self, channel: str, about: str, what: str) -> None:
        """Send a message to the workers on a channel; a failure is logged, since nobody waits for it."""
        with noting("a message to other workers"):
            async with self.reached() as redis:
                await redis.publish(channel, json.dumps({"about": about, "what": what}))

    async def principals(self) -> list[Principal]:
        """Return the callers who have sessions, the last one to call last."""
        async with self.reached() as redis:
            written = await redis.zrange(PRINCIPALS, 0, -1)
        principals = []
        for each in written:
            with noting_odd("a caller"):
                principals.append(Principal(*json.loads(each)))
        return principals

    async def _listen(self) -> None:
        while True:
            with suppress(StoreError):
                async with self.reached(None) as redis, redis.pubsub(ignore_subscribe_messages=True) as messages:
                    await messages.subscribe(worker_key(self.worker), EVERYBODY)
                    async for message in messages.listen():
                        with noting_odd("a message"):
                            told = json.loads(message["data"])
                            if (listener := self.heard.get(told["about"])) is not None:
                                listener(told["what"])
            await asyncio.sleep(1)

    async def _stay_alive(self) -> None:
        while True:
            pause_s = 1.0
            with noting("that this worker is alive"):
                await self.beat()
                pause_s = BEAT_S
            await asyncio.sleep(pause_s)


@contextmanager
def noting_odd(what: str) -> Iterator[None]:
    """Log that something in Redis is not as this version writes it, in place of an error: all else goes on."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        logger.warning("the store has %s that can't be read: %s", what, type(error).__name__)


@contextmanager
def noting(what: str) -> Iterator[None]:
    """Log that something was not written, in place of an error: what depends on it is over or goes on without it."""
    try:
        yield
    except StoreError as error:
        logger.warning("the store does not know %s: %s", what, error)
