"""A bearer token that another program prints: a password manager, a cloud's command line, a script of one's own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from agentcore_mcp.errors import ConfigurationError, CredentialsError
from agentcore_mcp.runtime.auth.tokens import SENDABLE, TOKEN_MAX_BYTES, Token, is_sendable, without_scheme
from agentcore_mcp.wire.masking import suspects_masked

if TYPE_CHECKING:
    from collections.abc import Sequence

# A second is usual. A password manager may want its user's fingerprint first, and the user has to find the finger.
COMMAND_TIMEOUT_S = 60.0
# Once a command has ended, its output is available to read. A process that it left behind may keep the pipe open for
# ever; don't wait for that.
OUTPUT_GRACE_S = 1.0

# How much of a failed command's stderr is quoted: the first line, if it looks like text for people.
_COMPLAINT_MAX_CHARS = 200
_LINE_MAX_CHARS = 2000
_CHUNK_BYTES = 65_536


class TokenCommand:
    """A command that prints the bare token.

    It gets no input and no terminal, so it can't prompt there. Errors quote the first line of its stderr, with likely
    secrets masked.

    Args:
        argv: The program and its arguments. No shell is involved unless it is that program: ``["/bin/sh", "-c", …]``.
        timeout_s: The command is killed after this time.

    Raises:
        ConfigurationError: If ``argv`` is empty or one string.
    """

    def __init__(self, argv: Sequence[str], *, timeout_s: float = COMMAND_TIMEOUT_S) -> None:
        if isinstance(argv, str) or not argv:
            raise ConfigurationError(
                "a token command is a list of a program and its arguments, such as ['op', 'read', 'op://…']; "
                "for a shell ['/bin/sh', '-c', '…']"
            )
        self._argv = list(argv)
        self._timeout_s = timeout_s
        # Name only the program: an argument may be a secret.
        self._name = f"the token command {self._argv[0]!r}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}([{self._argv[0]!r}, …], timeout_s={self._timeout_s:g})"

    def fetch(self, previous: Token | None) -> Token:  # noqa: ARG002 - it keeps what it needs itself
        """Run the command.

        Raises:
            CredentialsError: If it can't be run, fails, takes too long, or prints anything but a token.
        """
        status, printed, complaint = self._run()
        if status:
            ending = f"was ended by signal {-status}" if status < 0 else f"failed with exit code {status}"
            raise CredentialsError(f"{self._name} {ending}{_quote(complaint)}; run it by hand to see why")
        if len(printed) > TOKEN_MAX_BYTES:
            raise CredentialsError(f"{self._name} printed more than the {TOKEN_MAX_BYTES} bytes allowed")
        text = without_scheme(printed.decode("utf-8", "replace").strip())
        if not is_sendable(text):
            raise CredentialsError(
                f"{self._name} printed {len(text)} characters{_quote(complaint)}; "
                f"it has to print the bare token and nothing else, and {SENDABLE}"
            )
        return Token.issued(text)

    def _run(self) -> tuple[int, bytes, bytes]:
        """Return the exit status, and the beginning of stdout and stderr."""
        program, *arguments = self._argv
        try:
            process = subprocess.Popen(
                # Resolve to a path: by itself Windows only finds .exe files.
                [shutil.which(program) or program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it has a NUL character in it"
            raise CredentialsError(f"can't run {self._name}: {reason}") from None
        # Read one byte more than allowed, to detect output over the limit.
        outputs = [_Kept(process.stdout, TOKEN_MAX_BYTES + 1), _Kept(process.stderr, _CHUNK_BYTES)]
        try:
            status = process.wait(self._timeout_s)
        except subprocess.TimeoutExpired:
            raise CredentialsError(
                f"{self._name} did not end within {self._timeout_s:g} s and was killed; "
                "it has no terminal, so it must not ask for anything"
            ) from None
        finally:
            if process.poll() is None:
                _kill(process)
        deadline = time.monotonic() + OUTPUT_GRACE_S
        printed, complaint = (output.wait_until(deadline) for output in outputs)
        return status, printed, complaint


class _Kept:
    """The beginning of a process's output. The rest is read and dropped, or a full pipe would block the process."""

    def __init__(self, pipe: IO[bytes] | None, limit_bytes: int) -> None:
        self._data = b""
        self._limit_bytes = limit_bytes
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := pipe.read(_CHUNK_BYTES):
                self._data += chunk[: self._limit_bytes - len(self._data)]

    def wait_until(self, deadline: float) -> bytes:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return self._data


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children; on Windows only the process."""
    # If the process ends by itself at this moment, macOS raises PermissionError.
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _quote(complaint: bytes) -> str:
    """Return the first line of stderr in quotes, with likely secrets masked; "" if it is empty."""
    lines = complaint.decode("utf-8", "replace").split("\n")
    first = next((line for line in lines if line.strip()), "")
    if len(first) > _LINE_MAX_CHARS:
        first = first[:_LINE_MAX_CHARS].rpartition(" ")[0]  # half a secret might not look like one
    shown = suspects_masked("".join(char if char.isprintable() else " " for char in first))
    return f": {shown[:_COMPLAINT_MAX_CHARS]!r}" if shown else ""
