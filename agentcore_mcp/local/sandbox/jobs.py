"""Jobs: a process with its own Unix session, and all processes in that session.

Killing a process group is not enough: ``timeout 60 make``, or a shell with job control, puts its children into groups
of their own. They stay in the Unix session. A process that calls ``setsid`` itself leaves its job, as it would leave a
terminal; where there is /proc, a variable in its environment still identifies it. Used for commands, agent processes
and shells.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anyio.abc import Process

    from agentcore_mcp.local.sandbox.pipes import OutputPipe

SHELL = "/bin/bash"
# The only variables of ours that a command gets: a model may have chosen the command, and the rest of the environment
# may hold credentials.
_PASSED_ENVIRONMENT = (
    *("PATH", "LANG", "LANGUAGE", "TERM", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL"),
    *("LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME"),
)
PROC = Path("/proc")
# Marks all processes of a session with its directory.
_MARK = "AGENTCORE_LOCAL_DIRECTORY"
# A member may fork between being listed and being killed; its child is in the next list. Only a fork bomb needs more
# rounds than this, and it would outrun any number.
_KILL_ROUNDS = 3


class Job:
    """A running job. The system doesn't reuse its id, the leader's pid, as long as the job has members."""

    def __init__(self, process: Process, outputs: set[OutputPipe]) -> None:
        self._process = process
        self.outputs = outputs
        self.id = process.pid

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdout: OutputPipe,
        stderr: OutputPipe | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Job:
        """Start a job with nothing on its standard input.

        Args:
            argv: The program and its arguments.
            cwd: Where it starts.
            env: Its environment.
            stdout: The pipe for its output. Our copy of the write end is closed here, and both ends if the start fails.
            stderr: The same for standard error, by default ``stdout``.
            pass_fds: Further file descriptors that it inherits.

        Raises:
            OSError: If the program can't be started.
        """
        outputs = {stdout, stderr or stdout}
        try:
            process = await anyio.open_process(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=stdout.writer,
                stderr=(stderr or stdout).writer,
                cwd=cwd,
                env={**env, _MARK: str(cwd)},
                start_new_session=True,
                pass_fds=pass_fds,
            )
        except BaseException:  # a cancellation, too
            for output in outputs:
                output.close()
            raise
        finally:
            for output in outputs:
                output.close_writer()
        return cls(process, outputs)

    async def wait(self) -> int:
        """Wait for the leader and return its exit code, 128+N after signal N, as in bash.

        Any number of tasks may wait; the output can still be read.
        """
        code = await self._process.wait()
        for output in self.outputs:
            output.end()
        return 128 - code if code < 0 else code

    @property
    def has_exited(self) -> bool:
        """Return whether the leader has exited."""
        return self._process.returncode is not None

    @property
    def ended_by(self) -> int | None:
        """Return the number of the signal that ended the leader, if one did."""
        code = self._process.returncode
        return -code if code is not None and code < 0 else None

    def members(self) -> list[int]:
        """Return the pids that belong to this job now."""
        return [pid for pid in _pids() if _unix_session(pid) == self.id]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every member."""
        _signal(self.members(), number)

    def kill(self) -> None:
        """Kill every member, and the processes that members start meanwhile."""
        for _ in range(_KILL_ROUNDS):
            self.signal(signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]


def command_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment of commands: a few harmless variables, and HOME set to the session's directory."""
    return {name: environ[name] for name in _PASSED_ENVIRONMENT if name in environ} | {"HOME": str(home)}


def marked(directory: Path) -> list[int]:
    """Return the pids of all processes whose environment has the mark of a session's directory."""
    mark = f"{_MARK}={directory}".encode()
    return [pid for pid in _pids() if mark in _environment(pid)]


def kill_marked(directory: Path) -> None:
    """Kill all processes with the mark of a session's directory."""
    for _ in range(_KILL_ROUNDS):
        if not (pids := marked(directory)):
            break
        _signal(pids, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _environment(pid: int) -> list[bytes]:
    try:
        return (PROC / f"{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # the process has exited, is another user's, or this system has no /proc
        return []


def _pids() -> Iterator[int]:
    if PROC.is_dir():
        return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal())
    listed = subprocess.run(["/bin/ps", "-axo", "pid="], capture_output=True, check=True)
    return map(int, listed.stdout.split())


def _unix_session(pid: int) -> int | None:
    try:
        return os.getsid(pid)  # type: ignore[attr-defined, no-any-return, unused-ignore]
    except (ProcessLookupError, PermissionError):
        return None
