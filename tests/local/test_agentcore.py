"""The local AgentCore as a child process: it is ready, it ends, and nothing is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from agentcore_mcp.errors import ConnectError
from agentcore_mcp.local.agentcore import STOP_TIMEOUT_S, LocalAgentCore
from agentcore_mcp.local.sandbox.agent import LINE_MAX_BYTES
from tests.support.agentcore import Boto, eventually, new_session_id
from tests.support.processes import alive

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE = "tests.support.agents.probe:app"

PARENT = """
import json, signal
from agentcore_mcp.local.agentcore import STOP_TIMEOUT_S, LocalAgentCore
local = LocalAgentCore(app="tests.support.agents.probe:app")
local.start()
local.wait_ready()
print(json.dumps({"pid": local.pid, "endpoint_url": local.endpoint_url, "arn": local.agent_runtime_arn}), flush=True)
signal.pause()
"""


@contextmanager
def _busy(boto: Boto) -> Iterator[tuple[list[int], Path]]:
    """Give a session an agent process, a background process and a running command; yield the pids and the folder."""
    session_id = new_session_id()
    agent = boto.ask({}, session_id)
    background = boto.run("sleep 100 & echo $!", session_id).stdout
    with closing(boto.start("echo $$; sleep 100; true", session_id)) as stream:
        running = iter(stream)
        next(running)
        foreground = next(running)["chunk"]["contentDelta"]["stdout"]
        yield [agent["pid"], int(background), int(foreground)], Path(agent["cwd"]).parent


def test_it_answers_once_it_is_ready(local_agentcore: LocalAgentCore) -> None:
    assert local_agentcore.endpoint_url.startswith("http://127.0.0.1:")
    assert local_agentcore.agent_runtime_arn.startswith("arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/")
    assert httpx2.get(f"{local_agentcore.endpoint_url}/ping").json() == {"status": "Healthy"}


def test_stop_leaves_no_process_and_no_directory() -> None:
    with LocalAgentCore(app=PROBE) as local, Boto.of(local) as boto, _busy(boto) as (pids, folder):
        assert local.pid is not None
        began = time.monotonic()
        pid = local.pid
        local.stop()

        assert time.monotonic() - began < STOP_TIMEOUT_S
        assert not folder.exists()
        assert not alive(pid)
        eventually(lambda: not any(alive(pid) for pid in pids))


def test_it_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        try:
            announced = json.loads(parent.stdout.readline())
            with Boto.at(announced["endpoint_url"], announced["arn"]) as boto, _busy(boto) as (pids, folder):
                parent.kill()
                eventually(lambda: not any(alive(pid) for pid in [announced["pid"], *pids]))
        finally:
            parent.kill()

    assert not folder.exists()


def test_agent_processes_end_when_the_local_agentcore_is_killed() -> None:
    local = LocalAgentCore(app=PROBE)
    local.start()
    local.wait_ready()
    with Boto.of(local) as boto:
        agent = boto.ask({}, new_session_id())
    assert local.pid is not None
    os.kill(local.pid, signal.SIGKILL)
    eventually(lambda: not alive(agent["pid"]))
    local.stop()
    # It had no time for that itself.
    shutil.rmtree(Path(agent["cwd"]).parent)


def test_what_agents_print_comes_on_standard_error_with_the_session_in_front(tmp_path: Path) -> None:
    session_id = new_session_id()
    text = f"one\n{'x' * 2 * LINE_MAX_BYTES}\nthree\n"
    with (
        (tmp_path / "stderr").open("wb") as stderr,
        LocalAgentCore(app=PROBE, stderr=stderr) as local,
        Boto.of(local) as boto,
    ):
        boto.ask({"do": "print", "text": text}, session_id)
        with pytest.raises(boto.client.exceptions.RuntimeClientError):
            boto.ask({"do": "exit"}, session_id)

    lines = (tmp_path / "stderr").read_text().splitlines()
    assert all(line.startswith(f"[{session_id}] ") for line in lines)
    *printed, failure = [line.removeprefix(f"[{session_id}] ") for line in lines]
    assert printed == ["one", *["x" * LINE_MAX_BYTES] * 2, "three", "the last words of the agent"]
    assert failure.startswith("Runtime exited with code 3. The end of its output: ")
    assert failure.endswith(" / three / the last words of the agent")


def test_it_can_be_stopped_twice_and_before_it_is_ready() -> None:
    local = LocalAgentCore()
    local.stop()
    local.start()
    local.stop()
    local.stop()


def test_waiting_for_one_that_was_not_started_is_an_error() -> None:
    with pytest.raises(ConnectError, match="not running"):
        LocalAgentCore().wait_ready()


def test_waiting_is_bounded() -> None:
    local = LocalAgentCore()
    local.start()
    with pytest.raises(ConnectError, match="not ready in time"):
        local.wait_ready(timeout_s=0)
    local.wait_ready()
    local.stop()


def test_one_that_cannot_start_is_an_error() -> None:
    with pytest.raises(ConnectError, match="exited with code 2"), LocalAgentCore(idle_timeout_s=-1):
        pass
