"""The sample AG-UI agent, read by the models of ``ag-ui-protocol``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from ag_ui.core import Event, EventType, RunAgentInput
from pydantic import TypeAdapter

from agentcore_mcp.wire.headers import SESSION_HEADER
from tests.support.agentcore import new_session_id
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from ag_ui.core import BaseEvent

EVENT: TypeAdapter[Any] = TypeAdapter(Event)


def run_input(text: str, **members: Any) -> dict[str, Any]:
    """Return a ``RunAgentInput`` as its model writes it."""
    messages = [{"id": "m1", "role": "user", "content": text}]
    value = {"threadId": "t1", "runId": "r1", "messages": messages, **members}
    return RunAgentInput.model_validate(value).model_dump(by_alias=True, exclude_none=True, mode="json")


def read(line: str) -> BaseEvent:
    event: BaseEvent = EVENT.validate_python(json.loads(line.removeprefix("data: ")))
    assert not event.model_extra, "a member that the protocol doesn't have"
    return event


@pytest.fixture
def session_id() -> str:
    return new_session_id()


def events(url: str, session_id: str, payload: dict[str, Any]) -> list[Any]:
    answer = httpx2.post(url, json=payload, headers={SESSION_HEADER: session_id}, timeout=WAIT_S)
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [read(line) for line in answer.text.split("\n\n") if line]


def test_words_are_streamed_between_the_start_and_the_end_of_a_run(urls: dict[str, str], session_id: str) -> None:
    started, *words, finished = events(urls["agui"], session_id, run_input("hello"))

    assert (started.type, finished.type) == (EventType.RUN_STARTED, EventType.RUN_FINISHED)
    assert (started.thread_id, finished.run_id) == ("t1", "r1")
    assert "".join(event.delta for event in words).startswith('You said "hello".')
    assert len(words) > 1
    assert len({event.message_id for event in words}) == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"status": "resolved", "payload": {"approved": True}}, 'You answered: {"approved": true}'),
        ({"status": "cancelled"}, "Never mind."),
    ],
)
def test_an_interrupt_is_answered_by_the_next_run(
    urls: dict[str, str], session_id: str, reply: dict[str, Any], words: str
) -> None:
    asked = events(urls["agui"], session_id, run_input("ask Shall I deploy?"))
    (interrupt,) = asked[-1].outcome.interrupts
    resume = [{"interruptId": interrupt.id, **reply}]
    resumed = events(urls["agui"], session_id, run_input("ask Shall I deploy?", resume=resume))

    assert (interrupt.message, interrupt.response_schema["type"]) == ("Shall I deploy?", "object")
    assert "".join(getattr(event, "delta", "") for event in resumed) == words


def test_another_request_is_refused(urls: dict[str, str], session_id: str) -> None:
    answer = httpx2.post(urls["agui"], json={"prompt": "hi"}, headers={SESSION_HEADER: session_id}, timeout=WAIT_S)

    assert answer.status_code == 424
    assert "Received error (400)" in answer.json()["message"]
    assert "It was asked for POST /invocations, as an agent with the protocol 'agui'" in answer.json()["message"]


def test_a_tool_call_state_results_and_failures_are_told(urls: dict[str, str], session_id: str) -> None:
    called = events(urls["agui"], session_id, run_input("tool"))
    answered = events(urls["agui"], session_id, run_input("json"))
    failed = events(urls["agui"], session_id, run_input("fail"))

    assert [event.type.value for event in called][1:-1] == [
        "TOOL_CALL_START",
        "TOOL_CALL_ARGS",
        "TOOL_CALL_END",
        "CUSTOM",
        "TOOL_CALL_RESULT",
        "STATE_SNAPSHOT",
    ]
    assert answered[-1].result["prompt"] == "json"
    assert (failed[-1].type, failed[-1].message) == (EventType.RUN_ERROR, "you told me to fail")
