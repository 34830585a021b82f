"""CommandDecoder and its encoders, held against boto3 as the client of a real socket and against the service model."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import TYPE_CHECKING, Any
from zlib import crc32

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config
from botocore.loaders import Loader
from hypothesis import given, strategies as st

from agentcore_mcp.errors import AgentError, AgentRuntimeError, ProtocolError, ServiceError, StreamInterruptedError
from agentcore_mcp.wire.eventstream import (
    STATUS_COMPLETED,
    STATUS_TIMED_OUT,
    CommandDecoder,
    CommandEvent,
    ContentDelta,
    ContentStart,
    ContentStop,
    encode_command_event,
)
from agentcore_mcp.wire.eventstream.events import encode_exception
from agentcore_mcp.wire.eventstream.frames import MAX_FRAME_BYTES, FrameReader, encode_frame
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.codecs import cut, decode, decode_every_way
from tests.support.frames import encode_error
from tests.support.servers import Exchange, loopback_server, reply
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

ARN = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/agent-abcdefghij"
HEADERS = {":message-type": "event", ":event-type": "chunk", ":content-type": "application/json"}
STOP = ContentStop(0, STATUS_COMPLETED)

# One table for both directions and for boto3: an event, and the member that carries it.
EVENTS: dict[str, tuple[CommandEvent, dict[str, Any]]] = {
    "start": (ContentStart(), {"contentStart": {}}),
    "stdout": (ContentDelta(stdout="a\n"), {"contentDelta": {"stdout": "a\n"}}),
    "stderr": (ContentDelta(stderr="\u2028é\0"), {"contentDelta": {"stderr": "\u2028é\0"}}),
    "both": (ContentDelta("out", "err"), {"contentDelta": {"stdout": "out", "stderr": "err"}}),
    "neither": (ContentDelta(), {"contentDelta": {}}),
    "large": (ContentDelta("😀" * 3000), {"contentDelta": {"stdout": "😀" * 3000}}),
    "stop": (STOP, {"contentStop": {"exitCode": 0, "status": "COMPLETED"}}),
    "timed_out": (ContentStop(124, STATUS_TIMED_OUT), {"contentStop": {"exitCode": 124, "status": "TIMED_OUT"}}),
    "platform_error": (ContentStop(-1, STATUS_COMPLETED), {"contentStop": {"exitCode": -1, "status": "COMPLETED"}}),
}

MODEL = Loader().load_service_model("bedrock-agentcore", "service-2")["shapes"]
STREAM_ERRORS = [name for name in MODEL["InvokeAgentRuntimeCommandStreamOutput"]["members"] if name != "chunk"]


def pascal(name: str) -> str:
    return name[0].upper() + name[1:]


def chunk(value: Any, headers: dict[str, str] = HEADERS) -> bytes:
    return encode_frame(headers, json.dumps(value).encode())


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_encoded_as_the_table_says(name: str) -> None:
    event, value = EVENTS[name]

    ((headers, payload),) = FrameReader().feed(encode_command_event(event))
    assert headers == HEADERS
    assert json.loads(payload) == value


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_decoded_as_the_table_says(name: str) -> None:
    event, value = EVENTS[name]
    if isinstance(event, ContentStop):
        decode_every_way(CommandDecoder, chunk(value), [event])
    else:
        decode_every_way(CommandDecoder, chunk(value) + encode_command_event(STOP), [event, STOP])


def test_statuses_are_those_of_the_service_model() -> None:
    assert MODEL["CommandExecutionStatus"]["enum"] == [STATUS_COMPLETED, STATUS_TIMED_OUT]


# --- boto3 reads what the encoders write


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
            return list(client.invoke_agent_runtime_command(agentRuntimeArn=ARN, body={"command": "true"})["stream"])
        finally:
            client.close()

    async with loopback_server(answer) as server:
        return await asyncio.to_thread(call, server.endpoint_url)


async def test_boto3_reads_every_event_as_it_was_meant() -> None:
    raw = b"".join(encode_command_event(event) for event, _ in EVENTS.values())

    assert await boto3_events(raw) == [{"chunk": value} for _, value in EVENTS.values()]


@pytest.mark.parametrize("name", STREAM_ERRORS)
async def test_boto3_raises_every_error_of_the_stream_as_it_was_meant(name: str) -> None:
    with pytest.raises(botocore.exceptions.EventStreamError) as caught:
        await boto3_events(encode_command_event(ContentStart()) + encode_exception(pascal(name), "so \u2028 be it"))

    assert caught.value.response["Error"] == {"Code": name, "Message": "so \u2028 be it"}


async def test_boto3_raises_an_error_that_is_not_in_the_model_as_it_was_meant() -> None:
    with pytest.raises(botocore.exceptions.EventStreamError) as caught:
        await boto3_events(encode_error("InternalFailure", "oops é"))

    assert caught.value.response["Error"] == {"Code": "InternalFailure", "Message": "oops é"}


# --- errors in the stream


@pytest.mark.parametrize("name", STREAM_ERRORS)
def test_every_error_of_the_stream_is_raised_with_the_code_of_the_service_model(name: str) -> None:
    raw = encode_command_event(ContentDelta("a")) + encode_exception(pascal(name), "so be it")

    error_class = AgentError if name == "runtimeClientError" else ServiceError
    message = decode_every_way(CommandDecoder, raw, [ContentDelta("a")], error=error_class)

    assert message == f"{pascal(name)}: so be it"


def test_a_validation_error_in_the_stream_says_which_field() -> None:
    body = {
        "message": "bad",
        "reason": "FieldValidationFailed",
        "fieldList": [{"name": "timeout", "message": "too long"}],
    }
    raw = chunk(body, {":message-type": "exception", ":exception-type": "validationException"})

    _, error = decode(CommandDecoder(), [raw])

    assert isinstance(error, ServiceError)
    assert (error.error_type, error.status) == ("ValidationException", None)
    assert (error.reason, error.fields) == ("FieldValidationFailed", (("timeout", "too long"),))


@pytest.mark.parametrize(
    ("headers", "payload", "message"),
    [
        ({":message-type": "error", ":error-code": "InternalFailure", ":error-message": "oops"}, b"",
         "InternalFailure: oops"),
        ({":message-type": "error", ":error-code": "InternalFailure"}, b"",
         "InternalFailure: the runtime gave no message"),
        ({":message-type": "error"}, b"", "UnknownError: the runtime gave no message"),
        ({":message-type": "exception"}, b'{"message":"why"}', "UnknownError: why"),
        ({":message-type": "exception", ":exception-type": "throttlingException"}, b"",
         "ThrottlingException: the runtime gave no message"),
        ({":message-type": "exception", ":exception-type": "newException"}, b"<html>busy</html>",
         "NewException: <html>busy</html>"),
    ],
)  # fmt: skip
def test_an_error_frame_is_raised_with_what_it_says(headers: dict[str, str], payload: bytes, message: str) -> None:
    raw = encode_command_event(ContentStart()) + encode_frame(headers, payload)

    assert decode_every_way(CommandDecoder, raw, [ContentStart()], error=ServiceError) == message


def test_an_error_message_too_long_for_a_header_is_cut_between_characters() -> None:
    with pytest.raises(AgentRuntimeError) as caught:
        CommandDecoder().feed(encode_error("InternalFailure", "é" * 20_000))

    assert caught.value.error == "é" * 16_383


def test_an_error_after_complete_events_is_raised_by_every_later_call() -> None:
    decoder = CommandDecoder()

    assert decoder.feed(encode_command_event(ContentStart()) + encode_exception("ThrottlingException", "slow")) == [
        ContentStart()
    ]
    assert decoder.failed
    with pytest.raises(ServiceError, match="slow"):
        decoder.feed(encode_command_event(STOP))
    with pytest.raises(ServiceError, match="slow"):
        decoder.close()


def test_an_error_before_any_event_is_raised_at_once() -> None:
    decoder = CommandDecoder()

    assert not decoder.failed
    with pytest.raises(ServiceError, match="slow"):
        decoder.feed(encode_exception("ThrottlingException", "slow"))
    assert decoder.failed


# --- tolerant in what is read


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("form", ["wrapped", "no_headers", "member_as_type", "member_as_type_bare", "extra_members"])
def test_other_forms_of_an_event_are_accepted(name: str, form: str) -> None:
    event, value = EVENTS[name]
    ((member, content),) = value.items()
    headers = HEADERS
    match form:
        case "wrapped":
            value = {"chunk": value}
        case "no_headers":
            headers = {}
        case "member_as_type":
            headers = HEADERS | {":event-type": member}
        case "member_as_type_bare":
            headers, value = HEADERS | {":event-type": member}, content
        case _:
            value = {member: content | {"new": [1]}, "other": {"x": 1}, "contentPause": {}}

    events, _ = decode(CommandDecoder(), [chunk(value, headers)])

    assert events == [event]


def test_members_of_one_frame_are_delivered_in_their_natural_order() -> None:
    value = {member: content for _, event in reversed(EVENTS.values()) for member, content in event.items()}

    decode_every_way(CommandDecoder, chunk(value), [ContentStart(), ContentDelta("a\n"), STOP])


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        (HEADERS | {":event-type": "initial-response"}, b""),
        (HEADERS | {":event-type": "newEvent"}, b"\xff"),
        (HEADERS | {":message-type": "newKind"}, b"\xff"),
        (HEADERS, b"{}"),
        (HEADERS, b'{"contentPause":{}}'),
        (HEADERS, b'{"contentStart":null,"contentDelta":null,"contentStop":null}'),
    ],
)
def test_what_is_unknown_is_skipped(headers: dict[str, str], payload: bytes) -> None:
    decode_every_way(CommandDecoder, encode_frame(headers, payload) + encode_command_event(STOP), [STOP])


def test_output_is_always_text_that_can_be_written() -> None:
    raw = encode_frame(HEADERS, rb'{"contentDelta":{"stdout":"\ud83d\ude00 \ud83d ","stderr":null}}')

    decode_every_way(CommandDecoder, raw + encode_command_event(STOP), [ContentDelta("😀 \ufffd "), STOP])


def test_a_character_cut_in_two_is_whole_again_with_the_next_piece_of_the_same_output() -> None:
    contents = [
        rb'{"contentDelta":{"stdout":"a\ud83d","stderr":"b\ud83d"}}',
        rb'{"contentDelta":{"stderr":"\ude01"}}',
        rb'{"contentDelta":{"stdout":"\ude00 \ud83d"}}',
        rb'{"contentDelta":{"stdout":"c"}}',
    ]
    raw = b"".join(encode_frame(HEADERS, content) for content in contents) + encode_command_event(STOP)
    deltas = [ContentDelta("a", "b"), ContentDelta("", "😁"), ContentDelta("😀 "), ContentDelta("\ufffdc")]

    decode_every_way(CommandDecoder, raw, [*deltas, STOP])


def test_half_a_character_that_is_not_completed_is_a_replacement_at_the_end() -> None:
    raw = encode_frame(
        HEADERS, rb'{"contentDelta":{"stdout":"a\ud83d"},"contentStop":{"exitCode":0,"status":"COMPLETED"}}'
    )

    decode_every_way(CommandDecoder, raw, [ContentDelta("a"), ContentDelta("\ufffd"), STOP])


def test_a_status_newer_than_this_package_is_kept() -> None:
    raw = chunk({"contentStop": {"exitCode": 137, "status": "OUT_OF_MEMORY"}})

    decode_every_way(CommandDecoder, raw, [ContentStop(137, "OUT_OF_MEMORY")])


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "a frame's payload is not JSON: b''"),
        (b"\xff", "a frame's payload is not JSON: b'\\xff'"),
        (b"[" * 100_000, f"a frame's payload is not JSON: {b'[' * 100!r}"),
        (b"[1]", "a frame's payload is not a JSON object: [1]"),
        (b'{"contentDelta":"x"}', "contentDelta is not a JSON object: 'x'"),
        (b'{"contentDelta":{"stdout":1}}', "stdout is not a text: 1"),
        (b'{"contentDelta":{"stderr":["x"]}}', "stderr is not a text: ['x']"),
        (b'{"contentStop":7}', "contentStop is not a JSON object: 7"),
    ],
)
def test_a_payload_that_makes_no_sense_is_an_error(payload: bytes, message: str) -> None:
    raw = encode_command_event(ContentStart()) + encode_frame(HEADERS, payload)

    events, error = decode(CommandDecoder(), [raw])

    assert events == [ContentStart()]
    assert (type(error), str(error)) == (ProtocolError, message)


@pytest.mark.parametrize(
    "stop",
    [
        {},
        {"status": "COMPLETED"},
        {"exitCode": 0},
        {"exitCode": None, "status": "COMPLETED"},
        {"exitCode": "0", "status": "COMPLETED"},
        {"exitCode": 0.0, "status": "COMPLETED"},
        {"exitCode": False, "status": "COMPLETED"},
        {"exitCode": 0, "status": None},
        {"exitCode": 0, "status": 1},
    ],
)
def test_an_exit_code_is_never_guessed(stop: dict[str, Any]) -> None:
    message = decode_every_way(CommandDecoder, chunk({"contentStop": stop}), [], error=ProtocolError)

    assert message == f"contentStop needs an integer exitCode and a text status, not {stop!r}"


def test_damage_is_an_error_after_the_events_before_it() -> None:
    raw = encode_command_event(ContentStart()) + encode_command_event(ContentDelta("x"))[:-1] + b"\0"

    message = decode_every_way(CommandDecoder, raw, [ContentStart()], error=ProtocolError)

    assert message.startswith("a frame is damaged: its checksum is 0x")


def test_a_frame_over_the_limit_is_an_error() -> None:
    lengths = struct.pack("!II", MAX_FRAME_BYTES + 1, 0)
    raw = lengths + struct.pack("!I", crc32(lengths))

    message = decode_every_way(CommandDecoder, raw, [], error=ProtocolError)

    assert message == f"a frame has {MAX_FRAME_BYTES + 1} bytes, at most {MAX_FRAME_BYTES} are allowed"


# --- the end of the stream


@pytest.mark.parametrize("after", [b"x", b"\0" * 100, encode_exception("InternalServerException", "late")])
def test_what_follows_the_stop_is_ignored(after: bytes) -> None:
    decoder = CommandDecoder()

    decode_every_way(CommandDecoder, encode_command_event(STOP) + after, [STOP])
    assert decoder.feed(encode_command_event(STOP)) == [STOP]
    assert decoder.feed(after) == []
    assert decoder.close() == []


@pytest.mark.parametrize("raw", [b"", encode_command_event(ContentDelta("a"))], ids=["empty", "delta"])
def test_a_stream_that_ends_without_a_stop_is_an_error(raw: bytes) -> None:
    events: list[CommandEvent] = [ContentDelta("a")] if raw else []

    message = decode_every_way(CommandDecoder, raw, events, error=StreamInterruptedError)

    assert message == "the stream ended without the command's exit code; the command may still be running"


@pytest.mark.parametrize(
    ("length", "how_much"), [(1, "1 bytes"), (11, "11 bytes"), (12, "12 of {} bytes"), (80, "80 of {} bytes")]
)
def test_a_stream_that_ends_inside_a_frame_is_another_error(length: int, how_much: str) -> None:
    raw = encode_command_event(STOP)

    start = encode_command_event(ContentStart())
    message = decode_every_way(CommandDecoder, start + raw[:length], [ContentStart()], error=StreamInterruptedError)

    assert message == (
        f"the stream broke off after {how_much.format(len(raw))} of a frame, before the command's exit code; "
        "the command may still be running"
    )


# --- whatever comes

events = st.one_of(
    st.just(ContentStart()), st.builds(ContentDelta, st.text(max_size=9), st.text(max_size=9)), st.just(None)
)


def encoded(events: list[CommandEvent | None]) -> Iterator[bytes]:
    for event in events:
        yield encode_command_event(event) if event else chunk({}, HEADERS | {":event-type": "unknown"})


@given(events=st.lists(events, max_size=5), positions=st.lists(st.integers(0, 900), max_size=6).map(sorted))
def test_however_bytes_are_cut_the_events_are_the_same(events: list[CommandEvent | None], positions: list[int]) -> None:
    raw = b"".join(encoded([*events, STOP]))

    assert decode(CommandDecoder(), cut(raw, positions)) == ([*filter(None, events), STOP], None)
