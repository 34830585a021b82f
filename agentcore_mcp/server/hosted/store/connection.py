"""The connection of a worker to Redis: its commands, the messages between workers, and its heartbeat.

No token and no prompt is ever written.

Each worker listens on two channels, its own and everybody's, and a message names the call or request it is about: the
subscriptions never change, so a connection that is lost and made anew has them all. Code that waits for a message also
polls every few seconds, since Redis delivers a message at most once.
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


# How long one operation may take with all its attempts, and how long connecting.
LIMIT_S = 5.0
_CONNECT_LIMIT_S = 2.0
_CONNECTIONS_MAX = 64
# A worker counts as alive this long after its last heartbeat.
LEASE_S = 15
BEAT_S = 5.0
# A confirmation is valid for ten minutes.
_ONCE_S = 900

logger = logging.getLogger(__name__)


class StoreError(AgentCoreError):
    """Redis can't be reached, or refused a command."""


class RedisStore:
    """One worker's access to the state that all workers share.

    Args:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``, with user, password and options as redis-py takes them.

    Raises:
        ConfigurationError: If redis-py is not installed or can't use the URL.

    Attributes:
        worker: The id of this worker.
        errors: How many operations failed, for metrics.
        heard: The listeners for messages of other workers, by what these are about: the key of a call or a shell, the
            claim on a call, or ``CANCELLED`` for a request that was cancelled.
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
                # Operations are limited as a whole. For a socket timeout redis-py uses asyncio.wait_for, which loses
                # cancellations before Python 3.12.
                socket_timeout=None,
                socket_connect_timeout=_CONNECT_LIMIT_S,
                socket_keepalive=True,
            )
            # Set in the URL, it would turn each answer from bytes into text.
            pool.connection_kwargs.pop("decode_responses", None)
            # This doesn't connect yet, but only this checks the URL's options.
            pool.make_connection()  # type: ignore[no-untyped-call]
        except ImportError as error:
            raise ConfigurationError("server.store needs redis-py: pip install 'agentcore-mcp[redis]'") from error
        except (ValueError, TypeError) as error:
            # Its message may contain the password.
            raise ConfigurationError("server.store is a URL that redis-py can't use") from type(error)()
        self._redis = Redis(connection_pool=pool)
        self.worker = secrets.token_hex(8)
        self.errors = 0
        self.heard: dict[str, Callable[[str], object]] = {}
        self._scripts: dict[str, Any] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen and send heartbeats inside the block, which begins even if Redis can't be reached yet."""
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
        """Yield the client: redis-py's ``Redis``, as ``Any`` because its annotations leave the results open.

        redis-py repeats each command until it succeeds.

        Args:
            limit_s: How long the block may take.

        Raises:
            StoreError: If Redis can't be reached within that time, or refuses a command.
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
        """Write this worker's heartbeat.

        Raises:
            StoreError: If Redis doesn't accept it, as when it is full or a read-only replica.
        """
        async with self.reached() as redis:
            await redis.set(worker_key(self.worker), 1, ex=LEASE_S)

    async def once(self, token: str) -> bool:
        """Tell whether this is the first use of a token on any worker, within the time that a token is valid."""
        async with self.reached() as redis:
            return bool(await redis.set(once_key(token), self.worker, nx=True, ex=_ONCE_S))

    async def tell(self, channel: str, about: str, what: str) -> None:
        """Send a message to the workers on a channel; a failure is logged, since nobody waits for it."""
        with noting("a message to other workers"):
            async with self.reached() as redis:
                await redis.publish(channel, json.dumps({"about": about, "what": what}))

    async def principals(self) -> list[Principal]:
        """Return the callers who have sessions, the one who called most recently last."""
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
    """Log, instead of raising, that an entry in Redis is not as this version writes it: everything else goes on."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        logger.warning("the store has %s that can't be read: %s", what, type(error).__name__)


@contextmanager
def noting(what: str) -> Iterator[None]:
    """Log, instead of raising, that a write failed: the operation behind it is over, or goes on without it."""
    try:
        yield
    except StoreError as error:
        logger.warning("the store does not know %s: %s", what, error)
