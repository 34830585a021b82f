"""A2A agents made with the SDK, on the local AgentCore: what their tasks come to, and how the next turn goes on."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.errors import AgentError
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.runtime import AnswerText, NoAuth, RuntimeClient
from agentcore_mcp.runtime.protocols.a2a import A2AAgent
from agentcore_mcp.runtime.protocols.turn import Route, Turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from agentcore_mcp.wire.pauses import Pause

AGENTS = {
    name: {"app": f"tests.support.agents.scripted_a2a:{name}", "protocol": "a2a"}
    for name in ("app", "unstreamed", "strict")
}


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(agents=AGENTS, allowed_headers=["A2A-Version"]) as local:
        yield local


@dataclass
class Talk:
    """A conversation with one agent."""

    agent: A2AAgent
    turn: Turn = field(default_factory=lambda: Turn(""))
    pieces: list[str] = field(default_factory=list)
    words: str = ""

    async def say(self, prompt: str) -> str:
        text = AnswerText()
        before, self.words = self.turn, ""
        async with self.agent.ask(Turn(prompt, before.session_id, before.pauses, before.kept)) as answer:
            async for piece in answer:
                self.pieces.append(piece)
                self.words += text.feed(piece)
            self.words += text.close()
            self.turn = Turn("", answer.session_id, tuple(text.pauses), dict(answer.kept))
        return self.words

    @property
    def pauses(self) -> list[Pause]:
        return list(self.turn.pauses)

    @property
    def kept(self) -> dict[str, Any]:
        return dict(self.turn.kept)


@asynccontextmanager
async def talk(local: LocalAgentCore, name: str = "app") -> AsyncIterator[Talk]:
    async with RuntimeClient(auth=NoAuth(), endpoint_url=local.endpoint_url) as client:
        yield Talk(A2AAgent(Route(client, local.agents[name])))


@pytest.mark.parametrize("name", ["app", "unstreamed", "strict"])
async def test_artifacts_are_words_data_is_json_and_files_are_named(local: LocalAgentCore, name: str) -> None:
    async with talk(local, name) as one:
        said = await one.say("artifacts")

    assert said.split("\n") == [
        "It is noon.",
        '{"hour": "noon"}',
        "(file clock.pdf: application/pdf, 4 characters of base64)",
        "(file clock: https://example.com/clock)",
    ]
    assert "taskId" not in one.kept


@pytest.mark.parametrize("name", ["app", "unstreamed", "strict"])
async def test_a_message_is_an_answer_too(local: LocalAgentCore, name: str) -> None:
    async with talk(local, name) as one:
        assert await one.say("message") == "only a message"
        assert one.pauses == []


@pytest.mark.parametrize("name", ["app", "unstreamed", "strict"])
async def test_the_next_turn_is_in_the_same_conversation(local: LocalAgentCore, name: str) -> None:
    async with talk(local, name) as one:
        first = await one.say("hello")
        second = await one.say("again")

    assert first.removeprefix("hello in ") == second.removeprefix("again in ") == one.kept["contextId"]


@pytest.mark.parametrize("name", ["app", "unstreamed", "strict"])
@pytest.mark.parametrize(("prompt", "question"), [("input", "Which city?"), ("auth", "Sign in at https://example.com")])
async def test_a_task_that_waits_is_answered_by_the_next_turn(
    local: LocalAgentCore, name: str, prompt: str, question: str
) -> None:
    async with talk(local, name) as one:
        await one.say(prompt)
        (pause,) = one.pauses
        task_id = one.kept["taskId"]
        said = await one.say("Paris")

    assert (pause.question, pause.id) == (question, task_id)
    assert "Paris in " in said
    assert (one.pauses, "taskId" in one.kept) == ([], False)


@pytest.mark.parametrize("name", ["app", "unstreamed", "strict"])
@pytest.mark.parametrize(
    ("prompt", "error_type", "error"),
    [
        ("fail", "A2A task failed", "the disk is full"),
        ("reject", "A2A task rejected", "not my job"),
    ],
)
async def test_a_task_that_fails_is_an_error_with_what_came_before(
    local: LocalAgentCore, name: str, prompt: str, error_type: str, error: str
) -> None:
    async with talk(local, name) as one:
        with pytest.raises(AgentError) as caught:
            await one.say(prompt)

    assert (caught.value.error_type, caught.value.error) == (error_type, error)
    assert ("half" in one.words) == (prompt == "fail")


async def test_an_executor_that_raises_is_an_error(local: LocalAgentCore) -> None:
    async with talk(local) as one:
        with pytest.raises(AgentError):
            await one.say("raise")


async def test_a_task_that_the_agent_knows_no_more_is_an_error_once(local: LocalAgentCore) -> None:
    async with talk(local) as one:
        await one.say("input")
        one.turn = Turn("", one.turn.session_id, one.turn.pauses, {**one.kept, "taskId": "gone"})
        with pytest.raises(AgentError, match="A2A -32001"):
            await one.say("Paris")


async def test_an_agent_that_needs_a_header_its_runtime_keeps_back_is_an_error_that_names_it() -> None:
    with LocalAgentCore(agents={"strict": AGENTS["strict"]}) as local:
        async with talk(local, "strict") as one:
            with pytest.raises(AgentError, match="A2A-Version"):
                await one.say("hello")


async def test_the_card_is_that_of_the_agent(local: LocalAgentCore) -> None:
    async with talk(local) as one:
        card = await one.agent.card()

    assert (card["name"], card["description"]) == ("clock", "Knows the time in every city")


async def test_a_cut_stream_goes_on_without_a_second_run() -> None:
    """Every second request is cut: the message, and some of the looks at its task."""
    with LocalAgentCore(agents={"app": AGENTS["app"]}, faults=["cut-after=1500 every=2"]) as local:
        async with talk(local) as one:
            await one.say("hello")
            said = await one.say("slow")

    assert said.split() == [f"word{number}" for number in range(20)]
    assert sum('"kind":"task"' in piece for piece in one.pieces) > 2
