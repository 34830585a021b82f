"""uvicorn's HTTP on h11, lenient where AWS is: an upgrade request may repeat headers that must be unique.

The published SDK returns ``Host``, and for ``/ws`` also ``Upgrade``, ``Connection`` and ``Sec-WebSocket-*``, among the
headers to connect with, and AWS's examples give them to the `websockets` library, which adds its own. AWS takes such a
request. h11 refuses a second ``Host``, and `websockets` a second of each of the others.
"""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_ONCE = frozenset({b"host", b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version"})


class LenientProtocol(H11Protocol):
    """Keeps the first of each: the client library's own, against which it checks the response."""

    def data_received(self, data: bytes) -> None:
        """Receive bytes. A head in several pieces is left unchanged; on loopback there are none."""
        if self.conn.their_state is h11.IDLE and data.startswith(b"GET "):
            head, end, rest = data.partition(b"\r\n\r\n")
            if b"\r\nsec-websocket-key:" in head.lower():
                data = _without_repetitions(head) + end + rest
        super().data_received(data)


def _without_repetitions(head: bytes) -> bytes:
    seen: set[bytes] = set()
    kept = []
    for line in head.split(b"\r\n"):
        name = line.partition(b":")[0].lower()
        if name not in seen:
            kept.append(line)
        if name in _ONCE:
            seen.add(name)
    return b"\r\n".join(kept)
