"""How long a session of the local AgentCore lasts: as long as something goes on in it, up to a limit."""

from __future__ import annotations

import inspect
import json
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import Response
from urllib3.exceptions import ProtocolError

from agentcore_mcp.cli.local import local
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.local.sandbox.limits import Limits
from tests.support.agentcore import Boto, eventually, new_session_id
from tests.support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

PROBE = "tests.support.agents.probe:app"


@pytest.fixture(scope="module")
def hasty() -> Iterator[Boto]:
    """Give a boto3 of a local AgentCore whose sessions end soon."""
    with LocalAgentCore(app=PROBE, idle_timeout_s=0.4) as local, Boto.of(local) as boto:
        yield boto


def _session_that_says(boto: Boto, health: dict[str, Any] | str) -> str:
    """Start a session, and let a command keep it until its agent can be asked for its health."""
    session_id = new_session_id()
    command = f"echo '{json.dumps(health)}' > health; mkfifo gate; echo ready; cat gate"
    with closing(boto.start(command, session_id)) as stream:
        running = iter(stream)
        next(running)
        next(running)
        boto.ask({}, session_id)
        boto.run(": > gate", session_id)
    return session_id


def test_an_agent_that_says_it_is_busy_keeps_its_session_until_it_says_otherwise(hasty: Boto) -> None:
    busy = _session_that_says(hasty, {"status": "HealthyBusy", "time_of_last_update": 1})
    cwd = Path(hasty.sessions()[busy]["cwd"])
    idle = _session_that_says(hasty, {"status": "Healthy", "time_of_last_update": 1})
    eventually(lambda: idle not in hasty.sessions())

    assert busy in hasty.sessions()
    (cwd / "health").write_text("{}")
    eventually(lambda: busy not in hasty.sessions())


def test_busy_without_a_time_does_not_count_as_reported_of_the_service(hasty: Boto) -> None:
    busy = _session_that_says(hasty, {"status": "HealthyBusy", "time_of_last_update": 1})
    timeless = _session_that_says(hasty, {"status": "HealthyBusy"})
    eventually(lambda: timeless not in hasty.sessions())

    assert busy in hasty.sessions()
    hasty.stop(busy)


def test_health_that_cannot_be_read_is_not_busy(hasty: Boto) -> None:
    session_id = _session_that_says(hasty, "nonsense")

    eventually(lambda: session_id not in hasty.sessions())


@pytest.mark.parametrize(
    ("health", "encoding"), [(b"not gzip", "gzip"), (b"[" * 200_000, "identity")], ids=["encoding", "depth"]
)
def test_health_that_cannot_be_decoded_ends_no_more_than_its_session(health: bytes, encoding: str) -> None:
    async def agent(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            answer = Response(b"{}") if scope["path"] != "/ping" else Response(health, headers=encoded)
            await answer(scope, receive, send)

    encoded = {"content-encoding": encoding}
    session_id = new_session_id()
    with (
        serving(agent) as port,
        LocalAgentCore(target=f"http://127.0.0.1:{port}", idle_timeout_s=0.4) as local,
        Boto.of(local) as boto,
    ):
        boto.ask({}, session_id)

        eventually(lambda: session_id not in boto.sessions())


@pytest.mark.parametrize("payload", [{"do": "status", "status": 500}, {}])
def test_a_session_is_idle_after_a_call_however_it_ended(hasty: Boto, payload: dict[str, Any]) -> None:
    session_id = new_session_id()
    hasty.run("true", session_id)
    with suppress(hasty.client.exceptions.RuntimeClientError):
        hasty.ask(payload, session_id)

    eventually(lambda: session_id not in hasty.sessions())


def test_a_session_that_is_too_old_ends_however_busy_it_is() -> None:
    with LocalAgentCore(app=PROBE, max_lifetime_s=1) as local, Boto.of(local) as boto:
        session_id = new_session_id()
        with closing(boto.start("echo ready; sleep 100", session_id)) as stream:
            running = iter(stream)
            next(running)
            next(running)
            cwd = Path(boto.sessions()[session_id]["cwd"])
            with pytest.raises(ProtocolError, match="prematurely"):
                next(running)
        eventually(lambda: session_id not in boto.sessions())
        eventually(lambda: not cwd.exists())

        assert boto.run("ls", session_id).stdout == ""


def test_an_invocation_that_is_cut_by_age_says_so() -> None:
    with LocalAgentCore(app=PROBE, max_lifetime_s=1.5) as local, Boto.of(local) as boto:
        with pytest.raises(boto.client.exceptions.RuntimeClientError) as caught:
            boto.ask({"do": "hang"}, new_session_id())

        assert caught.value.response["Error"]["Message"] == "The session has reached its maximum lifetime."


def test_the_defaults_of_the_command_are_those_of_the_service() -> None:
    defaults = {parameter.name: parameter.default for parameter in local.params}

    assert {name: defaults[name] for name in inspect.signature(Limits).parameters} == {
        "idle_timeout_s": Limits().idle_timeout_s,
        "max_lifetime_s": Limits().max_lifetime_s,
        "start_timeout_s": Limits().start_timeout_s,
    }
