"""What real MCP hosts do with this server, each as its recipe in docs/hosts.md says.

``.ci/hosts`` installs them and runs this. Otherwise AGENTCORE_MCP_HOSTS names a folder with hosts, or nothing is run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from agentcore_mcp import LocalAgentCore
from tests.hosts.hosts import HOSTS, NODE, Run, installed
from tests.hosts.model import ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.local import RecordedRequest

FOLDER = Path(os.environ.get("AGENTCORE_MCP_HOSTS") or "hosts that are not there")
if not FOLDER.exists():
    pytest.skip("AGENTCORE_MCP_HOSTS names no folder with hosts", allow_module_level=True)

RUN_LIMIT_S = 120
END_LIMIT_S = 15
# The clean-up of a server takes two seconds at most.
SETTLE_LIMIT_S = 5

pytestmark = [
    pytest.mark.timeout(RUN_LIMIT_S + 2 * END_LIMIT_S),
    pytest.mark.parametrize("name", [name for name in HOSTS if installed(FOLDER, name)]),
]


@dataclass
class Seen:
    """What a run has left.

    Attributes:
        code: The host's exit code; negative, by which signal.
        results: The results, as the model got them.
        requests: What reached the local AgentCore.
        sessions: Those that are left there.
        servers: The command lines of the servers that are left.
        wire: What ``"host"`` and ``"server"`` told each other, in the order of each.
    """

    code: int
    results: list[str]
    requests: list[RecordedRequest]
    sessions: list[Any]
    servers: list[str]
    wire: dict[str, list[dict[str, Any]]]

    @property
    def protocol(self) -> str:
        for message in self.wire["server"]:
            if version := message.get("result", {}).get("protocolVersion"):
                return str(version)
        meta = [message.get("params", {}).get("_meta", {}) for message in self.wire["host"]]
        return next(str(each[key]) for each in meta for key in each if key.endswith("/protocolVersion"))


def run(name: str, folder: Path, tool: str, arguments: dict[str, Any], *, interrupt: bool = False) -> Seen:
    """Run a host until it has ended, or interrupt it, as Ctrl-C does, once a call has reached the agent."""
    model, home, host = ScriptedModel((tool, arguments)), folder / "home", HOSTS[name]
    home.mkdir()
    with LocalAgentCore() as agentcore, model.serving() as url, (folder / "output").open("wb") as output:
        command = host.command(Run(FOLDER / name, home, url, server_in(folder), config_in(folder, agentcore)))
        path = f"{FOLDER / NODE / 'node_modules/.bin'}:/usr/local/bin:/usr/bin:/bin"
        environ = {"PATH": path, "HOME": str(home), "TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": "1"}
        environ |= {variable: value.format(model=url) for variable, value in host.environ.items()}
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        process = subprocess.Popen(command, cwd=home, env=environ, start_new_session=True, **streams)
        try:
            if interrupt:
                wait_for(lambda: answered(agentcore) or process.poll() is not None, RUN_LIMIT_S)
                os.killpg(process.pid, signal.SIGINT)  # type: ignore[attr-defined, unused-ignore]
            process.wait(END_LIMIT_S if interrupt else RUN_LIMIT_S)
            wait_for(lambda: not servers_in(folder), SETTLE_LIMIT_S)
        finally:
            left = list(servers_in(folder).values())
            for pid in {*servers_in(folder), *processes_with(f"HOME={home}")}:
                os.kill(pid, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
            process.wait()
            sys.stdout.write((folder / "output").read_text("utf-8", "replace"))  # pytest shows it if the test fails
        sessions = httpx2.get(f"{agentcore.endpoint_url}/_local/sessions").json()
        wire = {side: messages_in(folder, side) for side in ("host", "server")}
        return Seen(process.returncode, model.results, calls(agentcore), sessions, left, wire)


def calls(agentcore: LocalAgentCore) -> list[RecordedRequest]:
    """Return the requests that are for a session: not those by which the server finds out what the agent speaks."""
    return [request for request in agentcore.requests() if request.session_id is not None]


def answered(agentcore: LocalAgentCore) -> bool:
    """Tell whether the agent has begun to answer. Before that its session starts, and can't be stopped."""
    return any(request.status for request in calls(agentcore))


def server_in(folder: Path) -> Path:
    """Write the command that stands for the server in recipes, and records it."""
    record, server = Path(__file__).with_name("record.py"), Path(sys.executable).with_name("agentcore-mcp")
    script = folder / "agentcore-mcp"
    script.write_text(
        f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", str(record), str(folder), str(server)])} "$@"\n'
    )
    script.chmod(0o755)
    return script


def config_in(folder: Path, agentcore: LocalAgentCore) -> Path:
    agent = {"arn": agentcore.agent_runtime_arn, "endpoint_url": agentcore.endpoint_url}
    lines = ['on_exit = "stop"', "[agents.my-agent]", 'auth = { token = "any" }']
    config = folder / "agent.toml"
    config.write_text("\n".join([*lines, *(f"{key} = {json.dumps(value)}" for key, value in agent.items())]))
    return config


def messages_in(folder: Path, side: str) -> list[dict[str, Any]]:
    lines = [line for file in sorted(folder.glob(f"*.{side}")) for line in file.read_bytes().split(b"\n")]
    return [json.loads(line) for line in lines if line.startswith(b"{")]


def wait_for(condition: Callable[[], Any], limit_s: float) -> None:
    until = time.monotonic() + limit_s
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)


def servers_in(folder: Path) -> dict[int, str]:
    """Return the command lines of the servers of a run that are still there."""
    found = {}
    for recorded in folder.glob("*.server"):
        with suppress(OSError):
            found[int(recorded.stem)] = Path(f"/proc/{recorded.stem}/cmdline").read_text().replace("\0", " ")
    return {pid: command for pid, command in found.items() if "agentcore-mcp" in command}


def processes_with(variable: str) -> list[int]:
    """Return the processes of a run: the host, its daemons and servers, all of which have its home."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            found += [int(environ.parent.name)] if variable.encode() in environ.read_bytes().split(b"\0") else []
    return found


def test_a_slow_answer_arrives_with_its_session(name: str, tmp_path: Path) -> None:
    seen = run(name, tmp_path, "invoke_agent", {"prompt": "slow 3"})

    assert (seen.code, len(seen.results), [request.state for request in seen.requests][:1]) == (0, 1, ["complete"])
    assert "piece 3 of 3" in seen.results[0]
    assert re.search(rf"session_id\W+{seen.requests[0].session_id}", seen.results[0])
    assert seen.protocol in HOSTS[name].protocols
    if any("progressToken" in json.dumps(message) for message in seen.wire["host"]):
        shown = [
            message["params"] for message in seen.wire["server"] if message.get("method") == "notifications/progress"
        ]
        assert any("piece 1 of 3" in progress["message"] for progress in shown)
    assert_nothing_left(name, seen)


def test_a_command_that_fails_is_a_result_with_its_exit_code(name: str, tmp_path: Path) -> None:
    seen = run(name, tmp_path, "run_command", {"command": "echo to-out; echo to-err >&2; exit 3"})

    assert (seen.code, len(seen.results)) == (0, 1)
    for part in ("to-out", "to-err", r"exit_?\s?code\W+3"):
        assert re.search(part, seen.results[0]), part
    assert_nothing_left(name, seen)


def test_of_a_long_answer_the_model_gets_all_that_the_server_sends(name: str, tmp_path: Path) -> None:
    """It sends no more than the host shows; the rest stays readable with ``read_output``."""
    seen = run(name, tmp_path, "invoke_agent", {"prompt": "long 2000"})

    assert (seen.code, len(seen.results)) == (0, 1)
    sent = next(message["result"] for message in seen.wire["server"] if message.get("result", {}).get("content"))
    lines = [set(re.findall(r"This is line (\d+) of 2000 ", text)) for text in (seen.results[0], json.dumps(sent))]
    assert {"1", "2000"} <= lines[0] == lines[1]
    assert_nothing_left(name, seen)


def test_an_interrupt_ends_the_call_and_all_that_was_started(name: str, tmp_path: Path) -> None:
    seen = run(name, tmp_path, "invoke_agent", {"prompt": "slow 60"}, interrupt=True)

    assert [request.state for request in seen.requests if "Invoke" in request.operation] == ["client_gone"]
    assert_nothing_left(name, seen)


def assert_nothing_left(name: str, seen: Seen) -> None:
    assert seen.servers == []
    if not HOSTS[name].kills:
        assert seen.sessions == []
