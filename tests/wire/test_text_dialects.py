"""AnswerText on the shapes of frameworks that no recording shows, or shows only among others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.wire.text import AnswerText


def read(*values: Any) -> tuple[str, list[str]]:
    """Return the text and the notes of an answer whose events are these JSON values."""
    answer = AnswerText()
    words = "".join(answer.feed(json.dumps(value, ensure_ascii=False)) for value in values) + answer.close()
    return words, answer.take_notes()


def text(*values: Any) -> str:
    return read(*values)[0]


def ai(content: Any, message_id: str | None = None, **others: Any) -> dict[str, Any]:
    return {"type": "ai", "content": content, "id": message_id, "additional_kwargs": {}, **others}


def human(content: str, **others: Any) -> dict[str, Any]:
    return {"type": "human", "content": content, "id": None, "additional_kwargs": {}, **others}


def chunk(content: Any, message_id: str | None = None, **others: Any) -> dict[str, Any]:
    return ai(content, message_id, **others) | {"type": "AIMessageChunk"}


CONVERSE_RESULT = {
    "ResponseMetadata": {"HTTPStatusCode": 200},
    "output": {"message": {"role": "assistant", "content": [{"reasoningContent": {}}, {"text": "words"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1},
    "metrics": {"latencyMs": 2},
}
CLAUDE_STREAM = [
    {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": []}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "wor"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "ds"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "t", "name": "f"}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "1}"}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {}},
]
CLAUDE_MESSAGE = {"id": "m", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "words"}]}


@pytest.mark.parametrize(
    "events",
    [
        [CONVERSE_RESULT],
        CLAUDE_STREAM,
        [{"type": "stream_event", "event": event} for event in CLAUDE_STREAM],
        [{"uuid": "u", "session_id": "s", "event": event, "parent_tool_use_id": None} for event in CLAUDE_STREAM],
        [*CLAUDE_STREAM, CLAUDE_MESSAGE],
        [CLAUDE_MESSAGE | {"model": "claude", "stop_reason": "end_turn", "usage": {}}],
        [
            {"type": "system", "subtype": "init", "session_id": "s", "tools": ["Bash"]},
            {"type": "assistant", "message": CLAUDE_MESSAGE, "session_id": "s"},
            {"type": "user", "message": {"role": "user", "content": [{"type": "tool_result", "content": "no words"}]}},
            {"type": "result", "subtype": "success", "result": "words", "session_id": "s", "is_error": False},
        ],
        [
            {"outputText": "wor", "index": 0, "completionReason": None},
            {"outputText": "ds", "completionReason": "FINISH"},
        ],
        [
            {
                "inputTextTokenCount": 3,
                "results": [{"tokenCount": 2, "outputText": "words", "completionReason": "FINISH"}],
            }
        ],
        [{"generation": "words", "prompt_token_count": 3, "generation_token_count": 2, "stop_reason": "stop"}],
        [{"type": "completion", "completion": "words", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"}],
        [{"completion": "words"}],
    ],
)
def test_what_bedrock_and_claude_answer_reads_as_its_words(events: list[dict[str, Any]]) -> None:
    assert text(*events) == "words"


@pytest.mark.parametrize(
    "events",
    [
        # One completion without a stream, with a refusal, in the old form, and from servers that leave things out.
        [{"choices": [{"message": {"role": "assistant", "content": "words"}}], "object": "chat.completion"}],
        [{"choices": [{"message": {"role": "assistant", "content": None, "refusal": "words"}}]}],
        [{"choices": [{"text": "words", "index": 0}], "object": "text_completion"}],
        [{"choices": [{"delta": {"role": "assistant", "content": part}}]} for part in ("wor", "ds")],
        # Some give each chunk an id, and the role, of its own.
        [{"id": part, "choices": [{"delta": {"role": "assistant", "content": part}}]} for part in ("wor", "ds")],
        [{"choices": [{"delta": {"content": [{"type": "text", "text": part}]}}]} for part in ("wor", "ds")],
        [{"choices": [{"delta": {"content": "words"}}]}, {"choices": [], "usage": {"total_tokens": 3}}],
        # Of several choices the first.
        [{"choices": [{"delta": {"content": "words"}}, {"delta": {"content": "other"}}]}],
        [{"type": "response.refusal.delta", "item_id": "i", "delta": "words"}],
        [{"type": "response.audio.delta", "delta": "AAAA"}, {"type": "response.output_text.delta", "delta": "words"}],
        # Messages as requests have them.
        [{"role": "assistant", "content": "words"}],
        [
            {"role": "user", "content": "no words"},
            {"role": "assistant", "content": [{"type": "text", "text": "words"}]},
        ],
        [
            [
                {"role": "system", "content": "no"},
                {"role": "user", "content": "no"},
                {"role": "assistant", "content": "words"},
            ]
        ],
        # Others that stream alike.
        [
            {"model": "m", "created_at": "…", "message": {"role": "assistant", "content": p}, "done": False}
            for p in ("wor", "ds")
        ],
        [
            {"candidates": [{"content": {"parts": [{"text": part}], "role": "model"}, "index": 0}]}
            for part in ("wor", "ds")
        ],
        [{"type": "text-delta", "runId": "r", "from": "AGENT", "payload": {"id": "1", "text": "words"}}],
        [{"chunk_type": "text", "content": part, "task_name": "t", "tool_call": None} for part in ("wor", "ds")],
        [{"raw": "words", "pydantic": None, "json_dict": None, "tasks_output": [{"raw": "words"}], "token_usage": {}}],
        [{"event_kind": "agent_run_result", "result": {"output": "words"}}],
        ["AgentRunResult(output='words')"],
    ],
)
def test_what_models_and_frameworks_answer_reads_as_its_words(events: list[Any]) -> None:
    assert text(*events) == "words"


def test_an_item_that_a_response_names_again_is_said_once() -> None:
    item = {"type": "message", "id": "i", "role": "assistant", "content": [{"type": "output_text", "text": "It's 3."}]}
    call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "add", "arguments": '{"a": 1}'}

    assert read(
        {"type": "response.output_item.added", "item": call | {"arguments": ""}},
        {"type": "response.output_item.done", "item": call},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"object": "response", "output": [call, item]}},
    ) == ("It's 3.", ["using tool add(a=1)"])


# --- failures are words


@pytest.mark.parametrize(
    "event",
    [
        {"error": {"message": "it broke", "type": "server_error", "param": None, "code": None}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "it broke"}},
        {"type": "error", "code": "server_error", "message": "it broke", "param": None},
        {"type": "error", "errorText": "it broke"},
        {
            "type": "response.failed",
            "response": {"error": {"code": "server_error", "message": "it broke"}, "output": []},
        },
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "it broke"}},
        {"throttlingException": {"message": "it broke"}},
        {"event": {"modelStreamErrorException": {"message": "it broke"}}},
        {"runtimeClientError": {"message": "it broke"}},
        {"force_stop": True, "force_stop_reason": "it broke"},
        {"type": "RUN_ERROR", "message": "it broke", "code": "E"},
        {"type": "SUBAGENT_ERROR", "error": "it broke"},
        {"event": "on_tool_error", "data": {"error": "it broke"}, "run_id": "r", "name": "add"},
        {"id": "1", "name": "node", "error": "it broke", "result": {}, "interrupts": []},
        {"content": None, "partial": None, "error_code": "500", "error_message": "it broke", "invocation_id": "i"},
        {
            "type": "result",
            "subtype": "error_during_execution",
            "is_error": True,
            "result": "it broke",
            "session_id": "s",
        },
        {"kind": "status-update", "status": {"state": "rejected", "message": {"parts": [{"text": "it broke"}]}}},
    ],
)
def test_a_failure_is_said_on_a_line_of_its_own(event: dict[str, Any]) -> None:
    assert text("Well", event, "then") == "Well\nerror: it broke\nthen"


def test_a_failure_without_a_message_says_what_there_is() -> None:
    assert text({"error": "ValueError", "message": "it broke"}) == "error: ValueError: it broke"
    assert text({"statusUpdate": {"status": {"state": "TASK_STATE_CANCELED"}}}) == "error: the task is canceled"
    assert text({"type": "RUN_ERROR", "code": 7}) == '{"type": "RUN_ERROR", "code": 7}'
    assert text({"type": "error", "code": 7}) == '{"type": "error", "code": 7}'


# --- LangChain and LangGraph


def test_only_what_was_said_since_the_last_question_is_the_answer() -> None:
    """With a checkpointer the state begins with the whole conversation so far."""
    state = {"messages": [human("1+1?"), ai("2", "a"), human("1+2?"), ai("3", "b")]}

    assert text(state) == "3"
    assert text({"messages": [human("1+1?"), ai("2", "a"), human("1+2?")]}, state) == "3"


def test_an_agent_that_passes_its_answer_on_as_a_named_user_is_heard() -> None:
    assert text({"messages": [human("1+2?"), human("3", name="calculator")]}) == "3"


def test_a_state_that_comes_again_is_said_as_far_as_it_is_new() -> None:
    """Messages that never went through LangGraph's reducer have no ids; the rest is said when it changes."""
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "Hm."}]

    assert (
        text(
            {"messages": messages, "steps": 1},
            {"messages": messages, "steps": 1},
            {"messages": [*messages, {"role": "assistant", "content": "Hm."}], "steps": 2},
        )
        == 'Hm.\n{"steps": 1}\nHm.\n{"steps": 2}'
    )


def test_a_message_that_a_node_writes_anew_is_said_once() -> None:
    """Its text came piece by piece before, under another id."""
    pieces = [[chunk(piece, "a"), {"langgraph_step": 1}] for piece in ("It's ", "3.")]

    assert text(*pieces, {"node": {"messages": [ai("It's 3.", "b")]}}) == "It's 3."
    assert text(*pieces, {"node": {"messages": [ai("It's 4.", "b")]}}) == "It's 3.\nIt's 4."


def test_messages_that_say_the_same_are_all_said() -> None:
    assert text({"a": {"messages": [ai("Yes.", "a")]}}, {"b": {"messages": [ai("Yes.", "b")]}}) == "Yes.\nYes."


def test_words_from_another_place_of_the_graph_begin_on_a_new_line() -> None:
    def piece(text: str, place: str) -> list[Any]:
        return [chunk(text), {"langgraph_step": 1, "langgraph_checkpoint_ns": place}]

    assert text(piece("a", "x:1"), piece("b", "x:1"), piece("c", "y:2")) == "ab\nc"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ([chunk("x"), {"tags": []}], "x"),
        (["custom", "x"], "x"),
        (["custom", {"step": 1}], '{"step": 1}'),
        ({"type": "custom", "ns": [], "data": {"step": 1}}, '{"step": 1}'),
        ({"type": "custom", "step": 1}, '{"type": "custom", "step": 1}'),
        (["updates", {"node": None}], '{"node": null}'),
        (["updates", {"node": {"joke": "x"}}], '{"node": {"joke": "x"}}'),
        (["values", {"joke": "x"}], '{"joke": "x"}'),
        (["values", "x"], '["values", "x"]'),
        (["checkpoints", {"values": {}}], ""),
        ([["sub:1"], {"node": {"messages": [ai("x")]}}], "x"),
        ([["sub:1"], {"messages": [ai("x")]}], "x"),
        ([["sub:1"], "values", {"messages": [ai("x")]}], "x"),
        ({"a": {"messages": [ai("x")], "n": 1}, "b": {"m": 2}, "c": None}, 'x\n{"n": 1}\n{"b": {"m": 2}}'),
        ({"__interrupt__": [{"value": "Go on?"}]}, "waiting for an answer: Go on?"),
        ({"messages": []}, ""),
        ({"messages": [{"a": 1}]}, '{"messages": [{"a": 1}]}'),
        ({"result": {"messages": [human("?"), ai("x")]}}, "x"),
        ({"type": "ai", "content": "x"}, "x"),
        (ai([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "x"}]), "x"),
        (ai([], tool_calls=[]), ""),
        ({"type": "tool", "content": "3", "tool_call_id": "t"}, ""),
        ({"step": 1, "type": "checkpoint", "payload": {"values": {}}}, ""),
        ({"id": "1", "name": "n", "input": {}, "triggers": []}, ""),
        ({"triggers": ["a"]}, '{"triggers": ["a"]}'),
        ({"type": "task", "payload": 1}, '{"type": "task", "payload": 1}'),
        ({"type": "event", "method": "lifecycle", "params": {"data": {}}}, ""),
        ({"type": "event", "params": 1}, '{"type": "event", "params": 1}'),
    ],
)
def test_whatever_a_graph_streams_has_its_words(event: Any, expected: str) -> None:
    assert text(event) == expected


def event_of_a_run(name: str, data: Any, **others: Any) -> dict[str, Any]:
    return {"event": name, "data": data, "run_id": "r", "name": "x", "parent_ids": ["p"], **others}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (event_of_a_run("on_chat_model_stream", {"chunk": chunk("x")}), "x"),
        (event_of_a_run("on_chat_model_stream", {"chunk": {"lc": 1, "kwargs": chunk("x")}}), "x"),
        (event_of_a_run("on_chat_model_end", {"output": ai("x")}), "x"),
        (event_of_a_run("on_llm_stream", {"chunk": "x"}), "x"),
        (event_of_a_run("on_llm_stream", {"chunk": {"text": "x"}}), "x"),
        (event_of_a_run("on_llm_stream", {"chunk": 1}), ""),
        (event_of_a_run("on_parser_stream", {"chunk": "x"}), ""),
        (event_of_a_run("on_custom_event", {"step": 1}), '{"step": 1}'),
        (event_of_a_run("on_chain_end", {"output": "x"}), ""),
        (event_of_a_run("on_chain_end", {"output": "x"}, parent_ids=[]), "x"),
        (event_of_a_run("on_chain_end", {"output": ai("x")}, parent_ids=[]), "x"),
        (event_of_a_run("on_chain_end", {"output": [ai("x")]}, parent_ids=[]), "x"),
        (event_of_a_run("on_chain_end", {"output": {"joke": "x"}}, parent_ids=[]), '{"joke": "x"}'),
        (event_of_a_run("on_chain_end", {"output": None}, parent_ids=[]), ""),
        ({"event": "on_fire", "data": {}}, '{"event": "on_fire", "data": {}}'),
        ("{'event': 'on_chain_end', 'data': {'output': [Send(node='tools', arg={})]}, 'run_id': '1'}", ""),
        (
            "{'event': 'on_chat_model_stream', 'data': {'chunk': AIMessageChunk(content='x', id='1')}, 'run_id': '1'}",
            "x",
        ),
        ("content='x' additional_kwargs={} response_metadata={} id='1'", ""),
        ("content='x' tool_call_id='1'", ""),
        ("content='x' is what it says", "content='x' is what it says"),
        (
            "content=[{'type': 'text', 'text': 'x'}] additional_kwargs={} response_metadata={} tool_calls=[]",
            "x",
        ),
        ("content=[1, 2", "content=[1, 2"),
    ],
)
def test_whatever_a_run_reports_has_its_words(event: Any, expected: str) -> None:
    assert text(event) == expected


def test_what_a_graph_comes_to_is_said_only_if_nothing_was_said_before() -> None:
    end = event_of_a_run("on_chain_end", {"output": {"joke": "Ha!"}}, parent_ids=[])

    assert text(event_of_a_run("on_chat_model_stream", {"chunk": chunk("Ha!")}), end) == "Ha!"


# --- AG-UI, A2A


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "TEXT_MESSAGE_CHUNK", "delta": "x"}, "x"),
        ({"type": "TEXT_MESSAGE_CHUNK", "messageId": "m"}, ""),
        ({"type": "REASONING_MESSAGE_CONTENT", "messageId": "m", "delta": "hm"}, ""),
        ({"type": "RAW", "event": {"text": "copy"}}, ""),
        ({"type": "RUN_FINISHED", "result": "x"}, "x"),
        ({"type": "RUN_FINISHED", "result": {"n": 1}}, '{"n": 1}'),
        ({"type": "CUSTOM", "name": "chart", "value": 1}, '{"type": "CUSTOM", "name": "chart", "value": 1}'),
        ({"type": "MESSAGES_SNAPSHOT", "messages": [{"id": "1", "role": "assistant", "content": "x"}]}, "x"),
    ],
)
def test_events_of_agui_have_their_words(event: dict[str, Any], expected: str) -> None:
    assert text(event) == expected


def status(state: str, *parts: dict[str, Any], **members: Any) -> dict[str, Any]:
    message = {"kind": "message", "role": "agent", "messageId": members.get("id"), "parts": list(parts)}
    return {"kind": "status-update", "status": {"state": state, "message": message}}


def test_sentences_about_the_work_are_told_from_pieces_of_the_answer() -> None:
    """Agents of A2A report both in the same way."""
    sentences = [{"text": "Looking it up…"}, {"text": "Found two places."}]
    pieces = [{"text": "He said:"}, {"text": " well"}, {"text": "."}, {"text": "Then"}]

    assert text(*(status("working", part) for part in sentences)) == "Looking it up…\nFound two places."
    assert text(*(status("working", part) for part in pieces)) == "He said: well.Then"


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ({"kind": "data", "data": {"n": 1}}, '{"n": 1}'),
        ({"data": [1, 2]}, "[1, 2]"),
        ({"new": {"n": 1}}, '{"new": {"n": 1}}'),
        (
            {"kind": "file", "file": {"name": "a.pdf", "mimeType": "application/pdf", "bytes": "QUJD"}},
            "(file a.pdf: application/pdf, 4 characters of base64)",
        ),
        ({"kind": "file", "file": {"uri": "https://example.com/a"}}, "(file without a name: https://example.com/a)"),
        (
            {"raw": "QUJD", "filename": "a.png", "mediaType": "image/png"},
            "(file a.png: image/png, 4 characters of base64)",
        ),
        ({"url": "https://example.com/b", "filename": "b"}, "(file b: https://example.com/b)"),
    ],
)
def test_data_of_a2a_is_shown_as_json_and_a_file_by_its_name(part: dict[str, Any], shown: str) -> None:
    assert text(status("completed", {"kind": "text", "text": "x"}, part)) == f"x\n{shown}"


def test_a_task_of_a2a_that_goes_on_waits_no_more() -> None:
    answer = AnswerText()
    for state, *parts in (("auth-required", {"text": "Sign in."}), ("completed", {"text": "done"})):
        event = {"kind": "status-update", "taskId": "t1", **status(state, *parts)}
        answer.feed(json.dumps(event))

    assert answer.pauses == []


def test_a_run_of_ag_ui_says_that_it_was_cancelled_or_a_subagent_suspended() -> None:
    suspended = {"type": "SUBAGENT_FINISHED", "subagentRunId": "s1", "outcome": {"type": "suspended"}}
    cancelled = {"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "outcome": {"type": "cancelled"}}

    assert text(suspended, cancelled) == "(the subagent s1 is suspended)\n(the run was cancelled before it ended)"
    assert text({**suspended, "outcome": {"type": "success"}}) == ""


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"kind": "message", "role": "user", "parts": [{"text": "no"}]}, ""),
        ({"role": "agent", "parts": [{"text": "x"}], "messageId": "m"}, "x"),
        ({"kind": "status-update", "status": {"state": "working"}}, ""),
        (
            {
                "kind": "task",
                "status": {"state": "completed"},
                "history": [{"role": "user", "parts": [{"text": "?"}]}, {"role": "agent", "parts": [{"text": "x"}]}],
            },
            "x",
        ),
        ({"kind": "spam", "parts": 1}, '{"kind": "spam", "parts": 1}'),
        ({"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}, '{"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}'),
    ],
)
def test_messages_and_tasks_of_a2a_have_their_words(event: dict[str, Any], expected: str) -> None:
    assert text(event) == expected


def test_an_artifact_goes_on_after_the_task_that_had_its_beginning() -> None:
    """A task comes first, says A2A, when its updates are asked for, again after a cut: artifacts may go on then."""

    def update(text: str, artifact_id: str = "a", *, append: bool = True) -> dict[str, Any]:
        artifact = {"artifactId": artifact_id, "parts": [{"text": text}]}
        return {"kind": "artifact-update", "artifact": artifact, "append": append}

    def task(state: str) -> dict[str, Any]:
        artifact = {"artifactId": "a", "parts": [{"text": "It's"}]}
        return {"kind": "task", "id": "t", "contextId": "c", "status": {"state": state}, "artifacts": [artifact]}

    first = update("It's", append=False)
    assert text(task("working"), update(" 3.")) == "It's 3."
    assert text(first, task("working"), update(" 3.")) == "It's 3."
    assert text(first, task("working"), task("working"), update(" 3."), update(" Really.")) == "It's 3. Really."
    assert text(task("working"), update("4", "b", append=False)) == "It's\n4"
    assert text(first, task("completed"), update("4", "b", append=False)) == "It's\n4"


def test_an_artifact_that_is_sent_again_whole_is_said_once() -> None:
    def artifact(text: str, **members: Any) -> dict[str, Any]:
        return {"kind": "artifact-update", "artifact": {"artifactId": "a", "parts": [{"text": text}]}, **members}

    assert text(artifact("It's "), artifact("3.", append=True), artifact("It's 3.", lastChunk=True)) == "It's 3."


# --- reprs that can't be read


@pytest.mark.parametrize(
    "cut",
    [
        "{'result': AgentResult(stop_reason='end_turn', message={'role'",
        "{'result': TextMessage(id='1'",
        "id='1' source='a'",
        "id='1' source='a' models_usage=None content=",
        "id='1' source='a' models_usage=None content='x'",
        "messages=[TextMessage(id='1', source='a', models_usage=None",
        "RawResponsesStreamEvent(data=ResponseTextDeltaEvent(content_index=0, delta='x",
        "RunItemStreamEvent(name='tool_called', item=",
        "AgentRunResult(output=3)",
        "data: {not json}\n\nmore",
        "data: words",
        '{"not": "a framework\'s"}',
        '{"cut": ',
        "[1, 2]",
    ],
)
def test_strings_that_only_begin_like_an_object_are_words(cut: str) -> None:
    assert text(cut) == cut


def test_lifecycle_of_a_team_of_strands_has_no_words() -> None:
    assert text({"type": "multiagent_handoff", "from_node_ids": [], "to_node_ids": []}) == ""
    assert text("{'type': 'multiagent_node_stop', 'node_id': 'a', 'node_result': NodeResult(result=…)}") == ""


def test_events_that_were_encoded_for_the_line_before_are_decoded_twice() -> None:
    once = 'event: message\nid: 1\ndata: {"type": "TEXT_MESSAGE_CHUNK", "delta": "x"}\n\ndata: "y"\n\ndata: [DONE]\n\n'

    assert text(once) == "xy"


# --- whatever comes

types = st.sampled_from(
    [
        "ai",
        "AIMessageChunk",
        "tool",
        "constructor",
        "values",
        "updates",
        "messages",
        "custom",
        "task",
        "event",
        "message",
        "user",
        "error",
        "start",
        "text-delta",
        "tool-call",
        "finish",
        "TEXT_MESSAGE_CONTENT",
        "TOOL_CALL_START",
        "TOOL_CALL_ARGS",
        "RUN_ERROR",
        "MESSAGES_SNAPSHOT",
        "TextMessage",
        "ToolCallRequestEvent",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "stream_event",
        "multiagent_node_stream",
        "response.output_text.delta",
        "response.output_item.added",
        "response.output_item.done",
        "response.completed",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | types,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "event",
                    "kind",
                    "role",
                    "content",
                    "text",
                    "parts",
                    "delta",
                    "data",
                    "message",
                    "messages",
                    "choices",
                    "tool_calls",
                    "name",
                    "id",
                    "index",
                    "function",
                    "arguments",
                    "args",
                    "tool_call_chunks",
                    "status",
                    "state",
                    "artifact",
                    "artifacts",
                    "history",
                    "append",
                    "result",
                    "output",
                    "response",
                    "item",
                    "item_id",
                    "error",
                    "jsonrpc",
                    "lc",
                    "kwargs",
                    "chunk",
                    "run_id",
                    "parent_ids",
                    "payload",
                    "step",
                    "params",
                    "method",
                    "ns",
                    "event_kind",
                    "part",
                    "part_kind",
                    "content_delta",
                    "chunk_type",
                    "tool_call",
                    "tasks_output",
                    "raw",
                    "current_agent_name",
                    "blocks",
                    "tool_kwargs",
                    "tool_id",
                    "invocationId",
                    "partial",
                    "author",
                    "candidates",
                    "contentBlockStart",
                    "contentBlockDelta",
                    "contentBlockIndex",
                    "start",
                    "toolUse",
                    "current_tool_use",
                    "stopReason",
                    "results",
                    "outputText",
                    "completionReason",
                    "parent_tool_use_id",
                    "model",
                    "subtype",
                    "session_id",
                    "toolCallId",
                    "source",
                    "interrupts",
                    "triggers",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.lists(values, max_size=4))
def test_any_json_gives_text_and_short_notes_on_one_line(events: list[Any]) -> None:
    words, notes = read(*events)

    assert words.encode().decode() == words
    assert all(len(note) <= 160 and "\n" not in note for note in notes)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{"messages": [{"type": [], "content": "It"}]}', '{"messages": [{"type": [], "content": "It"}]}'),
        ('2:{"step": 1}', '{"step": 1}'),
        ('3:{"code": 1}', 'error: {"code": 1}'),
    ],
)
def test_known_members_with_values_of_other_types_lose_nothing(data: str, words: str) -> None:
    assert AnswerText().feed(data) == words
