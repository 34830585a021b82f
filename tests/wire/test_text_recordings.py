r"""AnswerText on recordings: what real frameworks sent, nearly all of it through an app of bedrock-agentcore 1.25.

Each agent was asked "1+2?" and had a scripted model: it says "Let me add." in two pieces, uses the tool ``add``, and
says "It's "3".\n" in three; or it waits for a person, or answers with structured data. The older ones were recorded
with strands-agents 1.62, langchain-core 1.7, langgraph 1.2, openai 3.52 and openai-agents 0.24, ag-ui-protocol 1.0,
a2a-sdk 0.3.26 and 1.3, google-adk 2.13, autogen-agentchat 0.7.5, llama-index-core 0.14, pydantic-ai-slim 2.68,
claude-agent-sdk 0.2 and, in JavaScript, ai 5; the others by the scripts in ``samples/scripts``, also with agno 3.1,
agent-framework-core 1.23, smolagents 1.26, haystack-ai 3.4, crewai 1.15, langgraph-api 0.16 and, in JavaScript,
bedrock-agentcore 0.4, @strands-agents/sdk 1.16, @mastra/core 0.24, ai 4 and ai 6.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentcore_mcp.runtime.readers import EventData
from agentcore_mcp.wire.pieces import TextPieces
from agentcore_mcp.wire.sse import SSEDecoder
from agentcore_mcp.wire.text import AnswerText
from tests.support.codecs import Decoder, decode

SAMPLES = Path(__file__).parent / "samples"
DOCS = Path(__file__).parent.parent.parent / "docs" / "words.md"
TYPES = {".txt": "text/plain", ".ndjson": "application/x-ndjson"}  # of the recordings that are no event streams
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in DOCS.read_text("utf-8").split("\n")
    if line.startswith("| ") and line.count(" | `") >= 2
]
for _row in ROWS:
    _row[2] = _row[2].strip("`")

TURN = ["Let me", " add."]
ANSWER = ["It's", ' "3"', ".\n"]
STREAM = ["Let me", " add.", "\nIt's", ' "3"', ".\n"]
MESSAGES = ["Let me add.", '\nIt\'s "3".\n']
RESULT = ['It\'s "3".\n']
WHOLE = ['Let me add.\nIt\'s "3".\n']
TOOL = ["using tool add(a=1, b=2)"]

RECORDINGS: list[tuple[str, list[str], list[str]]] = [
    # Strands Agents. Of what it sends each word comes up to four times.
    ("strands_every_event", STREAM, TOOL),
    ("strands_events_only", STREAM, TOOL),
    ("strands_data_events", ["Let me", " add.", "It's", ' "3"', ".\n"], []),
    ("strands_agent_result", RESULT, []),
    ("strands_graph", TURN, []),
    # LangChain and LangGraph: the modes of a stream, the versions of its events, and how messages are serialised.
    ("langgraph_values", MESSAGES, TOOL),
    ("langgraph_values_second_question", RESULT, []),
    ("langgraph_updates", MESSAGES, TOOL),
    ("langgraph_messages", STREAM, TOOL),
    ("langgraph_modes_blocks", STREAM, TOOL),
    ("langgraph_subgraphs", STREAM, TOOL),
    ("langgraph_tasks", MESSAGES, TOOL),
    ("langgraph_debug", MESSAGES, TOOL),
    ("langgraph_v2", STREAM, TOOL),
    ("langgraph_events_one_node", TURN, []),
    ("langgraph_events_v3", STREAM, TOOL),
    ("langgraph_result_blocks", WHOLE, TOOL),
    ("langgraph_node_without_model", ['It\'s "3".\n', '{"n": 1}'], []),
    ("langgraph_events_without_model", ['It\'s "3".\n{"n": 1}'], []),
    ("langchain_chunk_lc", TURN, TOOL),
    ("langchain_lc", MESSAGES, TOOL),
    ("langchain_dict", WHOLE, TOOL),
    ("langchain_dumps", RESULT, []),
    ("langchain_openai", WHOLE, TOOL),
    ("langchain_str", ANSWER, []),
    ("langchain_str_message", RESULT, []),
    # OpenAI.
    ("openai_chat_chunks", STREAM, TOOL),
    ("openai_chat_service", STREAM, TOOL),
    ("openai_chat_completion", RESULT, []),
    ("openai_responses", ANSWER, TOOL),
    ("openai_response", RESULT, TOOL),
    ("openai_errors", ["error: it broke", "\nerror: it broke again"], []),
    ("openai_agents", STREAM, TOOL),
    # AG-UI: from a server of its own, as objects in an app, and encoded before the app encoded it again.
    ("agui_encoder", STREAM, TOOL),
    ("agui_objects", STREAM, TOOL),
    ("agui_encoded_in_app", STREAM, TOOL),
    ("agui_chunks", ["Let me", " add.", '\nIt\'s "3"', ".\n", "error: it broke"], TOOL),
    # A2A by JSON-RPC and, in version 1.0, by REST too; "send" is without a stream.
    ("a2a_0_3_artifact", ANSWER, []),
    ("a2a_0_3_artifact_send", RESULT, []),
    ("a2a_0_3_status", ANSWER, []),
    ("a2a_0_3_status_send", RESULT, []),
    ("a2a_0_3_failed", ["Let me see.", "\nerror: it broke"], []),
    ("a2a_0_3_failed_send", ["error: it broke"], []),
    (
        "a2a_0_3_input",
        ["waiting for an answer: Which numbers? (id 3fcd6660-688b-4d1c-a79f-891c0f62f64b)"],
        [],
    ),
    ("a2a_0_3_error", ["error: Method not found"], []),
    ("a2a_1_0_artifact", ANSWER, []),
    ("a2a_1_0_artifact_rest", ANSWER, []),
    ("a2a_1_0_artifact_send", RESULT, []),
    ("a2a_1_0_failed", ["Let me see.", "\nerror: it broke"], []),
    ("a2a_1_0_message_send", RESULT, []),
    # Google's ADK: its events without and with streaming, as objects, as dictionaries and as JSON in a string.
    ("adk_events", MESSAGES, TOOL),
    ("adk_stream_json", STREAM, TOOL),
    ("adk_stream_dumps", STREAM, TOOL),
    ("adk_stream_content", STREAM, TOOL),
    # AutoGen, whose objects hold dates and so arrive as their str().
    ("autogen_messages", RESULT, TOOL),
    ("autogen_stream", ANSWER, TOOL),
    ("autogen_result", RESULT, TOOL),
    ("autogen_result_dict", RESULT, []),
    # LlamaIndex.
    ("llamaindex_events", STREAM, TOOL),
    ("llamaindex_result_dict", RESULT, TOOL),
    ("llamaindex_chat_stream", ANSWER, []),
    ("llamaindex_complete_stream", ["H", "i"], []),
    # Others.
    ("pydantic_ai", STREAM, TOOL),
    ("claude_sdk", MESSAGES, TOOL),
    ("ai_sdk_ui", STREAM, TOOL),
    ("ai_sdk_full", STREAM, TOOL),
    ("ai_sdk_error", ["error: it broke"], []),
]


@pytest.mark.parametrize(("name", "words", "notes"), RECORDINGS, ids=[name for name, _, _ in RECORDINGS])
def test_a_recording_reads_as_the_model_spoke(name: str, words: list[str], notes: list[str]) -> None:
    """Each word once and when it first came, what isn't the model's on a line of its own, each use of a tool noted."""
    events, error = decode(SSEDecoder(), [(SAMPLES / f"{name}.sse").read_bytes()])
    assert error is None
    answer = AnswerText()
    pieces = [*(answer.feed(event.data) for event in events), answer.close()]

    assert ([piece for piece in pieces if piece], answer.take_notes()) == (words, notes)


@pytest.mark.parametrize("row", ROWS, ids=[row[2] for row in ROWS])
def test_the_table_in_the_docs_says_what_a_recording_reads_as(row: list[str]) -> None:
    """Also of those that are no event stream, and of those that end with a failure."""
    [path] = SAMPLES.glob(f"{row[2]}.*")
    reader: Decoder[str] = EventData() if path.suffix == ".sse" else TextPieces(TYPES[path.suffix])
    pieces, error = decode(reader, [path.read_bytes()])
    answer = AnswerText()
    words = [*filter(None, map(answer.feed, pieces)), answer.close(), f"AgentError: {error}" if error else ""]

    assert row[3] == shown(words)
    assert row[4] == shown([*answer.take_notes(), *(f"pause: {pause.question}" for pause in answer.pauses)])


def shown(texts: list[str]) -> str:
    """Return the cell for these texts: a line end is an arrow."""
    return " ".join(f"`{text}`" for text in texts if text).replace("\n", "⏎").replace("|", "\\|")


def test_every_recording_is_in_the_table_of_the_docs() -> None:
    assert sorted(path.stem for path in SAMPLES.iterdir() if path.is_file()) == sorted(row[2] for row in ROWS)


@pytest.mark.parametrize("name", [name for name, _, _ in RECORDINGS])
def test_what_was_said_before_a_recording_changes_nothing_of_it(name: str) -> None:
    events, _ = decode(SSEDecoder(), [(SAMPLES / f"{name}.sse").read_bytes()])
    alone, after = AnswerText(), AnswerText()
    begin = after.feed('"Before.\\n"')

    assert begin + "".join(after.feed(event.data) for event in events) == (
        "Before.\n" + "".join(alone.feed(event.data) for event in events)
    )
