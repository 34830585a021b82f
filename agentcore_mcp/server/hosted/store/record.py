"""A handed-over or kept call in Redis: the record of the worker that reads it, and how much results have shown.

The prompt or command is not stored: nothing later needs it.
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
    """A call as the worker that reads it knows it: the fields are those of ``Call``, with texts by their names.

    Attributes:
        worker: The worker.
        shell: Name, asks and asked of the shell that it runs in.
        kept: How many bytes of a text are in Redis.
        dropped: How many bytes of it are not kept.
        unfinished: The last line of it, which may still change.
        failure: The error that the call failed with, as ``failure_of`` returns it.
        body_type: The media type of the body, which is in another field of the hash.
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
        """Return the record that a worker writes of a call."""
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
        said: The part that they showed of the unfinished line after that.
        kept: Whether they have shown the end, so that only the omitted text is still of use.
    """

    shown: dict[str, int]
    omitted: dict[str, int]
    said: dict[str, str] = {}
    kept: bool = False

    @classmethod
    def of(cls, call: Call, *, kept: bool) -> Self:
        """Return how much the results have shown of a call that this worker reads."""
        shown = {name: output.spool.kept_bytes for name, output in call.outputs.items()}
        omitted = {name: output.ever_omitted_chars for name, output in call.outputs.items()}
        return cls(shown=shown, omitted=omitted, kept=kept)


def failure_of(error: Exception) -> dict[str, Any]:
    """Return an error as JSON: the class and all fields if it is one of this package's, else nothing of it."""
    if isinstance(error, errors.AgentCoreError) and hasattr(errors, type(error).__name__):
        return {"type": type(error).__name__, "fields": vars(error)}
    return {"type": "", "fields": {}}


def error_of(failure: dict[str, Any]) -> Exception:
    """Return the error that ``failure_of`` was given."""
    kind = getattr(errors, failure["type"] or "-", None)
    fields = failure["fields"]
    if kind is None:
        # As for any unexpected error of a call, the result says no more than this.
        return RuntimeError("the call failed at another worker, which has logged why")
    error = kind.__new__(kind, fields["message"])
    if fields.get("auth_problem"):
        fields["auth_problem"] = errors.AuthProblem(fields["auth_problem"])
    vars(error).update(fields)
    assert isinstance(error, Exception)  # noqa: S101 - written by failure_of
    return error
