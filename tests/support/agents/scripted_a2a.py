"""A2A agents that do what the prompt says, made with the SDK: ``app`` takes 0.3 and 1.0, ``strict`` 1.0 alone."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING

from a2a.helpers.proto_helpers import new_data_part, new_raw_part, new_text_message, new_text_part, new_url_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Task, TaskState, TaskStatus
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from bedrock_agentcore.runtime.a2a import build_a2a_app

if TYPE_CHECKING:
    from a2a.server.agent_execution import RequestContext
    from a2a.server.events import EventQueue

# How long "slow" takes for each of its words.
WORD_S = 0.1
RUNS: list[str] = []


class Executor(AgentExecutor):
    """See ``execute``."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        said = context.get_user_input()
        RUNS.append(said)
        if said == "message":
            await event_queue.enqueue_event(new_text_message("only a message"))
            return
        assert context.task_id
        assert context.context_id
        task = TaskUpdater(event_queue, context.task_id, context.context_id)
        if context.current_task is None:
            submitted = TaskStatus(state=TaskState.TASK_STATE_SUBMITTED)
            await event_queue.enqueue_event(Task(id=task.task_id, context_id=task.context_id, status=submitted))
        match said:
            case "artifacts":
                await task.start_work()
                for number, piece in enumerate(("It is ", "noon.")):
                    await task.add_artifact(
                        [new_text_part(piece)], artifact_id="words", append=number > 0, last_chunk=number == 1
                    )
                await task.add_artifact([new_data_part({"hour": "noon"})], artifact_id="data")
                pdf = new_raw_part(b"ABC", filename="clock.pdf", media_type="application/pdf")
                await task.add_artifact([pdf, new_url_part("https://example.com/clock", filename="clock")])
                await task.complete()
            case "slow":
                for number in range(20):
                    await task.add_artifact([new_text_part(f"word{number} ")], artifact_id="words", append=number > 0)
                    await asyncio.sleep(WORD_S)
                await task.complete()
            case "long":
                await task.start_work(new_text_message("On it"))
                await asyncio.sleep(60)
            case "input":
                await task.requires_input(new_text_message("Which city?"))
            case "auth":
                await task.requires_auth(new_text_message("Sign in at https://example.com"))
            case "fail":
                await task.add_artifact([new_text_part("half ")])
                await task.failed(new_text_message("the disk is full"))
            case "reject":
                await task.reject(new_text_message("not my job"))
            case "runs":
                await task.add_artifact([new_text_part(", ".join(RUNS))])
                await task.complete()
            case "raise":
                raise ValueError("boom")
            case _:
                await task.add_artifact([new_text_part(f"{said} in {task.context_id}")])
                await task.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.task_id
        assert context.context_id
        RUNS.append(f"cancel {context.task_id}")
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def _card(*, streaming: bool = True) -> AgentCard:
    return AgentCard(
        name="clock",
        description="Knows the time in every city",
        version="1.0.0",
        capabilities=AgentCapabilities(streaming=streaming),
        skills=[AgentSkill(id="time", name="Time", description="Tells the time", tags=["time"])],
        default_input_modes=["text"],
        default_output_modes=["text"],
        supported_interfaces=[AgentInterface(protocol_binding="JSONRPC", protocol_version="1.0", url="http://x/")],
    )


def _strict() -> Starlette:
    card = _card()
    handler = DefaultRequestHandler(agent_executor=Executor(), task_store=InMemoryTaskStore(), agent_card=card)
    routes = [*create_agent_card_routes(card), *create_jsonrpc_routes(request_handler=handler, rpc_url="/")]
    return Starlette(routes=[Route("/ping", lambda _: PlainTextResponse("{}")), *routes])


app = build_a2a_app(Executor(), _card())
unstreamed = build_a2a_app(Executor(), _card(streaming=False))
strict = _strict()
