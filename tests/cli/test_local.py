"""``agentcore-mcp local`` as a person or a script runs it."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import sys

import anyio
import pytest
from click.testing import CliRunner

from agentcore_mcp.cli import main
from agentcore_mcp.cli.local import local
from tests.support.agentcore import Boto, new_session_id
from tests.support.processes import end_of
from tests.support.waiting import WAIT_S

APPS_THAT_ARE_NONE = [
    *("agent", "agent:", ":app", "agent.py:app", "./agent:app", "a b:app"),
    *("agent:app:x", "agent:1", "agent..b:app", "agent:app()", "agent:app\n"),
]
COMMAND = [sys.executable, "-m", "agentcore_mcp", "local"]


def test_help_states_the_limits() -> None:
    text = " ".join(CliRunner().invoke(local, ["--help"]).output.split())

    assert "runs shell commands on this machine" in text
    assert "loopback address only" in text
    assert "checks no credentials" in text
    assert "no AWS_*, token or key variables" in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_one_line_of_json_and_ends_in_order_on_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        process.send_signal(number)
        took_s = anyio.run(end_of, process.pid)
        rest, errors = process.communicate(timeout=WAIT_S)

    assert sorted(announced) == ["agent_runtime_arn", "agents", "endpoint_url"]
    assert announced["agents"] == {"local_agent": announced["agent_runtime_arn"]}
    assert (process.returncode, rest, errors) == (0, b"", b"")
    assert took_s < 2


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-"])
def test_what_agents_print_never_comes_on_standard_output(redirection: str) -> None:
    line = f"exec {shlex.join(COMMAND)} --app tests.support.agents.probe:app {redirection}"
    with subprocess.Popen(["/bin/bash", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        with Boto.at(announced["endpoint_url"], announced["agent_runtime_arn"]) as boto:
            boto.ask({"do": "print", "text": "something\n"}, new_session_id())
        process.terminate()
        rest, _ = process.communicate(timeout=WAIT_S)

    assert (process.returncode, rest) == (0, b"")


def test_a_port_that_is_taken_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["local", "--port", str(port)])

    assert result.exit_code == 1
    assert f"can't start on 127.0.0.1:{port}: Address already in use (port 0 is a free one)" in result.output


@pytest.mark.parametrize("option", ["--idle-timeout", "--max-lifetime", "--start-timeout"])
@pytest.mark.parametrize(
    ("seconds", "why"),
    [
        ("nan", "nan is not a finite number of seconds above 0"),
        ("inf", "inf is not a finite number of seconds above 0"),
        ("1e999", "inf is not a finite number of seconds above 0"),
        ("-inf", "-inf is not a finite number of seconds above 0"),
        ("-1", "-1.0 is not a finite number of seconds above 0"),
        ("0", "0.0 is not a finite number of seconds above 0"),
        ("soon", "'soon' is not a valid float"),
    ],
)
def test_a_time_that_no_clock_reaches_is_an_error_of_usage(option: str, seconds: str, why: str) -> None:
    result = CliRunner().invoke(local, [option, seconds])

    assert result.exit_code == 2
    # As in Python, or, where click says it, as on the command line.
    name = option.removeprefix("--").replace("-", "_")
    assert f"{name}_s: {why}\n" in result.output or f"'{option}': {why}" in result.output


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        *[
            ("--app", value, f"agent 'local_agent': app: not a module and its attribute: {value!r}; like my_agent:app")
            for value in APPS_THAT_ARE_NONE
        ],
        ("--app", "", "agent 'local_agent' needs one of app, target, command, a string"),
        ("--target", "https://127.0.0.1", "not the URL of an agent on this machine: 'https://127.0.0.1'"),
        ("--agents", "/no/such/file", "can't read '/no/such/file': No such file or directory"),
        ("--fault", "explode", "not a fault: 'explode'; there are error=CODE, cold-start=SECONDS"),
        ("--access-key-id", "AKIDEXAMPLE", "a key pair is an access key id and a secret access key"),
        ("--port", "65536", "65536 is not in the range 0<=x<=65535"),
        ("--port", "-1", "-1 is not in the range 0<=x<=65535"),
    ],
)
def test_a_value_that_cannot_be_read_is_an_error_of_usage(option: str, value: str, why: str) -> None:
    result = CliRunner().invoke(local, [option, value])

    assert result.exit_code == 2
    assert why in result.output
