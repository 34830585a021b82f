"""Leftovers: bytes that came behind an answer, and why their connection must not carry another call.

They belong to no call, and a client must not take them for an answer (RFC 9112, 6.3). httpcore2 closes a connection on
which they arrive later. Those that came with the answer's end it keeps, and begins the next answer with them: another
session's words, or a failure of a call that nothing is wrong with. It shows them to nobody, so they are looked for
where it has them; a connection where that can't be done is closed too, which costs the next call a moment.

They are looked for right before the connection is given back. Afterwards it may be another call's already.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

_trailing_data = attrgetter("_stream._httpcore_stream._stream._connection._h11_state.trailing_data")


async def awatch(response: httpx2.Response) -> None:
    """Let an answer's end close its connection too if it must not be used again: for httpx2 to call with each."""
    if _has_its_own_connection(response):
        stream: Any = response.stream
        release = stream.aclose

        async def aclose() -> None:
            try:
                if _may_be_some(stream):
                    await response.extensions["network_stream"].aclose()
            finally:
                await release()

        stream.aclose = aclose


def watch(response: httpx2.Response) -> None:
    """Do as ``awatch``."""
    if _has_its_own_connection(response):
        stream: Any = response.stream
        release = stream.close

        def close() -> None:
            try:
                if _may_be_some(stream):
                    response.extensions["network_stream"].close()
            finally:
                release()

        stream.close = close


def _has_its_own_connection(response: httpx2.Response) -> bool:
    # Other transports may have none, or share one between calls as HTTP/2 does.
    return "network_stream" in response.extensions and response.http_version.startswith("HTTP/1")


def _may_be_some(stream: Any) -> bool:
    try:
        data, _ = _trailing_data(stream)
    except AttributeError:
        return True
    return bool(data)
