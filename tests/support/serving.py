"""An ASGI app on a real socket, in a thread of its own, and the bytes that go over that socket."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp


@contextmanager
def serving(app: ASGIApp) -> Iterator[int]:
    """Serve the app with uvicorn until the end of the block; give the port."""
    # asyncio turns Nagle off only on sockets that say they are TCP; with it on, every small answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, lifespan="auto")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
        assert not thread.is_alive()


def http_request(method: str, path: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Write down a request after which the server closes the connection."""
    fields = (("Host", "localhost"), ("Connection", "close"), ("Content-Length", str(len(body))), *headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def exchange(port: int, request: bytes) -> bytes:
    """Send a request and return everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            return answer.read()
