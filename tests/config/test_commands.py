"""Which commands the patterns of a policy let pass."""

from __future__ import annotations

import pytest

from agentcore_mcp.config import CommandPolicy


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
