"""Requests to harnesses held against botocore's serializer, and their answers against boto3's parser."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import botocore.exceptions
import botocore.session
import pytest
from botocore.awsrequest import prepare_request_dict
from botocore.config import Config
from botocore.serialize import create_serializer
from hypothesis import given, strategies as st

from agentcore_mcp.errors import AgentError, InvalidRequestError, ProtocolError, ServiceError, StreamInterruptedError
from agentcore_mcp.wire.eventstream.events import EventReader, encode_event, encode_exception
from agentcore_mcp.wire.eventstream.frames import encode_frame
from agentcore_mcp.wire.eventstream.harnesses import (
    EVENTS,
    OPTIONS,
    HarnessAnswer,
    harness_request,
    tool_results,
)
from agentcore_mcp.wire.ids import RuntimeArn, RuntimeId
from agentcore_mcp.wire.requests import Request
from agentcore_mcp.wire.text import AnswerText
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.codecs import decode, decode_every_way
from tests.support.converse import Event, message, stream, text_block, tool_block
from tests.support.frames import encode_error
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.shapes import as_json, samples
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from agentcore_mcp.wire.pauses import Pause

SERVICE = botocore.session.get_session().get_service_model("bedrock-agentcore")
MODEL = SERVICE.operation_model("InvokeHarness")
INPUT = MODEL.input_shape.members
STREAM = MODEL.output_shape.members["stream"].members
STREAM_ERRORS = [name for name in STREAM if name not in EVENTS]

ARN_TEXT = "arn:aws:bedrock-agentcore:us-west-2:123456789012:harness/agent_1-abcdefghij"
ARN = RuntimeArn.parse(ARN_TEXT)
SESSION_ID = "session-" + "s" * 30


# --- requests


def botocore_request(arguments: dict[str, Any]) -> Request:
    serializer = create_serializer(SERVICE.metadata["protocol"], include_validation=False)
    wanted = serializer.serialize_to_request(
        {"harnessArn": ARN_TEXT, "runtimeSessionId": SESSION_ID} | arguments, MODEL
    )
    prepare_request_dict(wanted, "https://host")
    target = wanted["url"].removeprefix("https://host")
    return Request(target, tuple(wanted["headers"].items()), wanted["body"], wanted["method"])


def test_the_options_are_all_those_of_the_model() -> None:
    in_body = [name for name, member in INPUT.items() if "location" not in member.serialization]

    assert in_body == ["messages", *OPTIONS]


def test_the_events_are_all_those_of_the_model() -> None:
    errors = [name for name, shape in STREAM.items() if shape.metadata.get("exception")]

    assert set(EVENTS) | set(errors) == set(STREAM)
    assert set(errors) == set(STREAM_ERRORS)


def same(ours: Request, theirs: Request) -> bool:
    assert (ours.method, ours.target, ours.body) == (theirs.method, theirs.target, theirs.body)
    assert sorted(ours.headers) == sorted(theirs.headers)
    return True


@pytest.mark.parametrize("name", ["messages", *OPTIONS])
def test_everything_that_the_model_has_is_sent_as_botocore_does(name: str) -> None:
    for value in samples(INPUT[name]):
        messages = value if name == "messages" else [{"role": "user", "content": [{"text": "é"}]}]
        options = {} if name == "messages" else {name: value}

        ours = harness_request(ARN, messages, session_id=SESSION_ID, options=options)
        assert same(ours, botocore_request({"messages": messages, **options}))


def test_a_request_with_everything_is_the_one_that_botocore_makes() -> None:
    ours = harness_request(
        ARN,
        "größer \u2028",
        session_id=SESSION_ID,
        qualifier="blue/green 2",
        options={"maxIterations": 3, "model": {"bedrockModelConfig": {"modelId": "m", "temperature": 0.5}}},
        user_id="Käthe ☃",
        headers={"traceparent": "00-1-2-01", "tracestate": "a=b", "X-Amzn-Trace-Id": "Root=1", "baggage": "k=v"},
    )
    theirs = botocore_request({
        "qualifier": "blue/green 2",
        "runtimeUserId": "Käthe ☃",
        "traceParent": "00-1-2-01",
        "traceState": "a=b",
        "traceId": "Root=1",
        "baggage": "k=v",
        "messages": [{"role": "user", "content": [{"text": "größer \u2028"}]}],
        "maxIterations": 3,
        "model": {"bedrockModelConfig": {"modelId": "m", "temperature": 0.5}},
    })  # fmt: skip

    assert same(ours, theirs)
    assert not ours.idempotent


@pytest.mark.parametrize("session_id", ["s" * 33, "s" * 100, "0" + "-_" * 20])
def test_session_ids_of_the_model_are_taken(session_id: str) -> None:
    assert harness_request(ARN, "Hi", session_id=session_id).method == "POST"


@pytest.mark.parametrize("session_id", ["", "s" * 32, "s" * 101, "-" + "s" * 40, "s" * 40 + ".", "s" * 40 + "\n"])
def test_other_session_ids_are_not(session_id: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"^not a session id: .* it has 33 to 100 letters"):
        harness_request(ARN, "Hi", session_id=session_id)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ARN, ""), "the prompt is empty, or there are no messages"),
        ((ARN, " \n"), "the prompt is empty, or there are no messages"),
        ((ARN, []), "the prompt is empty, or there are no messages"),
        ((ARN, [{"role": "user", "content": [{"text": object()}]}]), "can't be sent as JSON: a bytes-like object"),
        ((ARN, [{"a": float("nan")}]), "can't be sent as JSON: Out of range"),
        ((ARN, "a\ud800"), None),
        ((RuntimeArn.parse(ARN_TEXT.replace("harness/", "runtime/")), "Hi"), "not the ARN of a harness: arn:aws:"),
        ((RuntimeId("a-1", "123456789012", "us-west-2"), "Hi"), "not the ARN of a harness: RuntimeId"),
    ],
)
def test_what_a_harness_cannot_be_asked_is_told(arguments: tuple[Any, ...], message: str | None) -> None:
    if message is None:  # JSON can carry it
        assert harness_request(*arguments, session_id=SESSION_ID).body.endswith(b'"a\\ud800"}]}]}')
        return
    with pytest.raises(InvalidRequestError, match=message):
        harness_request(*arguments, session_id=SESSION_ID)


def test_an_option_that_no_harness_has_is_told() -> None:
    with pytest.raises(InvalidRequestError, match=r"no option 'maxTurns', only model, systemPrompt, .*actorId"):
        harness_request(ARN, "Hi", session_id=SESSION_ID, options={"maxTurns": 1})


# --- answers


async def boto3_events(raw: bytes) -> list[dict[str, Any]]:
    """Return the stream's events as boto3 gives them to its caller, after a real call to a real socket."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply(body=raw, content_type="application/vnd.amazon.eventstream"))

    def call(endpoint_url: str) -> list[dict[str, Any]]:
        client = boto3.client(
            "bedrock-agentcore",
            region_name="us-west-2",
            endpoint_url=endpoint_url,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=WAIT_S),
        )
        try:
            messages = [{"role": "user", "content": [{"text": "Hi"}]}]
            return list(
                client.invoke_harness(harnessArn=ARN_TEXT, runtimeSessionId=SESSION_ID, messages=messages)["stream"]
            )
        finally:
            client.close()

    async with loopback_server(answer) as server:
        return await asyncio.to_thread(call, server.endpoint_url)


def reader() -> EventReader[str]:
    return HarnessAnswer()


def pieces(*events: Event) -> list[str]:
    return [json.dumps({name: value}) for name, value in events]


def words(read: list[str]) -> tuple[str, list[str], list[Pause]]:
    """Return the words, the notes about tools and the pauses of an answer's pieces."""
    text = AnswerText()
    said, notes = "", []
    for piece in read:
        said += text.feed(piece)
        notes += text.take_notes()
    return said + text.close(), notes + text.take_notes(), text.pauses


USAGE = ("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 4}})
CALLED = ("messageStop", {"stopReason": "tool_use"})
HELLO = message(text_block(0, "Hel", "lo."))


async def test_every_event_of_the_model_is_read_as_boto3_reads_it() -> None:
    events = [(name, value) for name in EVENTS for value in samples(STREAM[name]) if name != "messageStop"]
    raw = stream(*((name, as_json(value)) for name, value in [*events, ("messageStop", {"stopReason": "end_turn"})]))
    read, error = decode(reader(), [raw])

    assert error is None
    assert list(map(json.loads, read)) == [as_json(event) for event in await boto3_events(raw)]
    assert len(read) == len(events) + 1 > 20


@pytest.mark.parametrize("name", STREAM_ERRORS)
async def test_every_error_in_the_stream_is_raised_as_boto3_raises_it(name: str) -> None:
    code = name[0].upper() + name[1:]
    raw = stream(*HELLO[:2]) + encode_exception(code, "so \u2028 be it")

    with pytest.raises(botocore.exceptions.EventStreamError) as caught:
        await boto3_events(raw)
    error = AgentError if name == "runtimeClientError" else ServiceError
    said = decode_every_way(reader, raw, pieces(*HELLO[:2]), error=error)

    assert caught.value.response["Error"] == {"Code": name, "Message": "so \u2028 be it"}
    assert said == f"{code}: so \u2028 be it"


def test_an_error_that_comes_as_an_event_is_raised() -> None:
    """As AWS's own examples look for it, although boto3 makes no events of exceptions."""
    raw = stream(*HELLO[:2], ("runtimeClientError", {"message": "throttled"}))

    assert decode_every_way(reader, raw, pieces(*HELLO[:2]), error=AgentError) == "RuntimeClientError: throttled"


def test_an_error_that_is_not_in_the_model_is_raised() -> None:
    raw = stream(*HELLO[:2]) + encode_error("InternalFailure", "oops")

    assert decode_every_way(reader, raw, pieces(*HELLO[:2]), error=ServiceError) == "InternalFailure: oops"


def test_an_answer_is_over_when_the_stream_is() -> None:
    events = [*HELLO, USAGE, *HELLO, USAGE]

    assert decode_every_way(reader, stream(*events), pieces(*events)) == ""


@pytest.mark.parametrize(
    "events",
    [[], HELLO[:1], HELLO[:-1], [*HELLO, USAGE, ("messageStart", {"role": "assistant"})], [USAGE]],
    ids=["nothing", "start", "no stop", "second message", "metadata"],
)
def test_a_stream_that_ends_within_a_message_has_broken_off(events: list[Event]) -> None:
    said = decode_every_way(reader, stream(*events), pieces(*events), error=StreamInterruptedError)

    assert said == "the stream ended without the end of a message; the agent may still be working"


def test_a_stream_that_ends_within_a_frame_has_broken_off() -> None:
    raw = stream(*HELLO)
    for cut in (raw[:-1], raw + stream(USAGE)[:20], raw + stream(USAGE)[:-1]):
        assert isinstance(decode(reader(), [cut])[1], StreamInterruptedError)


def test_an_event_with_more_values_than_an_event_loop_has_time_for_is_passed_on_unread() -> None:
    many = b"[" + b"1, " * 300_000 + b"1]"
    reader = HarnessAnswer()

    (piece,) = reader.feed(encode_frame({":message-type": "event", ":event-type": "hookEvent"}, many))
    assert piece == f'{{"hookEvent": {many.decode()}}}'


async def test_unknown_events_are_skipped_as_by_boto3() -> None:
    unknown = encode_event("thoughtEvent", {"text": "new"}) + encode_frame(
        {":message-type": "event", ":event-type": "image", ":content-type": "image/png"}, b"\x89PNG"
    )
    raw = unknown + stream(*HELLO) + unknown

    assert decode_every_way(reader, raw, pieces(*HELLO)) == ""
    assert [json.dumps(event) for event in await boto3_events(raw)] == pieces(*HELLO)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff", b"null"])
def test_a_known_event_that_is_no_object_is_an_error(payload: bytes) -> None:
    frame = encode_frame({":message-type": "event", ":event-type": "metadata"}, payload)

    assert isinstance(decode(reader(), [stream(*HELLO) + frame])[1], ProtocolError)


@pytest.mark.parametrize(
    "event",
    [
        ("contentBlockStart", {}),
        ("contentBlockStart", {"contentBlockIndex": [], "start": {"toolUse": {"name": "x", "toolUseId": "t"}}}),
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"name": "x"}}}),
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"name": 3, "toolUseId": "t"}}}),
        ("contentBlockStart", {"contentBlockIndex": 0, "start": "toolUse"}),
        ("contentBlockDelta", {"contentBlockIndex": 7, "delta": {"toolUse": {"input": "{}"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": 3}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"future": {}}}),
        ("messageStop", {"stopReason": None}),
    ],
)
def test_events_of_another_shape_are_passed_on(event: Event) -> None:
    events = [*HELLO[:-1], event, HELLO[-1], *([] if event[0] == "messageStop" else [CALLED])]

    assert decode_every_way(reader, stream(*events), pieces(*events)) == ""


# --- words


def test_the_words_of_several_blocks_and_messages_are_read() -> None:
    reasoning = ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Hm."}}})
    redacted = ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"redactedContent": "eA"}}})
    result = [
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolResult": {"toolUseId": "t1"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolResult": [{"text": "12 °C"}, {"json": {}}]}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolResultMetadata": {"metadata": "{}"}}}),
    ]
    events = [
        *message(
            [reasoning, redacted],
            text_block(1, "I look", " it up."),
            tool_block(2, "t1", "weather", '{"in":', '"Oslo"}'),
            stop="tool_use",
        ),
        ("messageStart", {"role": "user"}),
        *result,
        ("messageStop", {"stopReason": "tool_result"}),
        *message(text_block(0, "It is ", "cold 😀."), text_block(1, " Very.")),
        USAGE,
    ]

    read, error = decode(reader(), [stream(*events)])

    assert error is None
    assert words(read) == ("I look it up.\nIt is cold 😀. Very.", ['using tool weather(in="Oslo")'], [])


@pytest.mark.parametrize("reason", STREAM["messageStop"].members["stopReason"].enum)
def test_only_an_answer_that_ended_early_says_why(reason: str) -> None:
    read, _ = decode(reader(), [stream(*message(text_block(0, "So far"), stop=reason))])
    early = reason not in ("end_turn", "tool_use", "tool_result", "stop_sequence")

    assert words(read)[0] == ("So far\n(the answer ended early: " + reason + ")" if early else "So far")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"decision": "deny", "reason": "no shell"}, "\n(the hook guard denied before_tool_call: no shell)\nHello."),
        ({"decision": "deny"}, "\n(the hook guard denied before_tool_call: no reason)\nHello."),
        ({"decision": "allow", "reason": "fine"}, "\nHello."),
        ({}, "\nHello."),
    ],
)
def test_a_hook_is_heard_when_it_denies(event: dict[str, str], said: str) -> None:
    hook = ("hookEvent", {"hookEventId": "1", "name": "guard", "type": "before_tool_call", **event})
    read, _ = decode(reader(), [stream(*HELLO, hook, *HELLO)])

    assert words(read)[0] == "Hello." + said


# --- calls of tools that are left to the caller


CALLS = message(
    text_block(0, "Let me see."),
    tool_block(1, "t1", "weather", '{"in": ', '"Oslo"}'),
    tool_block(1, "t2", "now"),  # the index of the one before, as was seen of the service
    stop="tool_use",
)
OPEN = [
    {"toolUseId": "t1", "name": "weather", "type": "tool_use", "input": {"in": "Oslo"}},
    {"toolUseId": "t2", "name": "now", "type": "tool_use", "input": {}},
]


def test_calls_that_are_left_to_the_caller_are_pauses() -> None:
    read, error = decode(reader(), [stream(*CALLS, USAGE)])
    _, notes, pauses = words(read)

    assert error is None
    assert [interrupt["toolUse"] for interrupt in json.loads(read[-1])["interrupts"]] == OPEN
    assert notes == ['using tool weather(in="Oslo")', "using tool now()"]
    assert [(pause.id, pause.question) for pause in pauses] == [
        ("t1", 'run the tool weather with {"in": "Oslo"} and answer with its result'),
        ("t2", "run the tool now with {} and answer with its result"),
    ]


@pytest.mark.parametrize(
    "events",
    [[*CALLS, *HELLO], message(tool_block(0, "t1", "now"), stop="max_tokens"), message(stop="tool_use")],
    ids=["goes on", "another reason", "no call"],
)
def test_other_calls_are_none_of_the_callers(events: list[Event]) -> None:
    assert decode_every_way(reader, stream(*events), pieces(*events)) == ""


def test_a_stream_that_breaks_off_leaves_no_calls() -> None:
    read, error = decode(reader(), [stream(*CALLS) + stream(USAGE)[:9]])

    assert isinstance(error, StreamInterruptedError)
    assert words(read)[2] == []


def test_input_that_is_no_json_is_left_as_it_is() -> None:
    read, _ = decode(reader(), [stream(*message(tool_block(0, "t", "now", '{"a'), stop="tool_use"))])

    assert json.loads(read[-1])["interrupts"][0]["toolUse"]["input"] == '{"a'


@pytest.mark.parametrize(
    ("answer", "contents"),
    [
        ("12 °C", ["12 °C"] * 2),
        ('{"t1": "cold", "t2": {"hour": 7}}', ["cold", '{"hour": 7}']),
        ('{"t2": [], "t1": null}', ["null", "[]"]),
        ('{"t1": "cold"}', ['{"t1": "cold"}'] * 2),
        ("[1, 2]", ["[1, 2]"] * 2),
        ("{nonsense", ["{nonsense"] * 2),
        ("7", ["7"] * 2),
    ],
)
def test_results_go_back_with_their_calls_as_botocore_would_send_them(answer: str, contents: list[str]) -> None:
    messages = tool_results(OPEN, answer)

    assert messages[0] == {"role": "assistant", "content": [{"toolUse": call} for call in OPEN]}
    results = {block["toolResult"]["toolUseId"]: block["toolResult"]["content"] for block in messages[1]["content"]}
    assert results == dict(zip(["t1", "t2"], [[{"text": one}] for one in contents], strict=True))
    ours = harness_request(ARN, messages, session_id=SESSION_ID)
    create_serializer(SERVICE.metadata["protocol"], include_validation=True).serialize_to_request(
        {"harnessArn": ARN_TEXT, "runtimeSessionId": SESSION_ID, "messages": messages}, MODEL
    )
    assert same(ours, botocore_request({"messages": messages}))


def test_a_long_input_in_small_pieces_is_put_together_in_time_that_grows_with_it() -> None:
    part = '{"contentBlockIndex": 0, "delta": {"toolUse": {"input": "' + "x" * 10 + '"}}}'
    frame = encode_frame({":message-type": "event", ":event-type": "contentBlockDelta"}, part.encode())
    start = tool_block(0, "t", "write")[0]
    begun = time.process_time()
    read, error = decode(reader(), [stream(start) + frame * 100_000 + stream(CALLED)])

    assert error is None
    assert len(json.loads(read[-1])["interrupts"][0]["toolUse"]["input"]) == 1_000_000
    assert time.process_time() - begun < 30


KEYS = ["role", "contentBlockIndex", "start", "delta", "toolUse", "toolUseId", "name", "input", "text", "stopReason"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("a{\ud800é", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.dictionaries(st.sampled_from(KEYS), JSON)), max_size=8))
def test_events_of_any_content_are_read_and_their_calls_can_be_answered(events: list[Event]) -> None:
    read, error = decode(reader(), [stream(*events, *HELLO[:-1], CALLED)])

    assert error is None
    for interrupt in json.loads(read[-1]).get("interrupts", []):
        harness_request(ARN, tool_results([interrupt["toolUse"]], "fine"), session_id=SESSION_ID)
    words(read)
