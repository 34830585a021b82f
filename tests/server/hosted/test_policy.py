"""What may be done with which scopes, and which agents are whose: by the configuration alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.config.hosted import Allow, Scopes, ServerAuth
from agentcore_mcp.server.hosted.policy import Policy
from tests.support.principals import ALICE
from tests.support.tools import settings

if TYPE_CHECKING:
    from agentcore_mcp.config import Settings

HOSTED = {"public_url": "https://mcp.example.com/mcp", "auth": {"issuers": ["https://issuer.example"]}}


def hosted(auth: dict[str, Any] | None = None, **others: Any) -> Settings:
    return settings("http://127.0.0.1:1", server={**HOSTED, "auth": {**HOSTED["auth"], **(auth or {})}}, **others)  # type: ignore[dict-item]


def test_each_tool_needs_its_scope_and_what_its_agents_need() -> None:
    policy = Policy(hosted({"required_scopes": ["mcp"]}))
    vault = Allow(scopes=("vault:open",))

    assert policy.scopes_of() == policy.scopes_of("list_agents") == policy.scopes_of("read_output") == {"mcp"}
    assert policy.scopes_of("invoke_agent") == {"mcp", "agentcore:invoke"}
    assert policy.scopes_of("run_command", [None]) == {"mcp", "agentcore:command"}
    assert policy.scopes_of("stop_session", [vault, None]) == {"mcp", "agentcore:stop", "vault:open"}
    assert policy.scopes_of("read_output", [vault]) == {"mcp", "vault:open"}


def test_the_metadata_names_the_scopes_of_the_tools_that_there_are() -> None:
    assert Policy(hosted()).all_scopes == ["agentcore:command", "agentcore:invoke", "agentcore:stop"]
    assert Policy(hosted(read_only=True)).all_scopes == ["agentcore:invoke"]
    assert Policy(hosted(agent={"commands": "off"})).all_scopes == ["agentcore:invoke", "agentcore:stop"]
    assert Policy(hosted({"required_scopes": ["mcp"]}, tools=frozenset({"list_agents"}))).all_scopes == ["mcp"]


@pytest.mark.parametrize(
    ("allow", "subject", "groups", "may"),
    [
        (None, "alice", (), True),
        (Allow(scopes=("x",)), "alice", (), True),
        (Allow(groups=("a", "b")), "alice", ("b", "c"), True),
        (Allow(groups=("a", "b")), "alice", ("c",), False),
        (Allow(groups=("a",)), "a", (), False),
        (Allow(subjects=("alice",)), "alice", (), True),
        (Allow(subjects=("alice",)), "Alice", (), False),
        (Allow(subjects=("alice",)), "bob", ("alice",), False),
        (Allow(groups=("a",), subjects=("bob",)), "bob", (), True),
        (Allow(groups=("a",), subjects=("bob",)), "alice", ("a",), True),
    ],
)
def test_an_agent_is_for_its_groups_and_its_subjects(
    allow: Allow | None, subject: str, groups: tuple[str, ...], may: bool
) -> None:
    caller = replace(ALICE, subject=subject, groups=frozenset(groups))

    assert Policy(hosted()).may_reach(caller, allow) is may
    # Where no token is asked for, nobody could be anybody else.
    assert Policy(settings("http://127.0.0.1:1")).may_reach(caller, allow) is True


@pytest.mark.parametrize("allow", [{}, {"groups": []}, {"groups": [""]}, {"subjects": [], "scopes": ["x"]}])
def test_rules_that_say_nothing_are_refused_and_let_nobody_in(allow: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Allow.model_validate(allow)


@pytest.mark.parametrize("scope", ["", "a b", 'a"', "a\\b", "a\r\nb", "ä", "a\tb"])
def test_a_scope_is_what_a_challenge_can_say(scope: str) -> None:
    for of in (
        lambda: Allow(scopes=(scope,)),
        lambda: Scopes(invoke=scope),
        lambda: ServerAuth.model_validate({"issuers": ["https://issuer.example"], "required_scopes": [scope]}),
    ):
        with pytest.raises(ValueError, match="should match pattern"):
            of()
