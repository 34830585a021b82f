"""InvokeAgentRuntimeCommand on the local AgentCore, as boto3 sees it."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.local.sandbox.jobs import command_environment
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.limits import COMMAND_MAX_CHARS
from agentcore_mcp.wire.requests import command_request
from tests.support.agentcore import Boto, Ran, eventually, read_events
from tests.support.processes import alive, resident_bytes

if TYPE_CHECKING:
    from agentcore_mcp.local.agentcore import LocalAgentCore


def test_a_command_needs_no_timeout(boto: Boto, session_id: str) -> None:
    answer = boto.client.invoke_agent_runtime_command(
        agentRuntimeArn=boto.arn, runtimeSessionId=session_id, body={"command": "echo out"}
    )

    assert (answer["runtimeSessionId"], answer["contentType"]) == (session_id, "application/vnd.amazon.eventstream")
    assert read_events(answer["stream"]) == Ran("out\n", "", 0, "COMPLETED")


def test_both_streams_and_the_exit_code_come_back(boto: Boto, session_id: str) -> None:
    expected = Ran("out\n", "err\n", 3, "COMPLETED")

    assert expected == boto.run("echo out; echo err >&2; exit 3", session_id)


def test_output_arrives_while_the_command_runs(boto: Boto, session_id: str) -> None:
    """The command goes on only when another command has opened the gate."""
    events = iter(boto.start("mkfifo gate; echo first; cat gate; echo last", session_id))
    assert next(events)["chunk"] == {"contentStart": {}}
    assert next(events)["chunk"] == {"contentDelta": {"stdout": "first\n"}}
    boto.run("echo opened > gate", session_id)

    rest = "".join(event["chunk"].get("contentDelta", {}).get("stdout", "") for event in events)
    assert rest == "opened\nlast\n"


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [("true", 0), ("exit 255", 255), ("no-such-program", 127), ("kill -KILL $$", 137), ("kill -TERM $$", 143)],
)
def test_the_exit_code_is_as_bash_reports_it(boto: Boto, session_id: str, command: str, exit_code: int) -> None:
    ran = boto.run(command, session_id)

    assert (exit_code, "COMPLETED") == (ran.exit_code, ran.status)


def test_each_command_is_a_fresh_shell_in_the_same_directory(boto: Boto, session_id: str) -> None:
    boto.run("x=1; export y=2; mkdir sub; cd sub; touch ../file", session_id)

    ran = boto.run('echo "[$x$y]"; ls; basename $PWD; basename ~', session_id)
    directory = Path(boto.sessions()[session_id]["cwd"]).name
    assert ran.stdout == f"[]\nfile\nsub\n{directory}\n{directory}\n"


def test_a_command_runs_in_the_directory_that_the_agent_runs_in(boto: Boto, session_id: str) -> None:
    assert boto.run("pwd", session_id).stdout.strip() == boto.ask({}, session_id)["cwd"]


def test_standard_input_is_empty(boto: Boto, session_id: str) -> None:
    assert boto.run("cat; echo end", session_id).stdout == "end\n"


def test_a_timeout_ends_everything_the_command_started_and_keeps_what_it_printed(boto: Boto, session_id: str) -> None:
    """``timeout`` and job control move their children into process groups of their own; they end all the same."""
    command = "set -m; echo partial; sleep 100 & echo $!; timeout 100 sleep 100; echo never"
    ran = boto.run(command, session_id, timeout_s=1)
    partial, background = ran.stdout.split()

    assert (partial, ran.exit_code, ran.status) == ("partial", -1, "TIMED_OUT")
    eventually(lambda: not alive(int(background)))


def test_a_timeout_lets_the_command_say_a_last_word_and_then_insists(boto: Boto, session_id: str) -> None:
    began = time.monotonic()
    ran = boto.run("trap 'echo caught' TERM; while true; do sleep 0.1; done", session_id, timeout_s=1)

    assert (ran.stdout, ran.status) == ("caught\n", "TIMED_OUT")
    assert time.monotonic() - began < 30


def test_a_background_process_does_not_keep_the_command_open(boto: Boto, session_id: str) -> None:
    began = time.monotonic()
    ran = boto.run("sleep 100 & echo done", session_id)

    assert (ran.stdout, ran.status) == ("done\n", "COMPLETED")
    assert time.monotonic() - began < 30


def test_a_background_process_that_prints_all_the_time_does_not_either(boto: Boto, session_id: str) -> None:
    ran = boto.run("yes & sleep 0.1; exit 4", session_id)

    assert (ran.exit_code, ran.status) == (4, "COMPLETED")


def test_a_background_process_lives_on_and_may_go_on_printing(boto: Boto, session_id: str) -> None:
    boto.run("mkfifo gate; { cat gate; echo late; echo later; touch survived; } &", session_id)
    boto.run("echo opened > gate", session_id)

    assert boto.run("until [ -e survived ]; do sleep 0.05; done", session_id).status == "COMPLETED"


def test_characters_are_not_split_and_bytes_that_are_none_are_replaced(boto: Boto, session_id: str) -> None:
    ran = boto.run(r"printf '\xc3'; sleep 0.2; printf '\xa9 \xff \xe2\x82'", session_id)

    assert ran.stdout == "é � �"


def test_much_output_arrives_complete(boto: Boto, session_id: str) -> None:
    """Three bytes a character, so that no frame's size is a multiple of it."""
    ran = boto.run("head -c 3000000 /dev/zero | sed 's/\\x00/€/g'; echo -n err >&2", session_id)

    assert ran == Ran("€" * 3_000_000, "err", 0, "COMPLETED")


def test_the_longest_command_runs(boto: Boto, session_id: str) -> None:
    command = "echo $((1+1)) #".ljust(COMMAND_MAX_CHARS, "x")

    assert boto.run(command, session_id).stdout == "2\n"


@pytest.mark.parametrize("character", ["é", "€", "😀"])
def test_the_longest_command_runs_whatever_its_characters(boto: Boto, session_id: str, character: str) -> None:
    command = 'cat; echo "$0 $# $@"; text=\'\n'.ljust(COMMAND_MAX_CHARS - 30, character) + "'; echo ${#text}; exit 7"
    expected = f"/bin/bash 0 \n{command.count(character) + 1}\n"

    assert boto.run(command, session_id) == Ran(expected, "", 7, "COMPLETED")


@pytest.mark.parametrize("padding", ["x", "€"])
def test_a_long_command_that_bash_cannot_read_has_its_exit_code(boto: Boto, session_id: str, padding: str) -> None:
    ran = boto.run("echo before\n) #".ljust(COMMAND_MAX_CHARS, padding), session_id)

    assert (ran.stdout, ran.exit_code, ran.status) == ("before\n", 2, "COMPLETED")


def test_commands_of_one_session_run_side_by_side(boto: Boto, session_id: str) -> None:
    with closing(boto.start("mkfifo gate; echo ready; cat gate", session_id)) as stream:
        waiting = iter(stream)
        next(waiting)
        next(waiting)

        assert boto.run("echo hello > gate", session_id).exit_code == 0
        assert next(waiting)["chunk"]["contentDelta"]["stdout"] == "hello\n"


def test_a_client_that_does_not_read_stops_the_output_and_not_the_timeout(
    probe: LocalAgentCore, boto: Boto, session_id: str
) -> None:
    assert probe.pid is not None
    before = resident_bytes(probe.pid)
    host, port = probe.endpoint_url.removeprefix("http://").split(":")
    request = command_request(
        RuntimeArn.parse(boto.arn), "echo $$ > pid; yes | tee count", session_id=session_id, timeout_s=1
    )
    head = [f"POST {request.target} HTTP/1.1", f"Host: {host}:{port}", f"Content-Length: {len(request.body)}"]
    head += [f"{name}: {value}" for name, value in request.headers]
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + request.body)
        eventually(lambda: session_id in boto.sessions())
        directory = Path(boto.sessions()[session_id]["cwd"])
        eventually((directory / "count").exists)
        pid = int((directory / "pid").read_text())
        eventually(lambda: not alive(pid))

    # What fits into the pipe, our buffers and the kernel's socket buffers, and not a second's worth of `yes`.
    assert (directory / "count").stat().st_size < 20_000_000
    assert resident_bytes(probe.pid) - before < 20_000_000


def test_commands_see_no_credentials() -> None:
    environ = {
        "PATH": "/bin",
        "LANG": "C.UTF-8",
        "HOME": "/home/ann",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SESSION_TOKEN": "b",
        "GITHUB_TOKEN": "c",
        "OPENAI_API_KEY": "d",
        "AGENTCORE_BEARER_TOKEN": "e",
        "DATABASE_URL": "postgres://user:password@host",
    }

    expected = {"PATH": "/bin", "LANG": "C.UTF-8", "HOME": "/sessions/1"}
    assert expected == command_environment(environ, Path("/sessions/1"))
