"""Values that can't be written as they are: they contain themselves, share their parts, or are no JSON numbers."""

from __future__ import annotations

import json
import math
import sys
from collections import ChainMap, OrderedDict, UserDict, UserList, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from agentcore_mcp.hosting import BedrockAgentCoreApp
from agentcore_mcp.hosting.streaming import JSONAnswer, encode_json
from tests.support.serving import exchange, http_request, serving
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class _Record:
    a: Any = None
    b: Any = None


@dataclass(slots=True)
class _Slotted:
    a: Any = None
    b: Any = None


class _Model(BaseModel):
    a: Any = None
    b: Any = None


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Child(BaseModel):
    name: str
    parent: Any = Field(default=None, exclude=True)
    children: list[Any] = []


class _Dumping:
    def __init__(self, value: Any) -> None:
        self.value = value

    def model_dump(self) -> Any:
        return {"a": self.value}


PAIRS: dict[str, Callable[[Any], Any]] = {
    "list": lambda value: [value, value],
    "dict": lambda value: {"a": value, "b": value},
    "tuple": lambda value: (value, value),
    "list of dicts": lambda value: [{"a": value}, {"a": value}],
    "record": lambda value: _Record(value, value),
    "slotted record": lambda value: _Slotted(value, value),
    "model": lambda value: _Model(a=value, b=value),
    "open model": lambda value: _Open.model_construct(a=value, b=value),
    "namespace": lambda value: SimpleNamespace(a=value, b=value),
    "deque": lambda value: deque([value, value]),
    "ordered dict": lambda value: OrderedDict(a=value, b=value),
    "user dict": lambda value: UserDict(a=value, b=value),
    "user list": lambda value: UserList([value, value]),
    "chain map": lambda value: ChainMap({"a": value}, {"b": value}),
    "frozen sets": lambda value: frozenset([value, (value,)]),
    "dumping": lambda value: _Dumping([value, value]),
}


@pytest.mark.parametrize(
    "leaf", [None, datetime(2026, 1, 2, tzinfo=UTC), "x" * 1_000_000], ids=["none", "time", "text"]
)
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_a_value_that_shares_its_parts_is_written_in_bounded_size(pair: Callable[[Any], Any], leaf: Any) -> None:
    """A few dozen objects, which written down would be 2 to the 60th."""
    value = leaf
    for _ in range(60):
        value = pair(value)

    encoded = encode_json(value)

    json.loads(encoded)
    assert len(encoded) < 20_000_000


def _circle(join: Callable[[Any], Any]) -> Any:
    """Return a value that contains itself: ``join`` gets a list, and that list gets what ``join`` returns, twice."""
    inner: list[Any] = []
    value = join(inner)
    inner += [value, value]
    return value


CIRCLES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "list": ([["<circular:list>"] * 2], lambda inner: [inner]),
    "dict": ({"a": ["<circular:dict>"] * 2}, lambda inner: {"a": inner}),
    "tuple": ([["<circular:tuple>"] * 2], lambda inner: (inner,)),
    "record": ({"a": ["<circular:_Record>"] * 2, "b": None}, _Record),
    "slotted record": ({"a": ["<circular:_Slotted>"] * 2, "b": None}, _Slotted),
    "model": ({"a": ["<circular:_Model>"] * 2, "b": None}, lambda inner: _Model.model_construct(a=inner, b=None)),
    "open model": ({"a": ["<circular:_Open>"] * 2}, lambda inner: _Open.model_construct(a=inner)),
    "namespace": ({"a": ["<circular:SimpleNamespace>"] * 2}, lambda inner: SimpleNamespace(a=inner)),
    "deque": ([["<circular:deque>"] * 2], lambda inner: deque([inner])),
    "chain map": ({"maps": [{"a": ["<circular:ChainMap>"] * 2}]}, lambda inner: ChainMap({"a": inner})),
    "two kinds": ({"a": {"a": ["<circular:_Record>"] * 2}, "b": None}, lambda inner: _Record({"a": inner})),
    "dumping": ({"a": ["<circular:_Dumping>"] * 2}, _Dumping),
}


@pytest.mark.parametrize(("expected", "join"), CIRCLES.values(), ids=CIRCLES)
def test_a_value_that_contains_itself_is_cut_there(expected: Any, join: Callable[[Any], Any]) -> None:
    value = _circle(join)

    assert json.loads(encode_json(value)) == expected
    assert json.loads(encode_json({"at": 1, "again": [value, {1}]})) == {"at": 1, "again": [expected, [1]]}


def test_a_team_whose_members_know_the_team_is_cut_at_the_team() -> None:
    team: dict[str, Any] = {}
    team["members"] = [{"team": team}, {"team": team}]

    assert json.loads(encode_json(team)) == {"members": [{"team": "<circular:dict>"}, {"team": "<circular:dict>"}]}


@pytest.mark.parametrize("kind", [dict, _Record, _Model])
def test_where_everyone_knows_everyone_the_answer_is_bounded(kind: Callable[[], Any]) -> None:
    people = [kind() for _ in range(40)]
    for person in people:
        if isinstance(person, dict):
            person.update({str(n): other for n, other in enumerate(people)})
        else:
            person.a = people

    encoded = encode_json(people)

    assert b"<circular:" in encoded
    assert len(encoded) < 20_000_000


def test_a_part_that_occurs_twice_is_written_twice() -> None:
    part = {"x": [1, 2]}
    rows = [{"id": n, "part": part} for n in range(10_000)]

    assert json.loads(encode_json(rows)) == rows
    assert json.loads(encode_json({"first": part, "second": part})) == {"first": part, "second": part}


def test_a_large_answer_whose_parts_occur_once_is_written_whole() -> None:
    rows = [{"id": n, "tags": [], "text": "x" * 2000 + str(n)} for n in range(20_000)]

    assert json.loads(encode_json(rows)) == rows


def test_a_field_that_a_model_excludes_is_never_written() -> None:
    parent = _Child(name="parent")
    parent.children = [_Child(name="child", parent=parent)]
    circle = _Child(name="circle", parent="secret")
    circle.children = [circle]

    assert json.loads(encode_json(parent)) == parent.model_dump()
    assert b"secret" not in encode_json(circle)


def test_nothing_else_waits_for_a_value_without_end() -> None:
    """Python's own encoder would write it without letting another thread run."""

    async def handler(payload: Any) -> Any:
        value: Any = None
        for _ in range(100):
            value = [value, value]
        return value if payload == "endless" else "at once"

    app = BedrockAgentCoreApp()
    app.entrypoint(handler)
    with serving(app) as port, ThreadPoolExecutor() as clients:
        answers = [clients.submit(exchange, port, http_request("POST", "/invocations", b'"endless"')) for _ in range(3)]
        assert b"at once" in exchange(port, http_request("POST", "/invocations", b"null"))
        assert b'"Healthy"' in exchange(port, http_request("GET", "/ping"))
        assert all(b"<too_" in answer.result(WAIT_S) for answer in answers)


EDGES = [-0.0, 5e-324, sys.float_info.max, 10**400]
NOT_FINITE: dict[str, tuple[Any, Any]] = {
    "alone": (math.nan, None),
    "in a list": ([math.inf, -math.inf, 1.5], [None, None, 1.5]),
    "in a dict": ({"score": math.nan, "n": 1}, {"score": None, "n": 1}),
    "in a record": (_Record(math.nan, {1}), {"a": None, "b": [1]}),
    "in a model": (_Model(a=[math.nan]), {"a": [None], "b": None}),
    "beside a set": ({"a": {1}, "b": math.nan}, {"a": [1], "b": None}),
    "as a key": ({math.nan: 1, math.inf: math.nan}, {"NaN": 1, "Infinity": None}),
    "in a text": ({"a": "NaN", "b": math.nan}, {"a": "NaN", "b": None}),
    "beside half a character": (["\ud83d", math.nan], ["\ud83d", None]),
    "beside numbers at the edge": ([*EDGES, math.nan], [*EDGES, None]),
}


def _refuse(name: str) -> None:
    raise AssertionError(name)


@pytest.mark.parametrize(("value", "expected"), NOT_FINITE.values(), ids=NOT_FINITE)
def test_a_float_that_is_no_json_number_is_null(value: Any, expected: Any) -> None:
    """The published package writes ``NaN``, for which strict parsers refuse the whole answer."""
    for encoded in (encode_json(value), bytes(JSONAnswer(value).body)):
        assert json.loads(encoded, parse_constant=_refuse) == expected


def test_any_other_value_is_json_of_some_form() -> None:
    for value in (10**5000, [10**5000], {b"k": 1}, {"\udc00": b"\xff"}, {1.5: {None: math.nan}}):
        json.loads(encode_json(value), parse_constant=_refuse)


def test_a_payload_may_hold_nan_as_with_the_published_package() -> None:
    app = BedrockAgentCoreApp()
    app.entrypoint(lambda payload: [payload, str(payload)])

    with serving(app) as port:
        answer = exchange(port, http_request("POST", "/invocations", b'{"a": NaN}'))

    assert answer.endswith(b"""[{"a": null}, "{'a': nan}"]""")
