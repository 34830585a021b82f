"""CrewAI: what a crew comes to, as a text, as an object and as a dictionary, with a structured answer too."""

from __future__ import annotations

import os
from typing import Any

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true", "CREWAI_TESTING": "true"}

from crewai import Agent, BaseLLM, Crew, Task
from pydantic import BaseModel
from recording import record


class Scripted(BaseLLM):
    def call(self, *_: Any, **__: Any) -> str:
        return 'Thought: I know.\nFinal Answer: It\'s "3".\n'

    async def acall(self, *_: Any, **__: Any) -> str:
        return self.call()


class PersonLLM(Scripted):
    def call(self, *_: Any, **__: Any) -> str:
        return 'Thought: I know.\nFinal Answer: {"name": "Ann", "age": 3}'


class Person(BaseModel):
    name: str
    age: int


def crew(llm: Any, **options: Any) -> Crew:
    agent = Agent(role="adder", goal="add", backstory="adds", llm=llm)
    return Crew(agents=[agent], tasks=[Task(description="1+2?", expected_output="a number", agent=agent, **options)])


def output(_payload: dict[str, Any]) -> Any:
    return crew(Scripted(model="m")).kickoff()


def raw(_payload: dict[str, Any]) -> Any:
    return {"result": crew(Scripted(model="m")).kickoff().raw}


def dump(_payload: dict[str, Any]) -> Any:
    return crew(Scripted(model="m")).kickoff().model_dump()


def structured(_payload: dict[str, Any]) -> Any:
    return crew(PersonLLM(model="m"), output_json=Person).kickoff().model_dump()


record(crewai_output=output, crewai_raw=raw, crewai_dump=dump, crewai_structured=structured)
