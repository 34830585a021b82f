"""The bundled sample agent: it shows every behaviour of an agent without a model.

It is also an example of how to write an agent: a handler returns a value, which is sent as one JSON answer, or a
generator, which is streamed. ``python -m agentcore_mcp.hosting.sample`` serves it alone.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict, deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentcore_mcp.hosting.app import BedrockAgentCoreApp
from agentcore_mcp.hosting.context import RequestContext

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HELP = """\
I have no model behind me, but I behave like an agent that has. Tell me:
  remember WORDS    and later: what did I say
  count to N        a short stream
  slow N            N pieces, one per second
  think N           silence for N seconds, then an answer
  long N            an answer of N lines
  json              one JSON value instead of a stream
  files             what is in my working directory
  gate NAME         one piece, then the rest once the file NAME exists there
  work N            a background task of N seconds; my health is HealthyBusy meanwhile
  fail, fail now    an error in the middle of a stream, or instead of an answer
Anything else I repeat, together with what you said before.
"""

# Slow enough to be seen as a stream, and fast enough for tests.
WORD_PAUSE_S = 0.02
GATE_TIMEOUT_S = 30
MAX_SECONDS = 300
MAX_LINES = 100_000
TURNS_KEPT = 50

app = BedrockAgentCoreApp()

# On AgentCore each session has its own process, and one list would do. Elsewhere one process serves all sessions.
conversations: defaultdict[str | None, deque[str]] = defaultdict(lambda: deque(maxlen=TURNS_KEPT))
background: set[asyncio.Task[None]] = set()


@app.entrypoint
async def sample(payload: Any, context: RequestContext) -> Any:
    """Answer ``{"prompt": …}``."""
    prompt = payload.get("prompt") if isinstance(payload, dict) else None
    if not isinstance(prompt, str) or not prompt.strip():
        return speak('I read the "prompt" of a JSON payload and found none. Try {"prompt": "help"}.')
    earlier = list(conversations[context.session_id])
    conversations[context.session_id].append(prompt)

    match prompt.lower().strip(" .!?").split():
        case ["help"]:
            return speak(HELP)
        case ["remember", *_]:
            return speak("I will remember that, for as long as this session lives.")
        case ["what", "did", "i", "say"]:
            return speak("\n".join(["You said:", *earlier]) if earlier else "Nothing yet in this session.")
        case ["count", "to", number]:
            return speak(" ".join(str(n) for n in range(1, bounded(number, MAX_LINES) + 1)))
        case ["slow", number]:
            return slowly(bounded(number, MAX_SECONDS))
        case ["think", number]:
            await asyncio.sleep(bounded(number, MAX_SECONDS))
            return speak(f"I have thought about it for {number} seconds.")
        case ["long", number]:
            return lines(bounded(number, MAX_LINES))
        case ["json"]:
            return {"prompt": prompt, "session_id": context.session_id, "turn": len(earlier) + 1}
        case ["files"]:
            return speak("\n".join(files()) or "My directory is empty.")
        case ["gate", _]:
            return gate(prompt.split()[1])
        case ["work", number]:
            task = asyncio.create_task(work(bounded(number, MAX_SECONDS)))
            background.add(task)  # the event loop itself holds tasks only weakly
            task.add_done_callback(background.discard)
            return speak(f"I will be busy for {number} seconds.")
        case ["fail", "now"]:
            raise RuntimeError("you told me to fail now")
        case ["fail"]:
            return fail()
        case _:
            before = f' Before that you said "{earlier[-1]}".' if earlier else ' Say "help" to hear what I can do.'
            return speak(f'You said "{prompt}".{before}')


async def pieces(prompt: str, session_id: str | None) -> AsyncIterator[Any]:
    """Yield the words of an answer, or its one JSON value, for the samples that speak other protocols."""
    answer = await sample({"prompt": prompt}, RequestContext(session_id=session_id))
    if isinstance(answer, dict):
        yield answer
        return
    async for piece in answer:
        yield piece


async def speak(text: str) -> AsyncIterator[str]:
    """Stream a text word by word, as a model would."""
    for word in re.findall(r"\s*\S+\s*", text):
        yield word
        await asyncio.sleep(WORD_PAUSE_S)


async def slowly(pieces: int) -> AsyncIterator[str]:
    """Stream one piece per second."""
    for n in range(1, pieces + 1):
        yield f"piece {n} of {pieces}\n"
        await asyncio.sleep(1)


async def lines(count: int) -> AsyncIterator[str]:
    """Stream many lines, as fast as the client reads them."""
    for n in range(1, count + 1):
        yield f"This is line {n} of {count} of a long answer.\n"


async def gate(name: str) -> AsyncIterator[str]:
    """Stream the second piece once a file is there: proof that the first arrived while the agent was working."""
    yield f"I am waiting for the file {name}. "
    for _ in range(GATE_TIMEOUT_S * 20):
        if name in files():
            break
        await asyncio.sleep(0.05)
    yield "It is here." if name in files() else f"It has not come within {GATE_TIMEOUT_S} seconds."


async def fail() -> AsyncIterator[str]:
    """Fail in the middle of a stream."""
    yield "This begins well, "
    yield "but "
    raise RuntimeError("you told me to fail")


@app.async_task
async def work(seconds: int) -> None:
    """Be ``HealthyBusy``, so that AgentCore keeps the session."""
    await asyncio.sleep(seconds)


def files() -> list[str]:
    """Return the names in the working directory, which the session's commands share."""
    return sorted(path.name for path in Path().iterdir())


def bounded(number: str, most: int) -> int:
    """Return the number in a prompt, at most ``most``; 0 for other text."""
    return min(int(number), most) if number.isdecimal() else 0


if __name__ == "__main__":
    app.run()
