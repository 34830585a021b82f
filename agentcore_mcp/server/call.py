"""One call of an agent or of a command: what it has brought in so far, and what has become of it.

It does not know how many others there are: ``calls`` does, and keeps to the limits.
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

    It is NEW until a request attends to it. If that can't wait any longer, the call goes on UNATTENDED, and is
    UNCOLLECTED once it has ended; another request may attend to it in either. After its end was reported, it is KEPT if
    its results omitted text. Of a GONE call, only the reason is left.
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
    """Follows a call that another worker may read; ``hosted.store.follower`` has it.

    Attributes:
        cancelled: Whether the request was cancelled, and the call is to be with it.
    """

    cancelled: bool

    async def run(self, call: Call) -> None:
        """Bring in what comes, to the end of the call."""

    async def cancel(self) -> None:
        """Have the call ended by the worker that reads it."""

    async def leave(self, call: Call) -> None:
        """Let a later request have the call, which goes on."""

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
        outputs: Its texts by name, the first being the one that is meant without a name.
        max_chars: How many characters of its texts a result shows.
        timeout_s: After how many seconds the service ends it, if it is a command.
        shell: What runs it, if it is a command in a shell that stays.
        handle: What a later request names it by.
        phase: Its phase; the methods change it.
        gone: Why its texts were deleted, once it is GONE.
        failure: What it ended with, unless it ended well.
        cancelled: Whether its user cancelled it by its handle.
        stop: How a command ended.
        pauses: What the agent waits for a person to answer, now that its answer has ended.
        kept: What the agent's protocol keeps of it for the next turn.
        endpoint_url: Where servers in the session are reached, if its runtime allows that.
        body: What the agent answered with, if that was more than text: a picture, or the result of a tool.
        question: What a tool asks the user, for the next request to answer; see ``tools.call_agent_tool``.
        finished: Whether nothing more comes.
        progress: What tells the request that attends to it, while one does.
        task: What carries it out.
        deadline: Ends it, unless a request collects it in time.
        account: Of the request that it began with, if somebody wants one.
        stored: Follows it in the store, if another request began it there.
        live: What the live view shows of it, if that may be shown.
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
            # The worker that reads it counts it.
            self.account = None

    def add(self, name: str, text: str, *, mark: str = "") -> None:
        """Take a piece of one of the texts, and pass it on to the request that attends.

        Args:
            name: Of the text.
            text: The piece.
            mark: What each of its lines begins with as progress.
        """
        shown = self.outputs[name].add(text)
        if self.account is not None and text:
            self.account.received(text)
        if self.live is not None and text:
            self.live.take(name, text)
        if self.progress is not None:
            self.progress.add(shown, source=name, mark=mark)

    def note(self, text: str) -> None:
        """Show lines as progress that are no part of the result; an empty text only has watchers look."""
        if self.live is not None:
            self.live.take(NOTES, text)
        if self.progress is not None:
            self.progress.add(text, source=NOTES)

    def attend(self, progress: Progress) -> None:
        """Let a request have what comes, and the end, which may have come already."""
        self._become(Phase.ATTENDED)
        self._forget_deadline()
        self.progress = progress
        if self.finished:
            progress.close()

    def hand_off(self, deadline: asyncio.TimerHandle) -> None:
        """Go on with no request that attends, until the deadline."""
        self._become(Phase.UNATTENDED)
        self.deadline = deadline

    def finish(self) -> None:
        """Take it that nothing more comes."""
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
        """Keep the texts to be read, after the end was reported."""
        self._become(Phase.KEPT)
        for output in self.outputs.values():
            output.keep_all()

    def let_go(self, why: str) -> None:
        """Give up the texts, also on disk; ``why`` says what became of the call, after its name in a sentence."""
        self._become(Phase.GONE)
        self.gone = why
        for output in self.outputs.values():
            output.spool.close()
        self.outputs.clear()

    def cancel(self, *, by_user: bool = False) -> None:
        """End the call, if it goes on; ``by_user`` if its user asked for that by its handle."""
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
        """What is kept of the call, by name: its texts, and what the live view shows."""
        texts = {name: output.spool for name, output in self.outputs.items()}
        return texts if self.live is None else {**texts, LIVE: self.live}

    @property
    def omitted_chars(self) -> int:
        """How many characters the current result leaves out."""
        return sum(output.omitted_chars for output in self.outputs.values())

    @property
    def ever_omitted_chars(self) -> int:
        """How many characters no result shows, the current one or one before."""
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
    """Return the refusal of a call that a request attends to already."""
    return InvalidRequestError(f"the call {handle!r} is being waited for by another request, which gets the rest")
