"""Leftovers: bytes that came behind an answer, and why their connection must not carry another call.

They belong to no call, and a client must not take them for an answer (RFC 9112, 6.3). httpcore2 closes a connection on
which they arrive later. Those that came with the answer's end it keeps, and begins the next answer with them: another
session's words, or a failure of a call that nothing is wrong with. It shows them to nobody, so they are looked for
where it has them; a connection where that can't be done is closed too, which costs the next call a moment.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

_trailing_data = attrgetter("stream._stream._httpcore_stream._stream._connection._h11_state.trailing_data")


async def aclose(response: httpx2.Response) -> None:
    """Close an answer, and its connection too if it must not be used again."""
    try:
        if "network_stream" in response.extensions and _may_be_some(response):
            await response.extensions["network_stream"].aclose()
    finally:
        await response.aclose()


def close(response: httpx2.Response) -> None:
    """Do as ``aclose``."""
    if "network_stream" in response.extensions and _may_be_some(response):
        response.extensions["network_stream"].close()
    response.close()


def _may_be_some(response: httpx2.Response) -> bool:
    try:
        data, _ = _trailing_data(response)
    except AttributeError:
        return True
    return bool(data)
