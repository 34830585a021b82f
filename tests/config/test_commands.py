"""Which commands the patterns of a policy let pass."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, strategies as st

from agentcore_mcp.config import CommandPolicy
from agentcore_mcp.config.commands import _CHAINING as CHAINING


@pytest.mark.parametrize(
    ("policy", "command", "permitted"),
    [
        (CommandPolicy(), "anything; at && all", True),
        (CommandPolicy(allow=("ls",)), "ls", True),
        (CommandPolicy(allow=("ls",)), "  ls\n", True),
        (CommandPolicy(allow=("ls",)), "ls -l", False),
        (CommandPolicy(allow=("ls",)), "lsof", False),
        (CommandPolicy(allow=("ls", "git *")), "git status --short", True),
        (CommandPolicy(allow=("git status*",)), "git status", True),
        (CommandPolicy(allow=("cat file-?.txt",)), "cat file-1.txt", True),
        (CommandPolicy(allow=("cat file-?.txt",)), "cat file-12.txt", False),
        (CommandPolicy(allow=("test [a]",)), "test a", False),
        (CommandPolicy(allow=("test [a]",)), "test [a]", True),
        (CommandPolicy(allow=("make * && make test",)), "make all && make test", True),
        (CommandPolicy(deny=("*rm -rf*",)), "cd /tmp; rm -rf x", False),
        (CommandPolicy(deny=("*rm -rf*",)), "echo\nrm -rf x", False),
        (CommandPolicy(deny=("*rm -rf*",)), "ls", True),
        (CommandPolicy(allow=("git *",), deny=("git push*",)), "git push", False),
        (CommandPolicy(allow=("git *",), deny=("git push*",)), "git log", True),
    ],
)
def test_a_command_is_compared_with_the_patterns_as_a_whole(
    policy: CommandPolicy, command: str, permitted: bool
) -> None:
    assert (policy.refusal(command) == "") is permitted


@pytest.mark.parametrize(
    "more", ["; id", " && id", " | sh", " & id", "\nid", "\r\nid", " > /etc/x", " < /etc/x", " $(id)", " `id`", " (id)"]
)
def test_the_star_of_an_allowed_pattern_allows_no_second_command(more: str) -> None:
    assert CommandPolicy(allow=("git status*",)).refusal(f"git status{more}").endswith("or line ends")


def test_a_refusal_says_which_pattern_it_was() -> None:
    policy = CommandPolicy(allow=("git *", "ls*"), deny=("git push*", "*rm *"))

    assert policy.refusal("git push origin") == "denied are git push*"
    assert policy.refusal("pwd") == "allowed are git *, ls*"
    assert policy.refusal("git log; id") == "allowed are git *, ls*, each without ; & | < > $ ` ( ) or line ends"


def matches(pattern: str, command: str, *, anything: bool) -> bool:
    """Compare as the documentation says it, however long it takes."""
    if not pattern:
        return not command
    free = bool(command) and (anything or command[0] not in f"{CHAINING.replace(' ', '')}\n\r")
    if pattern[0] == "*":
        return matches(pattern[1:], command, anything=anything) or (
            free and matches(pattern, command[1:], anything=anything)
        )
    fits = free if pattern[0] == "?" else command[:1] == pattern[0]
    return fits and matches(pattern[1:], command[1:], anything=anything)


@given(st.text("*?ab;", max_size=7), st.text("ab;", max_size=9))
@example("*;*b", "a;a;b")
@example("*aba", "ababa")
@example("a*a", "a")
def test_patterns_match_what_the_documentation_says(pattern: str, command: str) -> None:
    denied = CommandPolicy(deny=(pattern,)).refusal(command) != ""
    allowed = CommandPolicy(allow=(pattern,)).refusal(command) == ""

    assert (denied, allowed) == (
        matches(pattern, command, anything=True),
        matches(pattern, command, anything=False),
    )


@pytest.mark.parametrize("pattern", ["*curl*|*sh*", "*?*?*?*?*x", "*a*a*a*a*b", "?*?*?*?*?*?x"])
@pytest.mark.parametrize("unit", ["curl|", "a", "|", "sh"])
def test_no_command_keeps_a_pattern_busy_for_long(pattern: str, unit: str) -> None:
    command = (unit * 65_536)[:65_536]
    policy = CommandPolicy(deny=(pattern,), allow=(pattern, "nothing"))
    began_at = time.process_time()
    policy.refusal(command)

    assert time.process_time() - began_at < 1
