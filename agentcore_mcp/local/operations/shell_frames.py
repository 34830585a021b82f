"""What goes over an interactive shell's WebSocket: binary messages of a channel byte and a payload.

The framing is that of Kubernetes' ``v5.channel.k8s.io`` with two channels more; the published SDK has it in
``bedrock_agentcore.runtime.shell.protocol``.
"""

from __future__ import annotations

import json
from typing import Any, Final

# Channels. One with nothing in it is a whole frame.
STDIN: Final = b"\x00"
STDOUT: Final = b"\x01"
STATUS: Final = b"\x03"
RESIZE: Final = b"\x04"
HEARTBEAT: Final = b"\x05"
CLOSE: Final = b"\xff"


def stdout(data: bytes) -> bytes:
    """Return what the shell has written; a terminal has only this one channel for it."""
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
