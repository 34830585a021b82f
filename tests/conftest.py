"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from agentcore_mcp.local.agentcore import LocalAgentCore

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# How long an example takes says more about what else the machine is doing than about the code.
settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

# A shell's background job is started with SIGINT ignored, and would hand that on to what tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Sessions that tests leave behind end soon, so that a whole run stays below the limit of sessions.
_IDLE_TIMEOUT_S = 20.0


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    """Let a worker report tests that log half a surrogate pair, which would end the worker of pytest-xdist."""
    data = yield
    return data and {name: _with_whole_characters(value) for name, value in data.items()}


def _with_whole_characters(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {key: _with_whole_characters(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_with_whole_characters(each) for each in value)
    return value


@pytest.fixture(scope="session", autouse=True)
def nobodys_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide from the tests, and from what they start, whose machine this is: credentials, profiles, trust, agents."""
    with pytest.MonkeyPatch.context() as environment:
        for name in os.environ:
            if name.startswith(("AWS_", "AGENTCORE_")) and not name.startswith("AGENTCORE_MCP_"):
                environment.delenv(name)
        for file in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            environment.setenv(file, os.devnull)
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        environment.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def hang_ups_are_heeded() -> None:
    """Undo what nohup does, for the servers that the tests start: they ignore a SIGHUP that was ignored before."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # type: ignore[attr-defined, unused-ignore]


@pytest.fixture(scope="session")
def local_agentcore() -> Iterator[LocalAgentCore]:
    """Run one local AgentCore with the sample agent, in a process of its own; each test uses sessions of its own."""
    with LocalAgentCore(idle_timeout_s=_IDLE_TIMEOUT_S) as local:
        yield local
