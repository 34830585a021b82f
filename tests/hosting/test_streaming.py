"""Values become JSON as they do in the published package, except for what it can't write at all."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.hosting.streaming import EventStream, JSONAnswer, encode_events, encode_json
from tests.hosting.agents import ODD_VALUES, PUBLISHED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import Message

_published = PUBLISHED.BedrockAgentCoreApp()

_finite = st.floats(allow_nan=False, allow_infinity=False)
_scalars = st.none() | st.booleans() | st.integers() | _finite | st.text() | st.binary() | st.datetimes()
# Picked by index: Hypothesis would print them, which some of them don't survive.
_odd_values = st.integers(0, len(ODD_VALUES) - 1).map(lambda index: ODD_VALUES[index])
_values = st.recursive(
    _scalars | _odd_values,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=10,
)


@given(_values)
def test_any_value_is_written_as_the_published_package_writes_it(value: Any) -> None:
    assert encode_json(value) == _published._safe_serialize_to_json_string(value).encode()


@pytest.mark.parametrize("value", ["\ud83d", {"\udc00": ["a\ud800b"]}, ["fine \U0001f600", "\udfff"]])
def test_a_lone_surrogate_is_written_as_its_escape(value: Any) -> None:
    encoded = encode_json(value)

    assert json.loads(encoded) == value
    assert encoded.decode()  # it is UTF-8


def test_nesting_deeper_than_python_can_write_is_cut_and_not_an_error() -> None:
    value: Any = "deep"
    for _ in range(100_000):
        value = [value]

    assert b"<too_deep:list>" in encode_json(value)


@pytest.mark.parametrize("shape", [lambda deep: (b"", deep), lambda deep: {"a": (deep, deep, b"")}])
def test_a_text_in_the_place_of_a_value_is_whole_however_deep_it_is(shape: Callable[[Any], Any]) -> None:
    deep: Any = {1}
    for _ in range(80):
        deep = {"in": deep}
    value = shape(deep)

    assert encode_json(value) == _published._safe_serialize_to_json_string(value).encode()


def test_a_text_that_would_not_end_is_cut_however_deep_that_begins() -> None:
    value: Any = [1]
    for times in [2] * 40 + [1] * 60:
        value = [value] * times

    assert b"<too_deep:list>" in encode_json((b"", value))


async def test_a_lone_surrogate_does_not_end_the_stream() -> None:
    async def pieces() -> AsyncGenerator[Any]:
        yield "half \ud83d"
        yield "whole"

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("a server that reports disconnects by raising is not asked")

    await EventStream(encode_events(pieces()), logging.getLogger("tests.streaming"))(
        {"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send
    )

    assert [message["body"] for message in sent[1:]] == [b'data: "half \\ud83d"\n\n', b'data: "whole"\n\n', b""]


async def test_a_piece_is_written_down_before_the_generator_can_alter_it() -> None:
    async def pieces() -> AsyncGenerator[Any]:
        state: dict[str, int] = {}
        for n in range(3):
            state["n"] = n
            yield state

    events = [event async for event in encode_events(pieces())]

    assert events == [b'data: {"n": 0}\n\n', b'data: {"n": 1}\n\n', b'data: {"n": 2}\n\n']


def test_an_answer_of_the_apps_own_may_quote_a_lone_surrogate() -> None:
    assert JSONAnswer({"error": "half \ud83d"}).body == b'{"error":"half \\ud83d"}'
