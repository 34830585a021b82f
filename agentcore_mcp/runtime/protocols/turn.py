"""A turn of a conversation with an agent, its prompt and its answer, the same in every protocol.

A protocol is a class with the method ``ask``, whose ``async with`` block is entered when the head of the answer has
arrived. Its answers are read in the same way as an ``Invocation``, and by the same ``AnswerText``.
"""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.runtime.requests import new_session_id

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from agentcore_mcp.runtime.bodies import Invocation
    from agentcore_mcp.runtime.client import RuntimeClient
    from agentcore_mcp.wire.ids import Runtime
    from agentcore_mcp.wire.pauses import Pause


@dataclass(frozen=True, slots=True)
class Turn:
    """The next input for an agent.

    Attributes:
        prompt: The prompt, or the answer to the pauses.
        session_id: The session, 33 to 256 visible ASCII characters; a new one by default.
        pauses: The pauses of the previous turn: ``AnswerText.pauses`` of its answer.
        kept: ``TurnAnswer.kept`` of the previous turn.
    """

    prompt: str
    session_id: str = field(default_factory=new_session_id)
    pauses: Sequence[Pause] = ()
    kept: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class TurnAnswer:
    """An agent's answer whose head has arrived. Iterate it once for its pieces, inside its ``async with`` block.

    Attributes:
        session_id: The session that answered: the requested one, unless the service names another.
        request_id: The id that AWS support asks for, when there is one.
        batches: The pieces in lists as they arrive; no list is empty: as ``Invocation.batches``.
        kept: The protocol's state for the next turn of the session: a small JSON object, such as the id of a task. It
            is updated before the piece that changes it is returned.
        endpoint_url: The URL of the session's own servers, if the runtime allows that.
        card: Reads the agent's card from the session, in a protocol with cards; raises AgentCoreError.
    """

    session_id: str
    request_id: str | None
    batches: AsyncGenerator[list[str], None] = field(repr=False)
    kept: dict[str, Any] = field(default_factory=dict)
    endpoint_url: str | None = None
    card: Callable[[], Awaitable[dict[str, Any]]] | None = field(default=None, repr=False)

    async def __aiter__(self) -> AsyncIterator[str]:
        async for pieces in self.batches:
            for piece in pieces:
                yield piece


@dataclass(frozen=True, slots=True)
class Route:
    """The route to an agent: a client, the runtime, and the parameters of every request.

    Attributes:
        client: Sends the requests.
        runtime: The runtime's ARN, or a ``RuntimeId``.
        qualifier: The endpoint's name; None leaves the choice to the service (DEFAULT).
        user_id: The user on whose behalf requests are sent; as for ``RuntimeClient.invoke``.
        headers: Further headers.
        read_timeout_s: Limit for silence, instead of the client's.
    """

    client: RuntimeClient
    runtime: Runtime | str
    _: KW_ONLY
    qualifier: str | None = None
    user_id: str | None = None
    headers: Mapping[str, str] | None = None
    read_timeout_s: float | None = None

    def invoke(
        self,
        payload: bytes,
        session_id: str,
        *,
        headers: Mapping[str, str] | None = None,
        read_timeout_s: float | None = None,
    ) -> AbstractAsyncContextManager[Invocation]:
        """Send a payload, as ``RuntimeClient.invoke`` does.

        Args:
            payload: What the agent receives.
            session_id: The session.
            headers: Further headers of this request only.
            read_timeout_s: Limit for silence, instead of the route's.
        """
        return self.client.invoke(
            self.runtime,
            payload,
            session_id=session_id,
            qualifier=self.qualifier,
            user_id=self.user_id,
            headers={**(self.headers or {}), **(headers or {})},
            read_timeout_s=read_timeout_s or self.read_timeout_s,
        )


class AskedAgent(Protocol):
    """An agent, called in its own protocol."""

    def ask(self, turn: Turn) -> AbstractAsyncContextManager[TurnAnswer]:
        """Ask the agent.

        Raises:
            AgentCoreError: As ``RuntimeClient.invoke`` does, and if the agent reports in its protocol that it failed.
        """


@asynccontextmanager
async def answer_to(
    invoking: AbstractAsyncContextManager[Invocation],
    look: Callable[[str], None],
    kept: dict[str, Any] | None = None,
    at_end: Callable[[], None] = lambda: None,
) -> AsyncGenerator[TurnAnswer, None]:
    """Yield the answer to an invocation; ``look`` is called with each piece before it is returned, and may raise.

    ``at_end`` is called when the answer has ended, and may raise too.
    """
    async with invoking as invocation, aclosing(_looked_at(invocation, look, at_end)) as batches:
        kept = {} if kept is None else kept
        yield TurnAnswer(invocation.session_id, invocation.request_id, batches, kept, invocation.endpoint_url)


async def _looked_at(
    invocation: Invocation, look: Callable[[str], None], at_end: Callable[[], None]
) -> AsyncGenerator[list[str], None]:
    """Yield the batches of an answer; if ``look`` raises for a piece, the pieces before it are yielded first."""
    async for batch in invocation.batches:
        for position, piece in enumerate(batch):
            try:
                look(piece)
            except AgentCoreError:
                if position:
                    yield batch[:position]
                raise
        yield batch
    at_end()
