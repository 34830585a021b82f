"""Text of agents' answers: the string in an event, the value of an event, the words of a whole stream.

Helpers around ``wire.sse`` and ``wire.text``, for answers from our clients, boto3 or any other source.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agentcore_mcp.errors import AgentCoreError, InvalidRequestError
from agentcore_mcp.runtime.readers import EventData
from agentcore_mcp.wire.characters import WholeCharacters
from agentcore_mcp.wire.pieces import Text
from agentcore_mcp.wire.reports import says_nothing
from agentcore_mcp.wire.sse import NamedData, SSEDecoder
from agentcore_mcp.wire.text import AnswerText

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class EventText:
    """Turns the data of each event of one answer into a string: a JSON string's text, or the data unchanged."""

    def __init__(self) -> None:
        self._characters = WholeCharacters()

    def feed(self, data: str) -> str:
        """Return the string for the data of an event, or for a whole answer."""
        text = data
        if isinstance(data, NamedData) and says_nothing(data):
            return ""
        if data.lstrip().startswith('"') and not isinstance(data, Text):  # avoids parsing everything else
            try:
                text = json.loads(data)
            except ValueError:
                text = data
        return self._characters.feed(text)

    def close(self) -> str:
        """Return the text held back until the end of the answer."""
        return self._characters.close()


def parse_sse_data(data: bytes | str | None) -> Any:
    """Return the value of one server-sent event, or of a JSON answer.

    Args:
        data: One event, with or without its last line ends, one of its lines, or bare JSON; None is nothing.

    Returns:
        The parsed JSON; other data as a string; None for a comment or empty input.

    Raises:
        InvalidRequestError: If there is more than one event.
        ProtocolError: If the event has more than 16 MiB.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data or b""
    decoder = SSEDecoder()
    events = decoder.feed(raw) + decoder.close()
    if len(events) > 1:
        raise InvalidRequestError(f"{len(events)} events where one was expected; SSEDecoder takes a stream apart")
    text = events[0].data if events else raw.decode("utf-8", "replace").strip()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # A comment, or a line with another field, is an event without data.
        return text if events else None


def iter_text(stream: Iterable[bytes]) -> Iterator[str]:
    """Yield the words of an answer as they arrive, whichever framework the agent is built with.

    Args:
        stream: The bytes of the answer, cut anywhere: boto3's ``answer["response"]``, an ``iter_bytes()`` of httpx2,
            an open file. Server-sent events, lines of JSON, or text.

    Raises:
        AgentError: If the agent reports that it failed.
        ProtocolError: If an event has more than 16 MiB.
    """
    reader, words = EventData(), AnswerText()
    try:
        for chunk in stream:
            yield from filter(None, map(words.feed, reader.feed(chunk)))
        yield from filter(None, map(words.feed, reader.close()))
    except AgentCoreError:
        yield from filter(None, [words.close()])
        raise
    yield from filter(None, [words.close()])
