"""Jobs: a process with a Unix session of its own, and everything that it starts in it.

A process group is not enough to end all of it: ``timeout 60 make``, or a shell with job control, puts its children
into groups of their own. They stay in the Unix session. A process that calls ``setsid`` itself gets away from its job,
as it would from a terminal; where there is /proc, it is known by a variable in its environment. Used for commands, for
agent processes and for shells.
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
# A command sees these variables of ours and no others: what it runs may have been chosen by a model, and the rest of
# the environment is where credentials are kept.
_PASSED_ENVIRONMENT = (
    *("PATH", "LANG", "LANGUAGE", "TERM", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL"),
    *("LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME"),
)
PROC = Path("/proc")
# Names the session's directory to all that is started in it.
_MARK = "AGENTCORE_LOCAL_DIRECTORY"
# A member may fork between being listed and being killed; its child is in the next list. More rounds than this only
# a fork bomb needs, and it would win against any number.
_KILL_ROUNDS = 3


class Job:
    """A running job. Its id, the leader's pid, stays taken by the system for as long as it has any member."""

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
            stdout: What it prints into. Our copy of the writing end is closed here, and all of it if nothing starts.
            stderr: The same; without it, standard error goes into ``stdout``.
            pass_fds: Further files that it inherits.

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
        """Wait for the leader and return its exit code, 128+N if signal N ended it, as bash reports it.

        Any number of tasks may wait; what was printed can still be read.
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
        """Kill every member, and what the members start until they are dead."""
        for _ in range(_KILL_ROUNDS):
            self.signal(signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]


def command_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment of commands: a few harmless variables, and the session's directory as the home."""
    return {name: environ[name] for name in _PASSED_ENVIRONMENT if name in environ} | {"HOME": str(home)}


def marked(directory: Path) -> list[int]:
    """Return the pids of all processes that were started in a session's directory and have kept their environment."""
    mark = f"{_MARK}={directory}".encode()
    return [pid for pid in _pids() if mark in _environment(pid)]


def kill_marked(directory: Path) -> None:
    """Kill all those processes."""
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
    except OSError:  # it has gone, is another user's, or this system has no /proc
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
