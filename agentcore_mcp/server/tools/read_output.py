"""The tool ``read_output``."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from mcp.types import CallToolResult  # noqa: TC002 - the SDK reads it
from pydantic import Field

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.results import Result
from agentcore_mcp.server.state import ToolContext  # noqa: TC001 - the SDK reads it
from agentcore_mcp.server.tools.publishing import Handle, bounded, publish
from agentcore_mcp.server.tools.requests import answering

DESCRIPTION = "Read the omitted text of a result, or the output so far of a running call, by its handle."
LIMIT_DEFAULT_CHARS = 20_000
LIMIT_MAX_CHARS = 40_000


class ReadOutputResult(Result):
    """A part of an output."""

    text: str
    next_offset: Annotated[int, Field(description="Pass this as offset to read on.")]
    total_bytes: Annotated[int, Field(description="Bytes kept so far.")]
    dropped_bytes: Annotated[int, Field(description="Bytes that were not kept.")]
    finished: Annotated[bool, Field(description="Whether the call has ended, so that no more will come.")]

    def as_text(self) -> str:
        """Show the part, then how to go on."""
        return (
            f"{self.text}\n[next_offset: {self.next_offset} of {self.total_bytes} bytes"
            f"{f', {self.dropped_bytes} more were not kept' if self.dropped_bytes else ''}"
            f"{'' if self.finished else ', and the call goes on'}]"
        )


async def read_output(
    handle: Handle,
    ctx: ToolContext,
    offset: Annotated[int, bounded("Where to begin: 0 (unless given), or next_offset of an earlier result.", 0)] = 0,
    limit: Annotated[
        int,
        bounded("How many characters: 1 to 40,000, 20,000 unless given.", 1, LIMIT_MAX_CHARS),
    ] = LIMIT_DEFAULT_CHARS,
    stream: Annotated[str, Field(description="stdout (unless given) or stderr, of a command.")] = "",
) -> Annotated[CallToolResult, ReadOutputResult]:
    """Read omitted text of a result."""
    with answering(ctx) as request:
        call = request.about(await request.caller.calls.named(handle))
        name = stream or next(iter(call.outputs))
        if name not in call.outputs:
            raise InvalidRequestError(f"stream is {stream!r}, and has to be one of {', '.join(call.outputs)}")
        if offset < 0 or not 1 <= limit <= LIMIT_MAX_CHARS:
            raise InvalidRequestError(f"offset has to be 0 or more, and limit 1 to {LIMIT_MAX_CHARS}")
        spool = call.outputs[name].spool
        shown = request.host.text_max_chars
        text, next_offset = await request.caller.calls.read(call, name, offset, min(limit, shown))
        return ReadOutputResult(
            text=text,
            next_offset=next_offset,
            total_bytes=spool.kept_bytes,
            dropped_bytes=spool.dropped_bytes,
            finished=call.finished,
        ).shown()


TOOL = partial(publish, read_output, "Read more output", DESCRIPTION, read_only=True)
