"""Everything that a session has started ends with it, however it was started, and no file stays open for it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.local.child import STOP_TIMEOUT_S
from agentcore_mcp.local.sandbox import jobs
from agentcore_mcp.local.sandbox.jobs import Job
from agentcore_mcp.local.sandbox.pipes import OutputPipe
from agentcore_mcp.local.sandbox.processes import Processes
from tests.support.agentcore import Boto, connected, eventually, new_session_id
from tests.support.processes import alive, end_of, open_files
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable

# Each leaves a `sleep` whose pid is in the file `pid`, once the line has been printed.
LEFTOVERS = {
    "in the background": "sleep 100 & echo $! > pid",
    "with job control": "set -m; sleep 100 & echo $! > pid",
    "in a session of its own": "setsid sh -c 'echo $$ > pid; exec sleep 100' & until [ -s pid ]; do sleep 0.01; done",
    "a grandchild whose parent has gone": "(setsid sh -c 'sleep 100 & echo $! > pid' &); until [ -s pid ]; do :; done",
    "deaf to signals": "(trap '' TERM HUP INT; sleep 100 & echo $! > pid)",
    "in another directory": 'cd /; setsid sleep 100 & echo $! > "$HOME/pid"',
    "a daemon": (
        "python3 -c 'import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n"
        'open("pid", "w").write(str(os.getpid()))\nos.closerange(0, 3); time.sleep(100)\'; '
        "until [ -s pid ]; do sleep 0.01; done"
    ),
}


def _leave(boto: Boto, session_id: str, command: str) -> tuple[int, Path]:
    """Run a command that leaves a process; return that process, and the session's directory."""
    assert boto.run(f"{command}; echo left", session_id).stdout == "left\n"
    directory = Path(boto.sessions()[session_id]["cwd"])
    return int((directory / "pid").read_text()), directory


@pytest.mark.parametrize("command", LEFTOVERS.values(), ids=LEFTOVERS)
def test_a_stop_ends_what_a_command_has_left(boto: Boto, session_id: str, command: str) -> None:
    pid, directory = _leave(boto, session_id, command)
    assert alive(pid)
    boto.stop(session_id)

    eventually(lambda: not alive(pid))
    assert not directory.exists()


def test_a_stop_leaves_other_sessions_alone(boto: Boto, session_id: str) -> None:
    other = new_session_id()
    pid, _ = _leave(boto, other, LEFTOVERS["in a session of its own"])
    boto.run("true", session_id)
    boto.stop(session_id)

    assert alive(pid)
    boto.stop(other)
    eventually(lambda: not alive(pid))


def test_what_an_agent_has_started_in_a_session_of_its_own_ends_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "starter.py").write_text(
        "import subprocess\nfrom starlette.responses import JSONResponse\n"
        "async def app(scope, receive, send):\n"
        "    child = subprocess.Popen(['sleep', '100'], start_new_session=True)\n"
        "    await JSONResponse(child.pid)(scope, receive, send)\n"
    )
    monkeypatch.chdir(tmp_path)
    with LocalAgentCore(app="starter:app") as local, Boto.of(local) as boto:
        pid = boto.ask({}, new_session_id())
        assert alive(pid)

    eventually(lambda: not alive(pid))


@pytest.mark.parametrize(
    ("held", "number"),
    [
        ("sleep 100", signal.SIGHUP),  # type: ignore[attr-defined, unused-ignore]
        ("setsid sleep 100 & sleep 100", signal.SIGTERM),
        ("yes & setsid yes & sleep 100", signal.SIGINT),
    ],
)
def test_the_end_takes_two_seconds_at_most_and_leaves_nothing(held: str, number: signal.Signals) -> None:
    with LocalAgentCore() as local, Boto.of(local) as boto:
        session_id = new_session_id()
        pid, directory = _leave(boto, session_id, LEFTOVERS["in a session of its own"])
        with closing(boto.start(f"echo $$; {held}", session_id)) as stream:
            next(iter(stream))
            assert local.pid is not None
            os.kill(local.pid, number)

            assert anyio.run(end_of, local.pid) < 2
            assert not alive(pid)
            assert not directory.parent.exists()


def test_a_process_that_is_stuck_is_killed_by_its_stop() -> None:
    local = LocalAgentCore()
    local.start()
    local.wait_ready()
    pid = local.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # type: ignore[attr-defined, unused-ignore]
    began = time.monotonic()
    local.stop()

    assert not alive(pid)
    assert time.monotonic() - began >= STOP_TIMEOUT_S


async def test_once_they_are_killed_none_is_left_for_asyncio_to_reap(tmp_path: Path) -> None:
    """It writes "Loop ... is closed" to standard error about one that is reaped after the end."""
    async with anyio.create_task_group() as tasks:
        processes, output = Processes(tmp_path, tasks), OutputPipe()
        with closing(output):
            job = await Job.start(["sleep", "100"], cwd=tmp_path, env=os.environ, stdout=output)
            processes.adopt(job)
            await processes.kill()

            assert job.ended_by == signal.SIGKILL  # type: ignore[attr-defined, unused-ignore]


def test_a_process_that_has_gone_meanwhile_is_no_trouble() -> None:
    with subprocess.Popen(["true"]) as process:
        pass
    jobs._signal([process.pid], signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]

    assert jobs._environment(process.pid) == []
    assert jobs._unix_session(process.pid) is None


@pytest.mark.parametrize(
    "command",
    ["echo out; echo err >&2", "exit 3", "sleep 0.3 & echo out", "echo out > >(cat)", "kill -KILL $$", "cd /; rmdir ~"],
)
def test_commands_leave_no_file_open(probe: LocalAgentCore, boto: Boto, command: str) -> None:
    _leaves_no_file_open(probe, boto, lambda session_id: boto.run(command, session_id))


def test_commands_that_time_out_leave_no_file_open(probe: LocalAgentCore, boto: Boto) -> None:
    _leaves_no_file_open(probe, boto, lambda session_id: boto.run("sleep 100", session_id, timeout_s=1), times=2)


def test_agents_that_answer_fail_or_exit_leave_no_file_open(probe: LocalAgentCore, boto: Boto) -> None:
    def use(session_id: str) -> None:
        boto.ask({}, session_id)
        for payload in ({"do": "status", "status": 500}, {"do": "exit"}):
            with pytest.raises(boto.client.exceptions.RuntimeClientError):
                boto.ask(payload, session_id)

    _leaves_no_file_open(probe, boto, use)


def test_a_shell_that_cannot_be_started_leaves_no_file_open(probe: LocalAgentCore, boto: Boto) -> None:
    def use(session_id: str) -> None:
        boto.run('rmdir "$PWD"', session_id)
        with pytest.raises(boto.client.exceptions.InternalServerException, match="could not be started"):
            boto.run("true", session_id)
        with pytest.raises(InvalidStatus) as caught, connected(boto, session_id, "ws/shells"):
            pass
        assert b"The shell could not be started: No such file or directory" in caught.value.response.body

    _leaves_no_file_open(probe, boto, use)


@pytest.mark.parametrize("path", ["ws", "ws/shells"])
@pytest.mark.parametrize("end", ["left", "stopped", "exit"])
def test_websockets_leave_no_file_open(probe: LocalAgentCore, boto: Boto, path: str, end: str) -> None:
    def use(session_id: str) -> None:
        with connected(boto, session_id, path) as socket:
            if end == "exit":
                socket.send("exit" if path == "ws" else b"\0exit\n")
            elif end == "stopped":
                boto.stop(session_id)
            with suppress(ConnectionClosed):
                while end != "left":
                    socket.recv(timeout=WAIT_S)

    _leaves_no_file_open(probe, boto, use)


def _leaves_no_file_open(probe: LocalAgentCore, boto: Boto, use: Callable[[str], object], *, times: int = 4) -> None:
    def use_and_stop() -> None:
        session_id = new_session_id()
        use(session_id)
        if session_id in boto.sessions():
            boto.stop(session_id)

    use_and_stop()
    before = open_files(probe.pid)
    for _ in range(times):
        use_and_stop()

    # Connections of other tests may close meanwhile, and each use would leave one file at least.
    eventually(lambda: open_files(probe.pid) < before + times)
