"""A token from a command: what it prints, what it is told when it fails, and that it can neither hang nor tell."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.errors import ConfigurationError, CredentialsError
from agentcore_mcp.runtime.auth.bearer import BearerAuth
from agentcore_mcp.runtime.auth.token_command import TokenCommand
from agentcore_mcp.runtime.auth.tokens import TOKEN_MAX_BYTES, TokenCache, TokenFile
from tests.support.processes import alive
from tests.support.tokens import jwt_of
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path


def python(code: str) -> TokenCommand:
    return TokenCommand([sys.executable, "-c", code], timeout_s=WAIT_S)


def shell(script: str, *, timeout_s: float = WAIT_S) -> TokenCommand:
    return TokenCommand(["/bin/sh", "-c", script], timeout_s=timeout_s)


def failure(command: TokenCommand) -> str:
    with pytest.raises(CredentialsError) as caught:
        command.fetch(None)
    return str(caught.value)


# What it prints.


def test_what_a_command_prints_is_the_token() -> None:
    assert shell("echo '  the.token '; echo a warning >&2").fetch(None).value == "the.token"


def test_the_end_of_a_jwt_is_known() -> None:
    token = jwt_of(exp=int(time.time()) + 3600)

    assert shell(f"echo {token}").fetch(None).renew_at == pytest.approx(time.time() + 3480, abs=30)


def test_no_shell_reads_the_arguments() -> None:
    length = ["/bin/sh", "-c", 'echo "${#1}"', "sh", "$HOME;*"]

    assert TokenCommand(length).fetch(None).value == "7"


PRINTED = [
    '"{}"',
    "'{}'",
    '{{"access_token":"{}"}}',
    '{{"access_token": "{}"}}',
    '["{}"]',
    "{},",
    "token={}",
    "<{}>",
    "{}\\n",
]


@pytest.mark.parametrize("form", PRINTED)
def test_what_programs_print_around_a_token_is_no_part_of_it(form: str, tmp_path: Path) -> None:
    """A file, a program and a setting alike."""
    printed = form.format("s3cret")
    (tmp_path / "token").write_text(printed)
    for source in (TokenFile(tmp_path / "token"), TokenCommand(["/bin/echo", printed])):
        with pytest.raises(CredentialsError, match="no spaces, quotes or JSON") as refused:
            source.fetch(None)
        assert "s3cr" not in str(refused.value)
    with pytest.raises(ConfigurationError, match="no spaces, quotes or JSON") as refused_setting:
        BearerAuth(printed)

    assert "s3cr" not in str(refused_setting.value)


async def test_the_event_loop_runs_on_while_a_command_runs() -> None:
    """The command gets its token from the very event loop that waits for the command."""

    async def token(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"the.token")
        writer.close()

    async with await asyncio.start_server(token, "127.0.0.1", 0) as server, asyncio.timeout(WAIT_S):
        address = server.sockets[0].getsockname()
        cache = TokenCache(
            python(f"import socket; print(socket.create_connection({address!r}).makefile().read())"),
        )

        assert await cache.aget() == "the.token"


def test_a_command_gets_no_input_and_no_terminal() -> None:
    assert python("import os, sys; print(len(sys.stdin.read()), os.getsid(0) == os.getpid(), sep='-')").fetch(
        None
    ).value == ("0-True")


def test_a_process_that_the_command_leaves_behind_is_neither_waited_for_nor_ended(tmp_path: Path) -> None:
    """It holds the command's output open, as an agent does that a password manager starts."""
    pid_file = tmp_path / "pid"
    command = shell(f"sleep 600 & echo $! > '{pid_file}'; echo the.token")
    try:
        assert command.fetch(None).value == "the.token"
        assert alive(int(pid_file.read_text()))
    finally:
        os.kill(int(pid_file.read_text()), signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]


# When it fails.


def test_a_failure_has_exit_code_and_first_line() -> None:
    told = failure(shell("echo; echo '\033[31mnot signed\tin: run op signin\033[0m' >&2; echo more >&2; exit 3"))

    assert told == (
        "the token command '/bin/sh' failed with exit code 3: '[31mnot signed in: run op signin [0m'; "
        "run it by hand to see why"
    )


def test_a_failure_without_a_word_has_the_exit_code() -> None:
    assert failure(shell("exit 1")) == (
        "the token command '/bin/sh' failed with exit code 1; run it by hand to see why"
    )


def test_a_command_that_was_killed_says_by_what() -> None:
    assert "was ended by signal 15;" in failure(shell("kill $$"))


@pytest.mark.parametrize(
    ("complaint", "shown"),
    [
        ("curl: (22) https://alice:s3cret@idp.example.com/x", "curl: (22) https://***@idp.example.com/x"),
        ("sent Authorization: Bearer s3cret", "sent Authorization: ***"),
        ("sent Bearer s3cret to idp", "sent Bearer *** to idp"),
        ("client_secret=s3cret is wrong", "client_secret=***"),
        ("bad 'API_KEY': 's3cret'", "bad 'API_KEY': ***"),
        ("password: s3cret and more", "password: ***"),
        ("usage: get --client-secret s3cret [url]", "usage: get --client-secret *** [url]"),
        (f"refused {jwt_of(sub='s3cret')} again", "refused *** again"),
        ("signature wJalrXUtnFEMI/K7MDENG/bPxRfiCYs3cretKEY wrong", "signature *** wrong"),
        ("token 6f1c7e0a-93b1-4e5d-8f6e-s3cret000000 expired", "token *** expired"),
        ("see https://docs.example.com/v2/sign-in.html", "see https://docs.example.com/v2/sign-in.html"),
        ("can't find the configuration of the profile", "can't find the configuration of the profile"),
        ("x" * 300, "x" * 200),
        ("x" * 1990 + " " + "s3cret" * 10, "x" * 200),
        ("1x" * 995 + " ok " + "s3cret" * 10, "*** ok"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(tmp_path: Path, complaint: str, shown: str) -> None:
    (tmp_path / "complaint").write_text(complaint)

    told = failure(shell(f"cat '{tmp_path}/complaint' >&2; exit 1"))

    assert f"exit code 1: {shown!r}; run" in told


def test_a_long_complaint_is_read_to_its_end_and_quickly() -> None:
    told = failure(python("import sys; sys.stderr.write('token ' + 'x' * 5_000_000); sys.exit(7)"))

    assert "failed with exit code 7: 'token'" in told


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("true", "printed 0 characters;"),
        ("echo s3cret and more", "printed 15 characters;"),
        ("echo s3cret; echo s3cret", "printed 13 characters;"),
        ("printf 's3cr\\351t'", "printed 6 characters;"),
        ("echo no token for you >&2", "printed 0 characters: 'no token for you';"),
    ],
)
def test_what_is_no_token_is_not_quoted(script: str, told: str) -> None:
    message = failure(shell(script))

    assert told in message
    assert "it has to print the bare token and nothing else" in message
    assert "s3cr" not in message


def test_a_command_that_prints_too_much_is_no_token() -> None:
    assert f"printed more than the {TOKEN_MAX_BYTES} bytes allowed" in failure(python("print('s3cret' * 1_000_000)"))


def test_a_command_that_does_not_end_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    told = failure(shell(f"sleep 600 & echo $! > '{pid_file}'; echo s3cret; wait", timeout_s=1))

    assert told == (
        "the token command '/bin/sh' did not end within 1 s and was killed; "
        "it has no terminal, so it must not ask for anything"
    )
    deadline = time.monotonic() + WAIT_S
    while alive(int(pid_file.read_text())):
        assert time.monotonic() < deadline


def test_a_command_that_prints_without_end_is_killed() -> None:
    assert "did not end within 0.5 s" in failure(shell("yes s3cret", timeout_s=0.5))


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["/nowhere/to-be-found"], "can't run the token command '/nowhere/to-be-found': No such file or directory"),
        (["/bin"], "can't run the token command '/bin': Permission denied"),
        (["/bin/echo", "s3cret\0"], "can't run the token command '/bin/echo': it has a NUL character in it"),
    ],
)
def test_a_command_that_can_not_be_run_says_why(argv: list[str], reason: str) -> None:
    assert failure(TokenCommand(argv)) == reason


@pytest.mark.parametrize("argv", ["op read s3cret", [], ""])
def test_a_command_is_a_list(argv: list[str] | str) -> None:
    with pytest.raises(ConfigurationError, match="a token command is a list of a program and its arguments") as caught:
        TokenCommand(argv)

    assert "s3cret" not in str(caught.value)


def test_arguments_are_not_shown() -> None:
    assert repr(TokenCommand(["op", "read", "--token", "s3cret"])) == "TokenCommand(['op', …], timeout_s=60)"
