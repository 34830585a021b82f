"""AgentCoreRuntimeClient against a whole AgentCore: agents, shells and sessions that are real, and boto3 beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.errors import ServiceError
from agentcore_mcp.runtime.sdk.client import AgentCoreRuntimeClient
from tests.support.agentcore import Boto, new_session_id
from tests.support.aws import fake_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.local.agentcore import LocalAgentCore

TOKEN = "not.a.real-token"


@pytest.fixture
def client(local_agentcore: LocalAgentCore) -> Iterator[AgentCoreRuntimeClient]:
    with AgentCoreRuntimeClient(session=fake_session(), endpoint_url=local_agentcore.endpoint_url) as client:
        yield client


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_session_from_its_first_word_to_its_end(
    client: AgentCoreRuntimeClient, local_agentcore: LocalAgentCore, token: str | None
) -> None:
    arn, session_id = local_agentcore.agent_runtime_arn, new_session_id()

    pieces = list(client.invoke_streaming(arn, token, {"prompt": "hello"}, session_id=session_id))
    assert pieces[:2] == ["You ", "said "]
    whole = client.invoke(arn, token, {"prompt": "and now?"}, session_id=session_id)
    assert whole == 'You said "and now?". Before that you said "hello".'

    assert client.execute_command(arn, token, "echo kept > file; cd /; exit 3", session_id=session_id) == {
        "stdout": "",
        "stderr": "",
        "exitCode": 3,
        "status": "COMPLETED",
    }
    events = list(client.execute_command_streaming(arn, token, "cat file; echo no >&2", session_id=session_id))
    assert (events[0], events[-1]) == ({"contentStart": {}}, {"contentStop": {"exitCode": 0, "status": "COMPLETED"}})
    assert {"contentDelta": {"stdout": "kept\n"}} in events

    stopped = client.stop_runtime_session(arn, token, session_id=session_id)
    assert stopped == {"runtimeSessionId": session_id, "statusCode": 200}
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        client.stop_runtime_session(arn, token, session_id=session_id)


def test_a_command_gives_what_boto3_gives(client: AgentCoreRuntimeClient, local_agentcore: LocalAgentCore) -> None:
    command = "printf 'gr\u00f6\u00dfe\\n'; printf 'x%.0s' $(seq 100000); echo no >&2; exit 9"
    with Boto.of(local_agentcore) as boto:
        theirs = boto.run(command, new_session_id())
    ours = client.execute_command(local_agentcore.agent_runtime_arn, None, command)

    assert ours == {
        "stdout": theirs.stdout,
        "stderr": theirs.stderr,
        "exitCode": theirs.exit_code,
        "status": theirs.status,
    }


def test_a_command_that_runs_out_of_time_is_ended(
    client: AgentCoreRuntimeClient, local_agentcore: LocalAgentCore
) -> None:
    result = client.execute_command(local_agentcore.agent_runtime_arn, None, "echo begun; sleep 60", command_timeout=1)

    assert (result["stdout"], result["status"]) == ("begun\n", "TIMED_OUT")


def test_one_client_serves_one_event_loop_after_another(
    client: AgentCoreRuntimeClient, local_agentcore: LocalAgentCore
) -> None:
    """As in a program that calls asyncio.run() for each of its requests; nothing is left open in between."""
    session_id = new_session_id()

    async def run(command: str) -> str:
        result = await client.execute_command_async(
            local_agentcore.agent_runtime_arn, TOKEN, command, session_id=session_id
        )
        return result["stdout"]

    assert [asyncio.run(run(f"echo {n}")) for n in range(3)] == ["0\n", "1\n", "2\n"]
