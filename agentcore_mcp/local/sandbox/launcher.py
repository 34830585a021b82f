"""Run by path, in a process of its own, for one session's agent: ``launcher.py APP LIFELINE FOLDER [LISTENER]``.

It imports nothing of this package, so that the agent process holds the user's code and uvicorn and nothing else.
LIFELINE is the read end of a pipe whose other end only the local AgentCore has: when it ends, its owner is gone, and
this process and its children go too. LISTENER is an inherited socket that listens already: requests wait in its
backlog until the agent is imported, so nobody has to ask whether it is ready. Without one the agent is only imported:
see `try_import`.
"""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.importer import ImportFromStringError, import_from_string

if TYPE_CHECKING:
    from types import TracebackType

# Exit codes that no app has a use for: one that ends its process itself is not to be taken for an answer.
_FINE, _EXCEPTION, _PROBLEM = 111, 112, 113
_IMPORTING = (__file__, import_from_string.__code__.co_filename, importlib.import_module.__code__.co_filename)


def _die_with_owner(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def main(app: str, lifeline: int, folder: str, listener_fd: int | None) -> None:
    """Import the agent, from ``folder`` first if there is one, and serve it until killed."""
    os.set_inheritable(lifeline, False)
    threading.Thread(target=_die_with_owner, args=[lifeline], daemon=True).start()
    if folder:
        sys.path.insert(0, folder)
    if listener_fd is None:
        try_import(app, folder)
        return
    os.set_inheritable(listener_fd, False)
    # Without pings of its own: a client that reads slowly answers them slowly, and is not gone.
    config = uvicorn.Config(app, log_level="warning", access_log=False, ws_ping_interval=None)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, listener_fd) as listener:
        uvicorn.Server(config).run(sockets=[listener])


def try_import(app: str, folder: str) -> None:
    """Import the agent as if to serve it, and exit.

    The exit code says that it can be served, that the output ends with an exception's traceback, or that its last
    line says what is wrong.
    """
    try:
        problem = _problem(app, folder)
    except BaseException as exc:  # noqa: BLE001  whatever it is, it is the user's, and shown
        said = "".join(traceback.format_exception(exc.with_traceback(_after_import(exc.__traceback__))))
        code = _EXCEPTION
    else:
        # On a line of its own, whatever the agent has printed.
        said = "\n" + " ".join(problem.split("\n")) + "\n"
        code = _PROBLEM if problem else _FINE
    for output in sys.stdout, sys.stderr:
        with suppress(Exception):  # the agent may have closed or replaced it
            output.flush()
    with suppress(OSError):
        os.write(2, said.encode("utf-8", "backslashreplace"))
    # At once: what the agent has started while it was imported, such as threads, is not waited for.
    os._exit(code)


def _problem(app: str, folder: str) -> str:
    """Import the agent, and return why it can't be served, or nothing."""
    name, _, attribute = app.partition(":")
    try:
        found = import_from_string(app)
    except ImportFromStringError:
        if module := sys.modules.get(name):
            # What is built in, or a folder without __init__.py, has no file.
            file = getattr(module, "__file__", None)
            which = f", which is {file!r}," if file else ""
            return f"the module {name!r}{which} has no attribute {attribute!r}"
        return _not_found(name, folder)
    except ModuleNotFoundError as exc:
        if name.startswith(f"{exc.name}."):
            return _not_found(f"{exc.name}", folder)
        raise
    except SystemExit as exc:
        code = 0 if exc.code is None else exc.code
        return "importing it ends the process" + (f", with exit code {code}" if isinstance(code, int) else f": {code}")
    return "" if _is_app(found) else f"{attribute!r} of the module {name!r} is not an ASGI app: it is {_kind(found)}"


def _not_found(module: str, folder: str) -> str:
    return f"there is no module {module!r} in {folder!r} or among the packages of {sys.executable!r}"


def _after_import(frames: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that is the user's: what comes before it is how Python imports."""
    while frames is not None and (
        (file := frames.tb_frame.f_code.co_filename) in _IMPORTING or file.startswith("<frozen importlib")
    ):
        frames = frames.tb_next
    return frames


def _is_app(found: Any) -> bool:
    """Return whether it can be called as ASGI calls an app, or as uvicorn calls what makes one."""
    if not callable(found):
        return False
    for arguments in ((None, None, None), ()):
        try:
            inspect.signature(found).bind(*arguments)
        except TypeError:
            continue
        except ValueError:
            pass  # built in, and says nothing of itself
        return True
    return False


def _kind(found: Any) -> str:
    return f"the function {found.__name__!r}" if inspect.isfunction(found) else f"of type {type(found).__name__!r}"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else None)
