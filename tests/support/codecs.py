"""The one way in which tests run a decoder: in every way that a network may cut its bytes, to the same outcome."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from agentcore_mcp.errors import AgentCoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# Up to this size every split in two is tried; above it, a sample of random ones.
EVERY_SPLIT_BYTES = 400
RANDOM_SPLITS = 20

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Decoder(Protocol[T_co]):
    @property
    def failed(self) -> bool: ...
    def feed(self, data: bytes, /) -> Sequence[T_co]: ...
    def close(self) -> Sequence[T_co]: ...


def decode(decoder: Decoder[T], chunks: Iterable[bytes]) -> tuple[list[T], AgentCoreError | None]:
    """Run a decoder as its users do; return what it delivered and the error that it ended with, if it did."""
    events: list[T] = []
    try:
        for chunk in chunks:
            events += decoder.feed(chunk)
            if decoder.failed:
                break
        events += decoder.close()
    except AgentCoreError as error:
        return events, error
    return events, None


def decode_every_way(
    make_decoder: Callable[[], Decoder[object]],
    raw: bytes,
    expected: list[Any],
    *,
    error: type[AgentCoreError] | None = None,
) -> str:
    """Check that however the bytes are cut, the same events come and then the same error or none.

    Returns the message of the error in the first way, in which all bytes come at once.
    """
    events, first_error = decode(make_decoder(), [raw])

    assert events == expected
    assert type(first_error) is (error or type(None)), repr(first_error)
    for chunks in ways_to_cut(raw):
        events, other_error = decode(make_decoder(), chunks)

        assert events == expected, chunks
        assert type(other_error) is type(first_error), chunks
    return str(first_error) if first_error else ""


def ways_to_cut(raw: bytes) -> Iterator[list[bytes]]:
    yield [raw[i : i + 1] for i in range(len(raw))]
    yield [b"", raw, b""]
    if len(raw) <= EVERY_SPLIT_BYTES:
        yield from ([raw[:i], raw[i:]] for i in range(1, len(raw)))
    chance = random.Random(len(raw))  # the same cuts in every run
    for _ in range(RANDOM_SPLITS):
        yield cut(raw, sorted(chance.choices(range(len(raw) + 1), k=chance.randint(1, 8))))


def cut(raw: bytes, positions: Sequence[int]) -> list[bytes]:
    """Cut at positions in rising order."""
    return [raw[start:end] for start, end in zip([0, *positions], [*positions, len(raw)], strict=True)]
