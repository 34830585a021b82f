"""Which hosts are this machine."""

from __future__ import annotations

import pytest

from agentcore_mcp.wire.loopback import LOOPBACK_HOSTS, is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.255.255", "::1"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.", "0.0.0.0", "::", "128.0.0.1", "fe80::1", "example.com"])
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_the_names_in_urls_are_this_machine() -> None:
    assert all(is_loopback(host.strip("[]")) for host in LOOPBACK_HOSTS)
