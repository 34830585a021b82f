"""One call of an agent or of a command: what it has brought in so far, and who is to be told.

It does not know who waits for it, or how many others there are: ``calls`` does.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from agentcore_mcp.server.output import Output
    from agentcore_mcp.server.progress import Progress
    from agentcore_mcp.wire.eventstream import ContentStop

# 72 bits: a handle can't be guessed by another client of the same server.
_HANDLE_BYTES = 9


@dataclass(slots=True, eq=False)
class Call:
    """One call, from its request to its last piece.

    Attributes:
        tool: The tool that it is a call of.
        agent: The name of the agent that is called.
        session_id: The session that it runs in.
        waiting_for: What a heartbeat says it is waiting for.
        outputs: Its texts by name, the first being the one that is meant without a name.
        timeout_s: After how many seconds the service ends it, if it is a command.
        handle: What a later request names it by.
        failure: What it ended with, unless it ended well.
        stop: How a command ended.
        finished: Whether nothing more comes.
        progress: What tells whoever attends to it, while somebody does.
        task: What carries it out.
        deadline: Ends it, if nobody collects it in time.
    """

    tool: str
    agent: str
    session_id: str
    waiting_for: str
    outputs: dict[str, Output]
    timeout_s: int | None = None
    handle: str = field(default_factory=lambda: secrets.token_urlsafe(_HANDLE_BYTES))
    failure: Exception | None = None
    stop: ContentStop | None = None
    finished: bool = False
    progress: Progress | None = None
    task: asyncio.Task[None] | None = None
    deadline: asyncio.TimerHandle | None = None

    def add(self, name: str, text: str, *, mark: str = "") -> None:
        """Take a piece of one of the texts, and pass it on to whoever attends.

        Args:
            name: Of the text.
            text: The piece.
            mark: What each of its lines begins with as progress.
        """
        shown = self.outputs[name].add(text)
        if self.progress is not None:
            self.progress.add(shown, source=name, mark=mark)

    def note(self, text: str) -> None:
        """Show lines as progress that are no part of the result."""
        if self.progress is not None:
            self.progress.add(text, source="notes")

    def finish(self) -> None:
        """Take it that nothing more comes."""
        for output in self.outputs.values():
            output.close()
        self.finished = True
        self.forget_deadline()
        if self.progress is not None:
            self.progress.close()

    def forget_deadline(self) -> None:
        """Let the call go on for as long as it takes."""
        if self.deadline is not None:
            self.deadline.cancel()

    def cancel(self) -> None:
        """End the call, if it goes on."""
        if self.task is not None:
            self.task.cancel()

    @property
    def omitted_chars(self) -> int:
        """How many characters the current result leaves out."""
        return sum(output.omitted_chars for output in self.outputs.values())

    @property
    def ever_omitted_chars(self) -> int:
        """How many characters no result shows, the current one or one before."""
        return sum(output.ever_omitted_chars for output in self.outputs.values())


def discard(call: Call) -> None:
    """Give up what is kept of a call."""
    for output in call.outputs.values():
        output.spool.close()
