"""The frames of an interactive shell's WebSocket: binary messages of a channel byte and a payload.

The framing is that of Kubernetes' ``v5.channel.k8s.io`` with two more channels; the published SDK has it in
``bedrock_agentcore.runtime.shell.protocol``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

# Channels. The byte alone is a valid frame with an empty payload.
STDIN: Final = b"\x00"
STDOUT: Final = b"\x01"
# Messages of the platform about the shell.
STDERR: Final = b"\x02"
STATUS: Final = b"\x03"
RESIZE: Final = b"\x04"
HEARTBEAT: Final = b"\x05"
CLOSE: Final = b"\xff"


@dataclass(frozen=True, slots=True)
class Status:
    """The content of a STATUS frame.

    Attributes:
        connected: Whether it is the first frame of a connection, not the last frame of a shell.
        reconnected: Whether the shell existed before.
        exit_code: The shell's exit code, 128+N after signal N; None if the platform failed.
        message: The platform's message.
    """

    connected: bool = False
    reconnected: bool = False
    exit_code: int | None = None
    message: str = "its status can't be read"


def read_status(payload: bytes) -> Status:
    """Read the payload of a STATUS frame; an unreadable payload counts as a failure of the platform."""
    try:
        match json.loads(payload):
            case {"metadata": {"shellId": _, **others}}:
                return Status(connected=True, reconnected=others.get("reconnected") is True)
            case {"status": "Success"}:
                return Status(exit_code=0)
            case {"message": str(said), "details": {"causes": [{"reason": "ExitCode", "message": code}, *_]}}:
                return Status(exit_code=int(code), message=said)
            case {"message": str(said)}:
                return Status(message=said)
    except (ValueError, RecursionError, TypeError):
        pass
    return Status()


def stdin(data: bytes) -> bytes:
    """Return the frame for keyboard input, at most ``SHELL_FRAME_MAX_BYTES`` with the channel."""
    return STDIN + data


def resize(columns: int, rows: int) -> bytes:
    """Return the frame for a new terminal size."""
    return RESIZE + json.dumps({"width": columns, "height": rows}).encode()


def stdout(data: bytes) -> bytes:
    """Return the frame for the shell's output; a terminal has only this one channel for it."""
    return STDOUT + data


def connected(shell_id: str, *, reconnected: bool) -> bytes:
    """Return the first frame on a connection: the shell's id, for clients that can't read the upgrade's headers."""
    return _status({"shellId": shell_id, "reconnected": reconnected}, {"status": "Success"})


def exited(exit_code: int, signal_number: int | None) -> bytes:
    """Return the last frame of a shell."""
    if exit_code == 0:
        return _status({}, {"status": "Success"})
    causes = [{"reason": "ExitCode", "message": str(exit_code)}]
    if signal_number is not None:
        causes.append({"reason": "Signal", "message": str(signal_number)})
    return _status(
        {},
        {
            "status": "Failure",
            "reason": "NonZeroExitCode",
            "message": f"command terminated with exit code {exit_code}",
            "details": {"causes": causes},
        },
    )


def read_size(payload: bytes, *, size_max: int) -> tuple[int, int] | None:
    """Return columns and rows of a RESIZE frame, or None if it names no size."""
    try:
        size = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    match size:
        case {"width": int(columns), "height": int(rows)} if 0 < columns <= size_max and 0 < rows <= size_max:
            return columns, rows
    return None


def _status(metadata: dict[str, Any], members: dict[str, Any]) -> bytes:
    status = {"kind": "Status", "apiVersion": "v1", "metadata": metadata, **members}
    return STATUS + json.dumps(status).encode()
