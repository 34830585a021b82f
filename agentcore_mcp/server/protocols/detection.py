"""Finds out about agents: which protocols they speak, and how their cards describe them."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.wire.characters import visible
from agentcore_mcp.wire.ids import LOCAL_ID_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentcore_mcp.config import Agent
    from agentcore_mcp.runtime.auth.sigv4 import SigV4Auth
    from agentcore_mcp.runtime.discovery import RuntimeFacts
    from agentcore_mcp.wire.ids import RuntimeArn

# How long the first use of an agent waits for its protocol, and how long a failed lookup counts.
LIMIT_S = 5.0
REFUSED_S = 600.0
# How much of a card's description is used: every model pays for it with each request. With three such agents,
# tools/list stays within 2,000 tokens.
CARD_MAX_CHARS = 70
CALLED = frozenset({"http", "a2a", "agui", "mcp", "harness"})


@dataclass(frozen=True, slots=True)
class Spoken:
    """The protocol that an agent speaks, as far as it is known.

    Attributes:
        protocol: The protocol.
        source: Where that information is from, or why it is only assumed.
        obstacle: Why the agent can't be called, or "".
        assumed: Whether the protocol is only assumed.
        until: When this expires, on the clock of ``Detection``.
    """

    protocol: str
    source: str = "configured"
    obstacle: str = ""
    assumed: bool = False
    until: float = math.inf


class Detection:
    """Finds out the protocols of agents, once for each runtime; concurrent calls share one lookup.

    Args:
        now: A clock, in seconds.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._found: dict[RuntimeArn, Spoken] = {}
        self._asking: dict[RuntimeArn, anyio.Lock] = {}
        self._descriptions: dict[RuntimeArn, str] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def of(self, agent: Agent, signer: SigV4Auth | None, endpoint_url: str | None = None) -> Spoken:
        """Return the protocol of an agent.

        Args:
            agent: The agent.
            signer: The signer of its requests, if they are signed.
            endpoint_url: Where requests go instead of to AWS; the lookup only goes there for a local AgentCore.
        """
        if (found := self.known(agent)) is None:
            async with self._asking.setdefault(agent.arn, anyio.Lock()):
                if (found := self.known(agent)) is None:
                    found = self._found[agent.arn] = await self._asked(agent, signer, endpoint_url)
        return found

    def known(self, agent: Agent) -> Spoken | None:
        """Return the protocol of an agent if it is already known."""
        if agent.arn.is_harness or agent.protocol != "auto":
            return Spoken("harness" if agent.arn.is_harness else agent.protocol)
        found = self._found.get(agent.arn)
        return None if found is None or found.until < self._now() else found

    def looked_up(self, agent: Agent, facts: RuntimeFacts) -> None:
        """Record what a listing says about an agent."""
        self._found[agent.arn] = _told(agent, facts)

    def learnt(self, agent: Agent, protocol: str) -> None:
        """Assume the protocol that an agent's response appears to use, unless the configuration names one."""
        self._found[agent.arn] = Spoken(protocol, "its last answer")

    def description_of(self, agent: Agent) -> str:
        """Return an agent's description: that of the configuration, or else that of its card, once it was read."""
        return agent.description or self._descriptions.get(agent.arn, "")

    def describe(self, agent: Agent, card: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Begin to read the card of an agent that has no description; only once, even if that fails."""
        if not agent.description and agent.arn not in self._descriptions:
            self._descriptions[agent.arn] = ""
            task = asyncio.create_task(self._describe(agent.arn, card))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _describe(self, arn: RuntimeArn, card: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        with suppress(AgentCoreError):
            words = " ".join(visible(str((await card()).get("description") or "")).split())
            self._descriptions[arn] = words if len(words) <= CARD_MAX_CHARS else f"{words[: CARD_MAX_CHARS - 1]}…"

    async def _asked(self, agent: Agent, signer: SigV4Auth | None, endpoint_url: str | None) -> Spoken:
        if not (signer if endpoint_url is None else agent.arn.runtime_id.endswith(LOCAL_ID_SUFFIX)):
            return Spoken("http", "assumed: only AWS credentials on AWS can look it up", assumed=True)
        # Imported here, as hosts wait for the start.
        from agentcore_mcp.runtime.discovery import runtime_facts

        why = f"no answer within {LIMIT_S:g} s"
        with anyio.move_on_after(LIMIT_S):
            try:
                profile = agent.auth.profile
                facts = await runtime_facts(signer, agent.arn, profile=profile, endpoint_url=endpoint_url)
                return _told(agent, facts)
            except AgentCoreError as error:
                why = error.message
        # A local AgentCore may not have been started yet.
        until = self._now() + (REFUSED_S if endpoint_url is None else 0)
        return Spoken("http", f"assumed: {why}", assumed=True, until=until)


def _told(agent: Agent, facts: RuntimeFacts) -> Spoken:
    obstacle = "" if facts.protocol in CALLED else f"it speaks {facts.protocol}, which this server does not"
    if facts.takes_tokens and (agent.auth.signs or agent.auth.none):
        obstacle = "it takes OAuth tokens, and no AWS credentials: configure it with auth"
    return Spoken(facts.protocol, "GetAgentRuntime", obstacle)
