"""An AG-UI agent as the published package serves it, on port 8080 or that of its first argument."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

from ag_ui.core import (
    EventType,
    Interrupt,
    RunAgentInput,
    RunFinishedEvent,
    RunFinishedInterruptOutcome,
    RunStartedEvent,
    TextMessageChunkEvent,
)

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from bedrock_agentcore.runtime.ag_ui import AGUIApp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ag_ui.core import BaseEvent

app = AGUIApp()


@app.entrypoint
async def run(run_input: RunAgentInput) -> AsyncIterator[BaseEvent]:
    """Answer in two pieces; "ask" makes it ask first."""
    ids: dict[str, Any] = {"thread_id": run_input.thread_id, "run_id": run_input.run_id}
    yield RunStartedEvent(type=EventType.RUN_STARTED, **ids)
    said = run_input.messages[-1].content
    if said == "ask" and not run_input.resume:
        asked = Interrupt(id="question-1", reason="confirmation", message="Shall I?")
        outcome = RunFinishedInterruptOutcome(interrupts=[asked])
        yield RunFinishedEvent(type=EventType.RUN_FINISHED, outcome=outcome, **ids)
        return
    if run_input.resume:
        said = run_input.resume[0].payload
    for piece in ("You said: ", str(said)):
        yield TextMessageChunkEvent(type=EventType.TEXT_MESSAGE_CHUNK, message_id="m1", role="assistant", delta=piece)
    yield RunFinishedEvent(type=EventType.RUN_FINISHED, **ids)


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
