"""One call of an agent or of a command: its output so far, and its outcome.

``calls`` enforces the limits on the number of calls.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol

from agentcore_mcp.errors import InvalidRequestError, StreamInterruptedError
from agentcore_mcp.server.hosted.accounts import current_account
from agentcore_mcp.server.live.log import LIVE, NOTES
from agentcore_mcp.server.output import RESULT_MAX_CHARS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from agentcore_mcp.server.hosted.accounts import Account
    from agentcore_mcp.server.hosted.shells import InShell
    from agentcore_mcp.server.live.log import LiveLog
    from agentcore_mcp.server.output import Output
    from agentcore_mcp.server.progress import Progress
    from agentcore_mcp.server.sessions import Session
    from agentcore_mcp.server.spool import Spool
    from agentcore_mcp.wire.eventstream import ContentStop
    from agentcore_mcp.wire.pauses import Pause
    from agentcore_mcp.wire.pieces import Binary


class Phase(Enum):
    """The phases of a call.

    A call is NEW until a request attends to it. If that request can't wait any longer, the call goes on UNATTENDED, and
    is UNCOLLECTED once it has ended; another request may attend to it in both phases. After its end was reported, it is
    KEPT if its results omitted text. Of a GONE call, only the reason is left.
    """

    NEW = auto()
    ATTENDED = auto()
    UNATTENDED = auto()
    UNCOLLECTED = auto()
    KEPT = auto()
    GONE = auto()


_MAY_BECOME = {
    Phase.NEW: {Phase.ATTENDED},
    Phase.ATTENDED: {Phase.UNATTENDED, Phase.KEPT, Phase.GONE},
    Phase.UNATTENDED: {Phase.ATTENDED, Phase.UNCOLLECTED},
    Phase.UNCOLLECTED: {Phase.ATTENDED, Phase.GONE},
    Phase.KEPT: {Phase.GONE},
    Phase.GONE: set[Phase](),
}


class Following(Protocol):
    """Follows a call that another worker may be reading; implemented in ``hosted.store.follower``.

    Attributes:
        cancelled: Whether the request was cancelled, so that the call has to be cancelled, too.
    """

    cancelled: bool

    async def run(self, call: Call) -> None:
        """Receive the call's output until it ends."""

    async def cancel(self) -> None:
        """Have the worker that reads the call end it."""

    async def leave(self, call: Call) -> None:
        """Leave the call, which goes on, to a later request."""

    async def settle(self, call: Call, why: str) -> None:
        """Keep an ended call, or note why nothing of it is kept."""


@dataclass(slots=True, eq=False)
class Call:
    """One call, from its request to its last piece.

    Attributes:
        tool: The tool that it is a call of.
        session: The session that it runs in.
        sent: The prompt or the command, as it is sent.
        waiting_for: What a heartbeat says it is waiting for.
        outputs: Its texts by name; the first is the default.
        max_chars: How many characters of its texts a result shows.
        timeout_s: After how many seconds the service ends it, if it is a command.
        shell: Its shell, if it is a command in a persistent shell.
        handle: The handle by which a later request names it.
        phase: Its phase; the methods change it.
        gone: Why its texts were deleted, once it is GONE.
        failure: The error that it ended with, if any.
        cancelled: Whether its user cancelled it by its handle.
        stop: How a command ended.
        pauses: The questions with which the agent's response ended, and which a person has to answer.
        kept: State of the agent's protocol for the next turn.
        endpoint_url: Where servers in the session are reached, if its runtime allows that.
        body: The agent's response, if it was more than text: an image, or a tool result.
        question: A tool's question to the user, which the next request answers; see ``tools.call_agent_tool``.
        finished: Whether its output is complete.
        progress: Reports to the request that attends to it, while one does.
        task: The task that carries it out.
        deadline: The timer that ends it, unless a request collects it in time.
        account: The account of the request that began it, if one is kept.
        stored: The follower that reads it from the store, if another request began it.
        live: Its log for the live view, if it may be shown there.
    """

    tool: str
    session: Session
    sent: str
    waiting_for: str
    outputs: dict[str, Output]
    max_chars: int = RESULT_MAX_CHARS
    timeout_s: int | None = None
    shell: InShell | None = None
    # 72 bits: it can't be guessed by another client of the same server.
    handle: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    phase: Phase = field(default=Phase.NEW, init=False)
    gone: str = field(default="", init=False)
    failure: Exception | None = None
    cancelled: bool = False
    stop: ContentStop | None = None
    pauses: Sequence[Pause] = ()
    kept: dict[str, Any] = field(default_factory=dict, init=False)
    endpoint_url: str = ""
    body: Binary | None = field(default=None, init=False)
    question: Any = field(default=None, init=False)
    finished: bool = field(default=False, init=False)
    progress: Progress | None = field(default=None, init=False)
    task: asyncio.Task[None] | None = None
    deadline: asyncio.TimerHandle | None = field(default=None, init=False)
    stored: Following | None = None
    live: LiveLog | None = None
    account: Account | None = field(default_factory=current_account, init=False)

    def __post_init__(self) -> None:
        if self.account is not None:
            self.account.agent, self.account.session_id = self.session.agent, self.session.session_id
        if self.stored is not None:
            # The worker that reads the call counts it.
            self.account = None

    def add(self, name: str, text: str, *, mark: str = "") -> None:
        """Append a piece to one of the texts, and pass it on to the attending request.

        Args:
            name: The text's name.
            text: The piece.
            mark: The prefix of its lines in progress messages.
        """
        shown = self.outputs[name].add(text)
        if self.account is not None and text:
            self.account.received(text)
        if self.live is not None and text:
            self.live.take(name, text)
        if self.progress is not None:
            self.progress.add(shown, source=name, mark=mark)

    def note(self, text: str) -> None:
        """Show lines in progress messages but not in the result; an empty text only wakes the watchers."""
        if self.live is not None:
            self.live.take(NOTES, text)
        if self.progress is not None:
            self.progress.add(text, source=NOTES)

    def attend(self, progress: Progress) -> None:
        """Pass further output to a request, and the end, even if the call has already ended."""
        self._become(Phase.ATTENDED)
        self._forget_deadline()
        self.progress = progress
        if self.finished:
            progress.close()

    def hand_off(self, deadline: asyncio.TimerHandle) -> None:
        """Go on without an attending request, until the deadline."""
        self._become(Phase.UNATTENDED)
        self.deadline = deadline

    def finish(self) -> None:
        """Mark the output as complete."""
        for output in self.outputs.values():
            output.close()
        self.finished = True
        self._forget_deadline()
        if self.phase is Phase.UNATTENDED:
            self._become(Phase.UNCOLLECTED)
        if self.progress is not None:
            self.progress.close()
        if self.live is not None:
            self.live.wake()

    def keep(self) -> None:
        """Keep the texts readable after the end was reported."""
        self._become(Phase.KEPT)
        for output in self.outputs.values():
            output.keep_all()

    def let_go(self, why: str) -> None:
        """Delete the texts, also on disk; ``why`` completes a sentence that begins with the call's name."""
        self._become(Phase.GONE)
        self.gone = why
        for output in self.outputs.values():
            output.spool.close()
        self.outputs.clear()

    def cancel(self, *, by_user: bool = False) -> None:
        """Cancel the call if it is still running; ``by_user`` if its user requested that by its handle."""
        if self.task is None or self.finished or (by_user and self.cancelled):
            return
        if by_user:
            self.cancelled = True
            self.failure = StreamInterruptedError(
                "the user cancelled this call; what it has begun in its session may go on there"
            )
        self.task.cancel()

    @property
    def spools(self) -> dict[str, Spool]:
        """The stored output of the call, by name: its texts, and the log of the live view."""
        texts = {name: output.spool for name, output in self.outputs.items()}
        return texts if self.live is None else {**texts, LIVE: self.live}

    @property
    def omitted_chars(self) -> int:
        """How many characters the current result leaves out."""
        return sum(output.omitted_chars for output in self.outputs.values())

    @property
    def ever_omitted_chars(self) -> int:
        """How many characters all results so far leave out, the current one included."""
        return sum(output.ever_omitted_chars for output in self.outputs.values())

    def _become(self, phase: Phase) -> None:
        if phase not in _MAY_BECOME[self.phase]:
            raise RuntimeError(f"a call that is {self.phase.name} can't become {phase.name}")
        if self.account is not None:
            self.account.entered(self.phase, phase)
        self.phase = phase

    def _forget_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def waited_for(handle: str) -> InvalidRequestError:
    """Return the error for a call that another request is already attending to."""
    return InvalidRequestError(f"the call {handle!r} is being waited for by another request, which gets the rest")
