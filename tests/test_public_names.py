"""The names that the package itself gives, resolved on first use."""

from __future__ import annotations

from importlib.metadata import version

import pytest

import agentcore_mcp


@pytest.mark.parametrize("name", agentcore_mcp.__all__)
def test_every_public_name_is_there_and_is_listed(name: str) -> None:
    assert getattr(agentcore_mcp, name) is not None
    assert name in dir(agentcore_mcp)


def test_the_version_is_that_of_the_installed_package() -> None:
    assert agentcore_mcp.__version__ == version("agentcore-mcp")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'agentcore_mcp' has no attribute 'no_such_name'"):
        _ = agentcore_mcp.no_such_name
