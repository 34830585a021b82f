"""An issuer, and what checks its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.support.foreign_issuer import require_foreign_issuer
from tests.support.issuer import TestIssuer, running_issuer
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def oidc_provider() -> None:
    """Install npm's, or skip the test on a machine without Node."""
    require_foreign_issuer()


@pytest.fixture
def issuer() -> Iterator[TestIssuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False, timeout=WAIT_S) as http:
        yield http
