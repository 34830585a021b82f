"""The main script of a session's agent process: ``launcher.py APP FOLDER LIFELINE LISTENER``.

It is run by path and imports nothing of this package, so that the agent process has only the user's code and uvicorn.
LIFELINE is the read end of a pipe whose write end only the local AgentCore has: when the pipe ends, the local AgentCore
is gone, and this process and its children are killed. LISTENER is an inherited socket that already listens: requests
wait in its backlog until the agent is imported, so the local AgentCore need not poll.
"""

from __future__ import annotations

import inspect
import os
import signal
import socket
import sys
import threading
from typing import Any

import uvicorn
from uvicorn.importer import ImportFromStringError, import_from_string


def _die_with_owner(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]


def main(app: str, folder: str, lifeline: int, listener_fd: int) -> None:
    """Import the agent, from ``folder`` first if there is one, and serve it until killed."""
    os.set_inheritable(lifeline, False)
    os.set_inheritable(listener_fd, False)
    threading.Thread(target=_die_with_owner, args=[lifeline], daemon=True).start()
    if folder:
        sys.path.insert(0, folder)
    # Made before the import, because it configures logging, and an app may close or replace the log's stream. Without
    # pings: a client that reads slowly answers them late, but is still connected.
    config = uvicorn.Config("", log_level="warning", access_log=False, ws_ping_interval=None)
    config.app = _imported(app)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, listener_fd) as listener:
        uvicorn.Server(config).run(sockets=[listener])


def _imported(app: str) -> Any:
    """Import the agent. If it does not exist or is not an ASGI app, exit with a sentence; its exceptions pass."""
    try:
        found = import_from_string(app)
    except ImportFromStringError as exc:
        sys.exit(f"{exc}")
    if not _is_app(found):
        kind = f"the function {found.__name__!r}" if inspect.isfunction(found) else f"of type {type(found).__name__!r}"
        sys.exit(f"{app!r} is not an ASGI app: it is {kind}")
    return found


def _is_app(found: Any) -> bool:
    """Return whether it can be called as an ASGI app, or as an app factory of uvicorn's."""
    if not callable(found):
        return False
    for arguments in ((None, None, None), ()):
        try:
            inspect.signature(found).bind(*arguments)
        except TypeError:
            continue
        except ValueError:
            pass  # a builtin without a signature
        return True
    return False


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
