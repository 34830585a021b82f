"""Faults on demand: what can be asked for, and what comes of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.line.faults import Fault, Faults, Plan, SpoiltSend
from agentcore_mcp.local.line.refusals import Refusal
from agentcore_mcp.wire.refusals import STATUS_OF_CODE, STATUS_OF_COMMON_CODE

if TYPE_CHECKING:
    from starlette.types import Message


@pytest.mark.parametrize(
    ("header", "plan"),
    [
        (None, Plan()),
        ("", Plan()),
        ("error=ThrottlingException", Plan(error="ThrottlingException")),
        ("cold-start=2.5", Plan(cold_start_s=2.5)),
        ("cut-after=0", Plan(cut_after=0)),
        ("slow=1000", Plan(bytes_per_s=1000)),
        (" cut-after=5 , slow=0.5,cold-start=1", Plan(cold_start_s=1, cut_after=5, bytes_per_s=0.5)),
    ],
)
def test_a_header_says_what_goes_wrong_with_its_request(header: str | None, plan: Plan) -> None:
    assert Faults().plan(header) == plan


@pytest.mark.parametrize(
    "header",
    [
        "throttle",
        "error=",
        "error=NoSuchException",
        "cold-start=-1",
        "cold-start=inf",
        "cold-start=nan",
        "cold-start",
        "cut-after=-1",
        "cut-after=1.5",
        "slow=0",
        "slow=nan",
        "error=ThrottlingException every=2",
    ],
)
def test_a_fault_that_does_not_exist_is_a_validation_error_and_not_ignored(header: str) -> None:
    with pytest.raises(Refusal, match="error=CODE, cold-start=SECONDS") as caught:
        Faults().plan(header)

    assert (caught.value.status, caught.value.fields[0][0]) == (400, "X-Local-Fault")


@pytest.mark.parametrize("text", ["nonsense", "slow=0", "slow=1 often", "slow=1 every=0", "slow=1 every=x", ""])
def test_a_fault_that_does_not_exist_is_no_configuration(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not "):
        Fault.parse(text)


def test_a_fault_of_the_configuration_happens_at_every_nth_request() -> None:
    faults = Faults([Fault.parse("error=ThrottlingException every=3"), Fault.parse("slow=10")])
    plans = [faults.plan(None) for _ in range(6)]

    assert [plan.error for plan in plans] == [None, None, "ThrottlingException"] * 2
    assert {plan.bytes_per_s for plan in plans} == {10}


def test_the_header_of_a_request_comes_before_the_configuration() -> None:
    faults = Faults([Fault.parse("slow=10"), Fault.parse("cut-after=7")])

    assert faults.plan("slow=20") == Plan(bytes_per_s=20, cut_after=7)


@pytest.mark.parametrize("code", [*STATUS_OF_CODE, *STATUS_OF_COMMON_CODE])
def test_every_code_can_be_asked_for(code: str) -> None:
    with pytest.raises(Refusal) as caught:
        Faults().plan(f"error={code}").refuse()

    assert caught.value.code == code
    assert (caught.value.reason is not None) == (code == "ValidationException")


def test_nothing_is_refused_that_was_not_asked_for() -> None:
    Plan(cut_after=0).refuse()


class Line:
    """What came of an answer of several pieces on the line."""

    def __init__(self, plan: Plan) -> None:
        self.messages: list[dict[str, Any]] = []
        self.cuts = 0
        self._send = SpoiltSend(self._receive, plan, self._on_cut)

    async def answer(self, *pieces: bytes) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": []})
        for number, piece in enumerate(pieces, 1):
            await self._send({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])

    @property
    def complete(self) -> bool:
        return not self.messages[-1].get("more_body", True)

    async def _receive(self, message: Message) -> None:
        self.messages.append(dict(message))

    def _on_cut(self) -> None:
        self.cuts += 1


@pytest.mark.parametrize(
    ("pieces", "cut_after", "arrived"),
    [
        ((b"abc", b"def", b""), 0, b""),
        ((b"abc", b"def", b""), 2, b"ab"),
        ((b"abc", b"def", b""), 3, b"abc"),
        ((b"abc", b"def", b""), 5, b"abcde"),
        ((b"abcdef",), 5, b"abcde"),
    ],
)
async def test_an_answer_is_cut_after_its_bytes_once_and_never_complete(
    pieces: tuple[bytes, ...], cut_after: int, arrived: bytes
) -> None:
    line = Line(Plan(cut_after=cut_after))
    await line.answer(*pieces)

    assert (line.body, line.complete, line.cuts) == (arrived, False, 1)


@pytest.mark.parametrize(
    ("pieces", "cut_after"), [((b"abc", b"def"), 6), ((b"abc", b"def", b""), 7), ((b"",), 0), ((b"abc",), 100)]
)
async def test_an_answer_that_ends_before_the_cut_is_complete(pieces: tuple[bytes, ...], cut_after: int) -> None:
    line = Line(Plan(cut_after=cut_after))
    await line.answer(*pieces)

    assert (line.body, line.complete, line.cuts) == (b"".join(pieces), True, 0)


async def test_a_slow_answer_takes_its_time_and_comes_in_small_pieces() -> None:
    line = Line(Plan(bytes_per_s=2000))
    began = time.monotonic()
    await line.answer(b"x" * 250, b"y" * 50)

    assert time.monotonic() - began >= 0.14
    assert line.body == b"x" * 250 + b"y" * 50
    assert line.complete
    assert max(len(message["body"]) for message in line.messages[1:]) == 100


async def test_an_answer_can_be_slow_and_cut() -> None:
    line = Line(Plan(bytes_per_s=10_000, cut_after=120))
    await line.answer(b"x" * 500)

    assert (line.body, line.complete, line.cuts) == (b"x" * 120, False, 1)
