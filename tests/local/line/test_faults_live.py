"""Faults of the local AgentCore as boto3 and our own client meet them."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from botocore.exceptions import ClientError, ResponseStreamingError
from click.testing import CliRunner
from urllib3.exceptions import ProtocolError

from agentcore_mcp.cli import main
from agentcore_mcp.errors import ServiceError, StreamInterruptedError
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.runtime import NoAuth
from agentcore_mcp.runtime.client import RuntimeClient
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.refusals import STATUS_OF_CODE
from agentcore_mcp.wire.requests import invoke_request
from tests.support.agentcore import Boto, error_code, eventually, new_session_id
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATIONS = ("invoke", "run", "stop")
# Longer than any test waits.
FOREVER = "cold-start=3600"


@contextmanager
def faulty(boto: Boto, header: str) -> Iterator[None]:
    """Let boto3 send a fault's header meanwhile."""

    def add(request: Any, **_: object) -> None:
        request.headers["X-Local-Fault"] = header

    boto.client.meta.events.register("before-sign", add)
    try:
        yield
    finally:
        boto.client.meta.events.unregister("before-sign", add)


def call(boto: Boto, operation: str, session_id: str) -> object:
    match operation:
        case "invoke":
            return boto.invoke({}, session_id)
        case "run":
            return boto.run("true", session_id)
        case _:
            return boto.stop(session_id)


@pytest.mark.parametrize("code", STATUS_OF_CODE)
def test_every_error_of_the_model_can_be_had_and_boto3_knows_it(boto: Boto, session_id: str, code: str) -> None:
    with faulty(boto, f"error={code}"), pytest.raises(getattr(boto.client.exceptions, code)) as caught:
        boto.invoke({}, session_id)
    answer = caught.value.response

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == STATUS_OF_CODE[code]
    assert (answer.get("reason") is not None) == (code == "ValidationException")
    assert session_id not in boto.sessions()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_fault_hits_every_operation_and_only_the_request_that_asks(
    boto: Boto, session_id: str, operation: str
) -> None:
    boto.run("true", session_id)
    with faulty(boto, "error=ThrottlingException"), pytest.raises(boto.client.exceptions.ThrottlingException):
        call(boto, operation, session_id)

    call(boto, operation, session_id)


def test_an_unknown_fault_is_a_validation_error(boto: Boto, session_id: str) -> None:
    with faulty(boto, "explode"), pytest.raises(boto.client.exceptions.ValidationException) as caught:
        boto.invoke({}, session_id)

    assert [field["name"] for field in caught.value.response["fieldList"]] == ["X-Local-Fault"]


def test_the_header_of_a_fault_does_not_reach_the_agent(boto: Boto, session_id: str) -> None:
    with faulty(boto, "slow=1000000"):
        seen = boto.ask({}, session_id)["headers"]

    assert "x-local-fault" not in seen


@pytest.mark.parametrize("first", ["invoke", "run"])
def test_a_second_call_during_a_cold_start_is_a_retryable_conflict(first: str) -> None:
    """Nothing but its own end frees the local AgentCore from this start, and that ends it at once."""
    session_id = new_session_id()
    outcomes: list[str] = []

    def start() -> None:
        with Boto.of(local) as cold, faulty(cold, FOREVER):
            try:
                call(cold, first, session_id)
            except ClientError as error:
                outcomes.append(error.response["Error"]["Code"])

    with LocalAgentCore() as local, Boto.of(local) as boto:
        thread = threading.Thread(target=start)
        thread.start()
        eventually(lambda: session_id in boto.sessions())
        for operation in OPERATIONS:
            with pytest.raises(boto.client.exceptions.RetryableConflictException) as caught:
                call(boto, operation, session_id)
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
        began = time.monotonic()
        local.stop()
        thread.join(WAIT_S)

    assert outcomes == ["RuntimeClientError"]
    assert time.monotonic() - began < 30


def test_a_cold_start_takes_its_time_and_then_the_call_goes_on(boto: Boto, session_id: str) -> None:
    began = time.monotonic()
    with faulty(boto, "cold-start=0.3"):
        assert boto.run("echo started", session_id).stdout == "started\n"

    assert time.monotonic() - began >= 0.3


def test_a_cold_start_happens_once_in_a_session(boto: Boto, session_id: str) -> None:
    boto.run("true", session_id)
    with faulty(boto, FOREVER):
        assert boto.run("echo warm", session_id).stdout == "warm\n"


def test_two_first_calls_at_once_are_one_answer_and_one_conflict(probe: LocalAgentCore, session_id: str) -> None:
    """Without any fault: the agent's own start is a cold start. boto3 tries the refused one again by itself."""
    request = invoke_request(RuntimeArn.parse(probe.agent_runtime_arn), b"{}", session_id=session_id)
    answers: list[httpx2.Response] = []

    def ask() -> None:
        url = probe.endpoint_url + request.target
        answers.append(httpx2.post(url, headers=dict(request.headers), content=request.body, timeout=WAIT_S))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert error_code(next(answer for answer in answers if answer.status_code == 409)) == "RetryableConflictException"


def test_an_answer_is_cut_after_so_many_bytes(boto: Boto, session_id: str) -> None:
    with faulty(boto, "cut-after=1500000"):
        body = boto.invoke({"do": "megabytes", "count": 3}, session_id)["response"]
        received = bytearray()
        with pytest.raises(ResponseStreamingError):
            for piece in body.iter_chunks(1000):
                received += piece

    assert len(received) == 1_500_000
    assert boto.requests(session_id)[0]["state"] == "failed"


def test_a_command_goes_on_after_its_answer_was_cut(boto: Boto, session_id: str) -> None:
    """It waits for what is only written once its answer has broken off."""
    boto.run("mkfifo gate", session_id)
    with (
        faulty(boto, "cut-after=0"),
        closing(boto.start("cat gate > kept", session_id)) as stream,
        pytest.raises(ProtocolError),
    ):
        next(iter(stream))
    assert boto.run("echo 'went on' > gate", session_id).exit_code == 0
    eventually(lambda: boto.run("cat kept", session_id).stdout == "went on\n")
    eventually(lambda: all(entry["ended_at"] for entry in boto.requests(session_id)))


async def test_our_client_makes_the_right_errors_of_it(probe: LocalAgentCore) -> None:
    arn, session_id = probe.agent_runtime_arn, new_session_id()
    async with RuntimeClient(auth=NoAuth(), endpoint_url=probe.endpoint_url) as client:
        with pytest.raises(StreamInterruptedError):
            async with client.run_command(
                arn, "echo lost", session_id=session_id, headers={"X-Local-Fault": "cut-after=100"}
            ) as run:
                assert [event async for event in run]
        with pytest.raises(StreamInterruptedError):
            async with client.invoke(
                arn, b"{}", session_id=session_id, headers={"X-Local-Fault": "cut-after=10"}
            ) as answer:
                assert [piece async for piece in answer]
        with pytest.raises(ServiceError) as caught:
            async with client.run_command(
                arn, "true", session_id=session_id, headers={"X-Local-Fault": "error=ServiceQuotaExceededException"}
            ):
                pass
        assert (caught.value.status, caught.value.error_type) == (402, "ServiceQuotaExceededException")
        await client.stop_session(arn, session_id=session_id)


def test_an_answer_can_trickle(boto: Boto, session_id: str) -> None:
    boto.ask({}, session_id)
    began = time.monotonic()
    with faulty(boto, "slow=2000"):
        answer = boto.invoke({"filler": "x" * 400}, session_id)["response"].read()

    assert json.loads(answer)["calls"] == 2
    assert time.monotonic() - began >= len(answer) / 2000 * 0.9


def test_a_fault_that_does_not_exist_is_said_so_at_the_start() -> None:
    result = CliRunner().invoke(main, ["local", "--fault", "explode"])

    assert result.exit_code == 2
    assert "not a fault: 'explode'; there are error=CODE, cold-start=SECONDS" in result.output


def test_the_configuration_lets_every_third_call_be_throttled() -> None:
    with (
        LocalAgentCore(faults=["error=ThrottlingException every=3", "slow=1000000"]) as local,
        Boto.of(local) as boto,
    ):
        session_id = new_session_id()
        outcomes = []
        for _ in range(6):
            try:
                outcomes.append(boto.run("true", session_id).exit_code)
            except boto.client.exceptions.ThrottlingException as error:
                outcomes.append(error.response["ResponseMetadata"]["HTTPStatusCode"])

    assert outcomes == [0, 0, 429, 0, 0, 429]
