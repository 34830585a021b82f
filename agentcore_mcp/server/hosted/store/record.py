"""What is in Redis of a call that was handed over or kept: by the worker that reads it, and by those who told of it.

The prompt or command is not: nothing that happens later needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel

from agentcore_mcp import errors
from agentcore_mcp.wire.eventstream import ContentStop  # noqa: TC001 - pydantic reads it
from agentcore_mcp.wire.pauses import Pause  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from agentcore_mcp.server.call import Call


class Record(BaseModel):
    """A call as the worker that reads it knows it; as in ``Call``, and for each text by its name.

    Attributes:
        worker: The worker.
        shell: Name, asks and asked of the shell that it runs in.
        kept: How many bytes of a text are in Redis.
        dropped: How many bytes of it are not kept.
        unfinished: Its line that has begun and may still change.
        failure: What ``failure_of`` made of what the call failed with.
        body_type: The media type of the body, which is kept beside this.
    """

    worker: str
    tool: str
    agent: str
    arn: str
    session_id: str
    called: str
    waiting_for: str
    max_chars: int
    timeout_s: int | None
    shell: tuple[str, str, int] | None = None
    kept: dict[str, int]
    dropped: dict[str, int]
    unfinished: dict[str, str]
    finished: bool = False
    stop: ContentStop | None = None
    pauses: tuple[Pause, ...] = ()
    endpoint_url: str = ""
    failure: dict[str, Any] | None = None
    cancelled: bool = False
    body_type: str = ""

    @classmethod
    def of(cls, call: Call, worker: str, kept: dict[str, int], dropped: dict[str, int], *, ended: bool) -> Self:
        """Return what a worker writes of a call."""
        agent, shell, body = call.session.target.agent, call.shell, call.body
        return cls(
            worker=worker,
            tool=call.tool,
            agent=agent.name,
            arn=str(agent.arn),
            session_id=call.session.session_id,
            called=call.session.called,
            waiting_for=call.waiting_for,
            max_chars=call.max_chars,
            timeout_s=call.timeout_s,
            shell=None if shell is None else (shell.name, shell.asks, shell.asked),
            kept=kept,
            dropped=dropped,
            unfinished={name: output.unfinished for name, output in call.outputs.items()},
            finished=ended,
            stop=call.stop,
            pauses=tuple(call.pauses),
            endpoint_url=call.endpoint_url,
            failure=None if call.failure is None or not ended else failure_of(call.failure),
            cancelled=call.cancelled,
            body_type="" if body is None or not ended else body.content_type,
        )

    def tell(self, call: Call) -> None:
        """Note how the call ended, if it has."""
        call.stop, call.pauses, call.endpoint_url = self.stop, self.pauses, self.endpoint_url
        call.failure, call.cancelled = None if self.failure is None else error_of(self.failure), self.cancelled


class Told(BaseModel):
    """How much of a call its results so far have shown, for each text by its name.

    Attributes:
        shown: Up to which byte.
        omitted: How many characters they left out.
        said: What they showed of the line after that, which had only begun.
        kept: Whether they have told the end, so that what they left out alone is still wanted.
    """

    shown: dict[str, int]
    omitted: dict[str, int]
    said: dict[str, str] = {}
    kept: bool = False

    @classmethod
    def of(cls, call: Call, *, kept: bool) -> Self:
        """Return how much the results of a call have shown that this worker reads."""
        shown = {name: output.spool.kept_bytes for name, output in call.outputs.items()}
        omitted = {name: output.ever_omitted_chars for name, output in call.outputs.items()}
        return cls(shown=shown, omitted=omitted, kept=kept)


def failure_of(error: Exception) -> dict[str, Any]:
    """Return an error as JSON: of what this package raises, the class and all that is known."""
    if isinstance(error, errors.AgentCoreError) and hasattr(errors, type(error).__name__):
        return {"type": type(error).__name__, "fields": vars(error)}
    return {"type": "", "fields": {}}


def error_of(failure: dict[str, Any]) -> Exception:
    """Return the error again."""
    kind = getattr(errors, failure["type"] or "-", None)
    fields = failure["fields"]
    if kind is None:
        # As much as anybody is told who attends to a call that fails in a way that nobody foresaw.
        return RuntimeError("the call failed at another worker, which has logged why")
    error = kind.__new__(kind, fields["message"])
    if fields.get("auth_problem"):
        fields["auth_problem"] = errors.AuthProblem(fields["auth_problem"])
    vars(error).update(fields)
    assert isinstance(error, Exception)  # noqa: S101 - written by failure_of
    return error
