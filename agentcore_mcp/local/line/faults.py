"""Fault injection: failures that are rare on AgentCore, as often as a test needs them.

Requested by a header for a single request, or by configuration for every request or every Nth one. The header is not
an AWS header, so it needs no signature, and it never reaches an agent.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anyio

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.line.refusals import Refusal, invalid_fields
from agentcore_mcp.wire.refusals import FIELD_VALIDATION_FAILED, STATUS_OF_CODE, STATUS_OF_COMMON_CODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.types import Message, Send

FAULT_HEADER: Final = "X-Local-Fault"
FORMS: Final = "error=CODE, cold-start=SECONDS, cut-after=BYTES or slow=BYTES_PER_SECOND"
# The pieces per second of a slow response, small enough to look like a continuous trickle.
_PIECES_PER_S: Final = 20
_EVERY = re.compile(r"(every=(?P<number>[1-9][0-9]{0,8}))?")


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of one request.

    Attributes:
        error: The error code of its response.
        cold_start_s: The extra start time of its session, if this request starts it.
        cut_after: The number of body bytes after which its response is cut.
        bytes_per_s: The speed of its response body.
    """

    error: str | None = None
    cold_start_s: float = 0.0
    cut_after: int | None = None
    bytes_per_s: float | None = None

    @property
    def spoils_answer(self) -> bool:
        """Return whether the response is slowed down or cut."""
        return self.cut_after is not None or self.bytes_per_s is not None

    def refuse(self) -> None:
        """Raise the requested error, if any.

        Raises:
            Refusal: With its code.
        """
        if self.error is not None:
            reason = FIELD_VALIDATION_FAILED if self.error == "ValidationException" else None
            raise Refusal(self.error, f"{self.error}, as the local AgentCore was asked to answer", reason=reason)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the configuration, with how often it happens: at every Nth request."""

    changes: Mapping[str, Any]
    every: int

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read ``error=CODE`` or another of the forms, perhaps with ``every=N`` behind it.

        Raises:
            ConfigurationError: If it has another form.
        """
        fault, _, often = text.strip().partition(" ")
        match = _EVERY.fullmatch(often)
        if match is None:
            raise ConfigurationError(f"not how often a fault happens: {often!r}; it looks like every=3")
        return cls(_read(fault), int(match["number"] or 1))


class Faults:
    """The faults of one local AgentCore."""

    def __init__(self, standing: Iterable[Fault] = ()) -> None:
        self._standing = [(fault, itertools.count(1)) for fault in standing]

    def plan(self, header: str | None) -> Plan:
        """Return the faults of the next request; those in its own header take precedence.

        Raises:
            Refusal: If the header can't be read. A fault that silently does not happen would fool a test.
        """
        changes: dict[str, Any] = {}
        for fault, numbers in self._standing:
            if next(numbers) % fault.every == 0:
                changes |= fault.changes
        for text in (header or "").split(","):
            if text.strip():
                try:
                    changes |= _read(text.strip())
                except ConfigurationError as error:
                    raise invalid_fields((FAULT_HEADER, error.message)) from None
        return Plan(**changes)


class SpoiltSend:
    """An ASGI ``send`` that slows a response down or cuts it.

    After the cut, everything is discarded: as in the service, the work continues without a client.

    Args:
        send: The real one.
        plan: The faults.
        on_cut: Called when the response has been cut.
    """

    def __init__(self, send: Send, plan: Plan, on_cut: Callable[[], None]) -> None:
        self._send = send
        self._bytes_per_s = plan.bytes_per_s
        self._left = plan.cut_after
        self._on_cut = on_cut
        self._cut = False

    async def __call__(self, message: Message) -> None:
        """Send a message with the planned faults."""
        if self._cut:
            return
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._left is not None:
            self._cut = len(body) > self._left or (len(body) == self._left and more)
            body = body[: self._left]
            self._left -= len(body)
        await self._pass_on(body, more=more or self._cut)
        if self._cut:
            self._on_cut()

    async def _pass_on(self, body: bytes, *, more: bool) -> None:
        if self._bytes_per_s is not None:
            size = max(1, int(self._bytes_per_s / _PIECES_PER_S))
            while len(body) > size:
                await self._send({"type": "http.response.body", "body": body[:size], "more_body": True})
                await anyio.sleep(size / self._bytes_per_s)
                body = body[size:]
            await anyio.sleep(len(body) / self._bytes_per_s)
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def _read(text: str) -> dict[str, Any]:
    """Read one fault: the member of a plan, and its value."""
    kind, _, value = text.partition("=")
    try:
        match kind:
            case "error" if value in STATUS_OF_CODE or value in STATUS_OF_COMMON_CODE:
                return {"error": value}
            case "cold-start" if 0 <= float(value) < float("inf"):
                return {"cold_start_s": float(value)}
            case "cut-after" if int(value) >= 0:
                return {"cut_after": int(value)}
            case "slow" if 0 < float(value) < float("inf"):
                return {"bytes_per_s": float(value)}
    except ValueError:
        pass  # not a number: refused below
    raise ConfigurationError(f"not a fault: {text!r}; there are {FORMS}")
