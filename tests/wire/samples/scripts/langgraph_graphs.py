"""LangGraph: a graph that pauses for a person, in each form that authors send; a state that is rewritten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from recording import record

CONFIG: Any = {"configurable": {"thread_id": "t"}}


def graph(question: Any = "Transfer 2000 EUR to Anna?") -> Any:
    def think(_: MessagesState) -> Any:
        return {"messages": [AIMessage("One moment.", id="a")]}

    def ask(_: MessagesState) -> Any:
        return {"messages": [AIMessage(f"You said {interrupt(question)}.", id="b")]}

    builder = StateGraph(MessagesState)
    builder.add_node("think", think)
    builder.add_node("ask", ask)
    builder.add_edge(START, "think")
    builder.add_edge("think", "ask")
    return builder.compile(checkpointer=InMemorySaver())


def question_of(payload: dict[str, Any]) -> Any:
    return {"messages": [("user", payload["prompt"])]}


def streamed(mode: Any, **options: Any) -> Any:
    async def agent(payload: dict[str, Any]) -> AsyncIterator[Any]:
        async for part in graph().astream(question_of(payload), CONFIG, stream_mode=mode, **options):
            yield part

    return agent


def invoked(payload: dict[str, Any]) -> Any:
    return graph({"action": "transfer", "amount": 2000}).invoke(question_of(payload), CONFIG)


def invoked_value(payload: dict[str, Any]) -> Any:
    """As in LangGraph's own examples."""
    result = graph().invoke(question_of(payload), CONFIG)
    return {"__interrupt__": [{"value": each.value, "id": each.id} for each in result["__interrupt__"]]}


async def rewritten(payload: dict[str, Any]) -> AsyncIterator[Any]:
    def write(text: str) -> Any:
        return lambda _: {"messages": [AIMessage(text, id="a")]}

    builder = StateGraph(MessagesState)
    texts = ("Draft", "Draft and more", "Another text")
    for i, text in enumerate(texts):
        builder.add_node(str(i), write(text))
    builder.add_edge(START, "0")
    builder.add_edge("0", "1")
    builder.add_edge("1", "2")
    async for state in builder.compile().astream(question_of(payload), stream_mode="values"):
        yield state


record(
    langgraph_interrupt_updates=streamed("updates"),
    langgraph_interrupt_values=streamed("values"),
    langgraph_interrupt_modes=streamed(["updates", "messages"]),
    langgraph_interrupt_v2=streamed(["updates", "values"], version="v2"),
    langgraph_interrupt_tasks=streamed("tasks"),
    langgraph_interrupt_result=invoked,
    langgraph_interrupt_value=invoked_value,
    langgraph_rewritten=rewritten,
)
