"""An A2A agent as the published package serves it: ``build_a2a_app``, and ``serve_a2a`` if this file is run."""

from __future__ import annotations

import asyncio
import os
import warnings
from typing import TYPE_CHECKING

from a2a.helpers.proto_helpers import new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.tasks import TaskUpdater
from a2a.types import Task, TaskState, TaskStatus

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from bedrock_agentcore.runtime.a2a import build_a2a_app, serve_a2a

if TYPE_CHECKING:
    from a2a.server.agent_execution import RequestContext
    from a2a.server.events import EventQueue


class Executor(AgentExecutor):
    """Answers in two pieces; "ask" makes it ask first, "exit" ends its process."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.task_id
        assert context.context_id
        if context.current_task is None:
            submitted = TaskStatus(state=TaskState.TASK_STATE_SUBMITTED)
            await event_queue.enqueue_event(Task(id=context.task_id, context_id=context.context_id, status=submitted))
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        said = context.get_user_input()
        if said == "exit":
            os._exit(3)
        if said == "ask":
            await updater.requires_input(new_text_message("Shall I?"))
            return
        for number, piece in enumerate(("You said: ", said)):
            await updater.add_artifact([new_text_part(piece)], artifact_id="answer", append=number > 0)
            await asyncio.sleep(0)
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.task_id
        assert context.context_id
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


app = build_a2a_app(Executor())

if __name__ == "__main__":
    serve_a2a(Executor())
