"""A2A on the line: answers that break off, that are no answers, and agents that refuse what they are asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from agentcore_mcp.errors import (
    AgentCoreError,
    AgentError,
    ProtocolError,
    ResponseTimeoutError,
    StreamInterruptedError,
    WrongProtocolError,
)
from agentcore_mcp.runtime import AnswerText
from agentcore_mcp.runtime.protocols.a2a import A2AAgent
from agentcore_mcp.runtime.protocols.turn import Route, Turn
from tests.support.clients import ARN, SESSION_ID, client_of
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, reply
from tests.support.sse import encode_sse
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

IDS = {"taskId": "t-1", "contextId": "c-1"}
CUT = "cut"
OPEN = "open"


def status(state: str, text: str = "") -> dict[str, Any]:
    message = {"kind": "message", "role": "agent", "messageId": text, "parts": [{"kind": "text", "text": text}]}
    return {"kind": "status-update", **IDS, "status": {"state": state, **({"message": message} if text else {})}}


def artifact(text: str, *, append: bool = True, name: str = "a") -> dict[str, Any]:
    parts = [{"kind": "text", "text": text}]
    return {"kind": "artifact-update", **IDS, "append": append, "artifact": {"artifactId": name, "parts": parts}}


def task(state: str, *texts: str) -> dict[str, Any]:
    artifacts = [
        {"artifactId": name, "parts": [{"kind": "text", "text": text}]}
        for name, text in zip("abc", texts, strict=False)
    ]
    return {"kind": "task", "id": "t-1", "contextId": "c-1", "status": {"state": state}, "artifacts": artifacts}


def error(code: int, message: str = "no") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


@dataclass
class Script:
    """Answers each method with its next list of results; CUT breaks the stream off, OPEN leaves it open."""

    answers: dict[str, list[Sequence[Any]]]
    asked: list[dict[str, Any]] = field(default_factory=list)
    line_end: str = "\n"

    async def __call__(self, exchange: Exchange) -> None:
        request = json.loads(exchange.request.body)
        self.asked.append(request)
        waiting = self.answers.get(request["method"], [])
        events = waiting.pop(0) if waiting else [error(-32601, "Method not found")]
        if len(events) == 1 and not request["method"].endswith(("stream", "resubscribe", "ToTask")):
            body = json.dumps(self._envelope(request, events[0])).encode() if events[0] != CUT else b""
            await exchange.send(b"" if events[0] == CUT else reply(body=body, content_type="application/json"))
            return
        await exchange.send(chunked("text/event-stream"))
        for event in events:
            if event == CUT:
                return
            if event == OPEN:
                await anyio.sleep_forever()
            data = event if isinstance(event, str) else json.dumps(self._envelope(request, event))
            await exchange.send(chunk(encode_sse(data).replace(b"\n", self.line_end.encode())))
        await exchange.send(LAST_CHUNK)

    @staticmethod
    def _envelope(request: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        answer = event if event.keys() & {"error", "id", "jsonrpc"} and "kind" not in event else {"result": event}
        return {"jsonrpc": "2.0", "id": request["id"], **answer}

    @property
    def methods(self) -> list[str]:
        return [request["method"] for request in self.asked]


async def heard(
    script: Script, turn: Turn | None = None, *, read_timeout_s: float | None = None
) -> tuple[str, dict[str, Any]]:
    """Ask, and return the words and what is kept; what is raised has both in its notes."""
    text, words = AnswerText(), ""
    async with client_of(script) as (client, _):
        with anyio.fail_after(WAIT_S):
            try:
                route = Route(client, ARN, read_timeout_s=read_timeout_s)
                async with A2AAgent(route).ask(turn or Turn("hi", SESSION_ID)) as answer:
                    async for piece in answer:
                        words += text.feed(piece)
            except AgentCoreError as raised:
                raised.add_note(words)
                raise
    return words + text.close(), answer.kept


BEGUN, FIRST, SECOND, DONE = task("submitted"), artifact("one ", append=False), artifact("two"), status("completed")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
async def test_a_stream_that_ends_with_its_task_asks_nothing_more(line_end: str) -> None:
    script = Script({"message/stream": [[BEGUN, FIRST, SECOND, DONE]]}, line_end=line_end)

    assert await heard(script) == ("one two", {"contextId": "c-1"})
    assert script.methods == ["message/stream"]


@pytest.mark.parametrize("sent", [[BEGUN], [BEGUN, FIRST], [BEGUN, FIRST, SECOND], [BEGUN, FIRST, SECOND, DONE]])
@pytest.mark.parametrize("ending", [[CUT], []])
async def test_wherever_a_stream_breaks_off_all_words_come_once(sent: list[Any], ending: list[Any]) -> None:
    so_far = "".join(event["artifact"]["parts"][0]["text"] for event in sent if "artifact" in event)
    looks: list[Sequence[Any]] = [[task("working", *([so_far] if so_far else []))], [task("working", "one ")]]
    looks = [*(looks if so_far != "one two" else []), [task("completed", "one two")]]
    script = Script({"message/stream": [[*sent, *ending]], "tasks/get": looks})

    assert await heard(script) == ("one two", {"contextId": "c-1"})
    assert script.methods.count("message/stream") == 1
    assert set(script.methods[1:]) == ({"tasks/get"} if DONE not in sent else set())


@pytest.mark.parametrize(
    ("end", "words"), [(DONE, "one "), (status("input-required", "Which?"), "waiting for an answer: Which? (id t-1)")]
)
async def test_a_stream_that_stays_open_after_its_task_has_ended_or_waits_is_left(
    end: dict[str, Any], words: str
) -> None:
    script = Script({"message/stream": [[BEGUN, FIRST, end, OPEN]]})

    assert (await heard(script))[0].endswith(words)
    assert script.methods == ["message/stream"]


async def test_a_look_at_a_task_ends_with_its_answer_and_not_with_the_stream_that_brings_it() -> None:
    looks: list[Sequence[Any]] = [[task("working", "one "), OPEN], [task("completed", "one two"), OPEN]]
    script = Script({"message/stream": [[BEGUN, FIRST, CUT]], "tasks/get": looks})

    assert await heard(script) == ("one two", {"contextId": "c-1"})


async def test_a_task_too_large_to_be_looked_at_is_not_looked_at_for_ever() -> None:
    large = {**task("completed"), "artifacts": [artifact("x", name=str(n))["artifact"] for n in range(40_000)]}
    script = Script({"message/stream": [[BEGUN, FIRST, CUT]], "tasks/get": [[large]] * 3})

    with pytest.raises(ProtocolError, match=r"'t-1' has grown too large to be followed; it may go on"):
        await heard(script)

    assert script.methods == ["message/stream", "tasks/get"]
    assert script.asked[1]["params"] == {"id": "t-1", "historyLength": 1}


@pytest.mark.parametrize("name", ["id", "contextId"])
async def test_ids_too_long_to_be_stored_with_a_session_are_an_error(name: str) -> None:
    script = Script({"message/stream": [[{**BEGUN, name: "x" * 2_000_000}, CUT]]})

    with pytest.raises(ProtocolError, match=r"the ids of the task have more than 1,000 characters"):
        await heard(script)


async def test_a_card_without_an_end_is_not_read_to_its_end() -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.send(chunked("application/json"))
        while True:
            await exchange.send(chunk(b" " * 65_536))

    async with client_of(endless) as (client, _):
        with anyio.fail_after(WAIT_S), pytest.raises(ProtocolError, match="more than 1,000,000 characters"):
            await A2AAgent(Route(client, ARN)).card()


async def test_a_stream_that_breaks_off_before_its_task_is_known_is_an_error() -> None:
    script = Script({"message/stream": [[CUT]]})

    with pytest.raises(StreamInterruptedError):
        await heard(script)

    assert script.methods == ["message/stream"]


async def test_a_task_that_tells_nothing_is_left_once_an_agent_may_not_be_silent_any_longer() -> None:
    script = Script({"message/stream": [[BEGUN, FIRST, CUT]], "tasks/get": [[task("working")]] * 9})

    with pytest.raises(ResponseTimeoutError, match=r"'t-1' told nothing for 0.1 s"):
        await heard(script, read_timeout_s=0.1)


async def test_looks_that_fail_are_repeated_and_in_the_end_the_answer_has_broken_off() -> None:
    works = Script({"message/stream": [[BEGUN, CUT]], "tasks/get": [[CUT], [CUT], [task("completed", "one two")]]})
    fails = Script({"message/stream": [[BEGUN, FIRST, CUT]], "tasks/get": [[CUT]] * 9})

    assert (await heard(works))[0] == "one two"
    with pytest.raises(AgentCoreError) as raised:
        await heard(fails)

    assert raised.value.__notes__ == ["one "]
    assert fails.methods == ["message/stream", *["tasks/get"] * 4]


async def test_a_task_that_the_agent_has_forgotten_after_a_cut_is_an_error() -> None:
    script = Script({"message/stream": [[BEGUN, FIRST, CUT]], "tasks/get": [[error(-32001, "Task not found")]]})

    with pytest.raises(AgentError, match="A2A -32001: Task not found"):
        await heard(script)


async def test_a_task_that_waits_after_a_cut_waits_for_the_next_turn() -> None:
    waiting = {**task("input-required"), "status": status("input-required", "Which?")["status"]}
    script = Script({"message/stream": [[BEGUN, CUT]], "tasks/get": [[waiting]]})

    assert await heard(script) == ("waiting for an answer: Which? (id t-1)", IDS)


async def test_artifacts_in_turns_with_replacements_keep_their_words() -> None:
    events = [
        artifact("one ", append=False),
        artifact("first", append=False, name="b"),
        artifact("second", append=False, name="b"),
        {**artifact("end", name="c"), "lastChunk": True},
    ]
    script = Script({"message/stream": [[BEGUN, *events, DONE]]})

    words, _ = await heard(script)

    assert all(word in words for word in ("one", "first", "second", "end"))


@pytest.mark.parametrize("state", ["failed", "rejected", "canceled"])
async def test_a_task_that_ended_badly_says_how(state: str) -> None:
    script = Script({"message/stream": [[BEGUN, FIRST, status(state)]]})

    with pytest.raises(AgentError, match=f"A2A task {state}: the task is {state}") as raised:
        await heard(script)

    assert raised.value.__notes__[0].startswith("one ")


@pytest.mark.parametrize(
    ("methods", "sent"),
    [
        ({"message/stream"}, ["message/stream"]),
        ({"SendStreamingMessage"}, ["message/stream", "SendStreamingMessage"]),
        ({"message/send"}, ["message/stream", "SendStreamingMessage", "message/send"]),
        ({"SendMessage"}, ["message/stream", "SendStreamingMessage", "message/send", "SendMessage"]),
    ],
)
async def test_methods_are_tried_until_the_agent_knows_one(methods: set[str], sent: list[str]) -> None:
    script = Script({method: [[task("completed", "done")]] * 2 for method in methods})
    words, kept = await heard(script)
    again = Script({method: [[task("completed", "done")]] for method in methods})
    await heard(again, Turn("hi", SESSION_ID, kept=kept))

    assert words == "done"
    assert script.methods == sent
    assert again.methods == sent[-1:]
    assert again.asked[0]["params"]["message"]["contextId"] == "c-1"


async def test_an_agent_that_can_not_stream_is_asked_for_the_whole_answer() -> None:
    script = Script({"message/stream": [[error(-32004)]], "message/send": [[task("completed", "done")]]})

    assert (await heard(script))[0] == "done"
    assert script.methods == ["message/stream", "message/send"]


@pytest.mark.parametrize("code", [-32601, -32004])
async def test_a_message_is_sent_once_to_an_agent_that_has_answered_in_the_session(code: int) -> None:
    others: dict[str, list[Sequence[Any]]] = {
        method: [[DONE]] for method in ("message/send", "SendStreamingMessage", "SendMessage")
    }
    script = Script({"message/stream": [[error(code, "because")]], **others})

    with pytest.raises(AgentError, match=f"A2A {code}: because"):
        await heard(script, Turn("hi", SESSION_ID, kept={"contextId": "c-1"}))
    assert script.methods == ["message/stream"]


@pytest.mark.parametrize("code", [-32603, -32602, -32005, -32004, -32001, 7])
async def test_a_refused_message_is_an_error_with_its_code(code: int) -> None:
    script = Script({method: [[error(code, "because")]] for method in ("message/stream", "message/send")})

    with pytest.raises(AgentError, match=f"A2A {code}: because"):
        await heard(script)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"id": "another", "result": DONE}, ProtocolError),
        ({"id": None, "result": DONE}, ProtocolError),
        ({"id": "another", **error(-32603)}, ProtocolError),
        ({"result": DONE, **error(-32603)}, ProtocolError),
        ({"jsonrpc": "2.0"}, ProtocolError),
        ({"id": None, **error(-32700)}, AgentError),
        ({"error": "text"}, ProtocolError),
        ({"error": {"code": "x"}}, AgentError),
        ("no JSON", WrongProtocolError),
        ("[1]", WrongProtocolError),
        ('{"jsonrpc": "1.0"}', WrongProtocolError),
        ("[" * 100_000, WrongProtocolError),
        ('{"type": "RUN_STARTED"}', WrongProtocolError),
    ],
)
async def test_what_is_no_answer_is_an_error_after_what_came_before(answer: Any, kind: type[AgentCoreError]) -> None:
    script = Script({"message/stream": [[BEGUN, FIRST, answer, DONE]]})

    with pytest.raises(kind) as raised:
        await heard(script)

    assert type(raised.value) is kind
    assert raised.value.__notes__ == ["one "]
    assert len(str(raised.value)) < 1_000


async def test_a_huge_event_and_the_end_mark_of_other_streams_are_passed_by() -> None:
    huge = json.dumps(list(range(300_000)))
    script = Script({"message/stream": [[BEGUN, FIRST, huge, SECOND, DONE]]})
    words, kept = await heard(script)

    assert words.startswith("one ")
    assert kept == {"contextId": "c-1"}


async def test_ids_of_the_wrong_kind_are_not_kept() -> None:
    odd = {"kind": "task", "id": 7, "contextId": ["c"], "status": {"state": "completed"}}
    script = Script({"message/stream": [[odd]]})

    assert await heard(script) == ("", {})
