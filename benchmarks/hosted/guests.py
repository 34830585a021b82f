"""The load generator of the soak, a process of its own like ``callers``: clients of all kinds, at a steady rate.

The answers are checked, refusals too, and each client has a limited time.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

from benchmarks.far_side import allow_many_connections
from benchmarks.hosted.callers import end_with_standard_input, tell
from benchmarks.hosted.kinds import KINDS
from benchmarks.hosted.tally import Tally
from benchmarks.hosted.visit import LIMIT_S, Orders, UnexpectedError, Visit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# If more are connected, the server can't keep up with the rate; no client is started then, and that is counted.
_VISITS_AT_ONCE = 400


async def main(orders: Orders) -> None:
    """Start clients at the rate, and write the figures."""
    tally, visits, going_on = Tally(), Counter[str](), set[asyncio.Task[None]]()
    loop = asyncio.get_running_loop()
    end, number, put_off = loop.time() + orders.seconds, 0, 0

    async def one(kind: Callable[[Visit], Awaitable[None]], visit: Visit) -> None:
        visits[kind.__name__] += 1
        try:
            async with asyncio.timeout(LIMIT_S):
                await kind(visit)
        except (OSError, EOFError, TimeoutError, ValueError, LookupError, UnexpectedError) as error:
            tally.fail(kind.__name__, repr(error))

    tell(ready=True)
    while (now := loop.time()) < end:
        if len(going_on) < _VISITS_AT_ONCE:
            number += 1
            [kind] = random.choices([*KINDS], [*KINDS.values()])
            task = asyncio.create_task(one(kind, Visit(orders, number, tally)))
            going_on.add(task)
            task.add_done_callback(going_on.discard)
        else:
            put_off += 1
        await asyncio.sleep(max(0.0, now + 1 / orders.per_second - loop.time()))
    await asyncio.gather(*going_on)
    tell(**tally.figures(), visits=dict(visits), put_off=put_off)


if __name__ == "__main__":
    allow_many_connections()
    random.seed(11)
    given = Orders(**json.loads(sys.stdin.readline()))
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    asyncio.run(main(given))
