"""Agents written against the published package give the same bytes on the wire under ours.

The published package itself says what is right, at test time, over a real socket.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.hosting.agents import AGENTS, EXCHANGES, OURS, PUBLISHED, Exchange
from tests.support.serving import exchange, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

# The published package runs here, and its deprecations are its own business.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:bedrock_agentcore")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    apps = [Mount(f"/ours/{name}", build(OURS)) for name, build in AGENTS.items()]
    apps += [Mount(f"/published/{name}", build(PUBLISHED)) for name, build in AGENTS.items()]
    with serving(Starlette(routes=apps)) as port:
        yield port


@pytest.mark.parametrize("case", EXCHANGES, ids=lambda case: case.name)
def test_the_bytes_are_those_of_the_published_package(port: int, case: Exchange) -> None:
    """Status line, headers and body, chunk by chunk; only the clock may tell them apart."""
    ours, published = (exchange(port, case.request(sdk)) for sdk in ("ours", "published"))

    assert _timeless(ours) == _timeless(published)
    assert published.startswith(b"HTTP/1.1 ")


def _timeless(answer: bytes) -> bytes:
    return re.sub(rb'(?i)(\ndate: |"time_of_last_update":)[^\r}]*', rb"\1then", answer)
