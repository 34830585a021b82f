"""The ``agentcore-mcp`` command as a user meets it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from click.testing import CliRunner

from agentcore_mcp.cli import main
from agentcore_mcp.config import HOW_TO_CONFIGURE, environment
from agentcore_mcp.errors import ConfigurationError, ConnectError
from agentcore_mcp.runtime import BearerAuth, NoAuth
from agentcore_mcp.runtime.client import RuntimeClient
from tests.support.processes import alive, children
from tests.support.runtimes import ARN
from tests.support.waiting import WAIT_S, free_port

if TYPE_CHECKING:
    from click.testing import Result


def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command with an environment that names no agent, and nothing on stdin."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AGENTCORE_", "AWS_"))}
    return subprocess.run(
        [sys.executable, "-m", "agentcore_mcp", *args],
        env=clean | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def invoke(*args: str, **env: str) -> Result:
    """Run the command in this process, with an environment that names no agent."""
    clean = {name: None for name in os.environ if name.startswith(("AGENTCORE_", "AWS_"))}
    return CliRunner().invoke(main, args, env={**clean, "HOME": "/nowhere", "XDG_CONFIG_HOME": None, **env})


@pytest.mark.parametrize("args", [(), ("serve", "--port", "0"), ("config", "show")])
def test_without_an_agent_it_shows_the_three_ways_to_name_one(args: tuple[str, ...]) -> None:
    result = invoke(*args)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {HOW_TO_CONFIGURE}\n"
    assert [line.strip() for line in result.stderr.splitlines() if line.strip()] == [
        "Error: no agent is configured. Name one in one of three ways:",
        "1. an environment variable, the usual way in an MCP host's configuration:",
        "AGENTCORE_RUNTIME_ARN=arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID",
        "with AWS credentials from the usual places (AWS_PROFILE, AWS_ACCESS_KEY_ID, ...),",
        "or AGENTCORE_BEARER_TOKEN for a runtime that expects OAuth",
        "2. a flag:",
        "agentcore-mcp --runtime-arn arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID",
        "or, for several agents, a configuration file:",
        "agentcore-mcp --config FILE",
        "(or AGENTCORE_CONFIG=FILE, or ~/.config/agentcore-mcp/config.toml; agentcore-mcp init writes it)",
        "3. the bundled sample agent on this machine, with no account and no network:",
        "agentcore-mcp --local",
    ]


def test_the_ways_to_name_an_agent_are_ways() -> None:
    """What the message shows is what the command takes."""
    flags = {flag for parameter in main.params for flag in parameter.opts}

    assert {word for word in HOW_TO_CONFIGURE.split() if word.startswith("--")} <= flags
    for way in ("AGENTCORE_RUNTIME_ARN=arn:", "agentcore-mcp --runtime-arn arn:", "agentcore-mcp --local"):
        assert way in HOW_TO_CONFIGURE
    for name in re.findall(r"AGENTCORE_\w+", HOW_TO_CONFIGURE):
        assert name in vars(environment).values()


@pytest.mark.parametrize(
    ("args", "env", "sentence"),
    [
        (("--runtime-arn", "my-agent"), {}, "not the ARN of an agent runtime: 'my-agent'"),
        (("--runtime-arn", ARN, "--endpoint-url", "http://example.com"), {}, "http://example.com"),
        ((), {"AGENTCORE_RUNTIME_ARN": ARN, "AGENTCORE_BEARER_TOKEN": "two words\n"}, "token"),
        (("--local", "--runtime-arn", ARN), {}, "--local brings its own agent"),
        (("--local", "serve"), {}, "put flags after the command"),
        (("serve", "--runtime-arn", ARN, "--host", "0.0.0.0"), {}, "--allowed-host"),
        (("serve", "--runtime-arn", ARN, "--host", "203.0.113.1", "--allowed-host", "x"), {}, "can't listen on"),
    ],
)
def test_a_setting_that_cannot_work_is_a_sentence_and_not_a_traceback(
    args: tuple[str, ...], env: dict[str, str], sentence: str
) -> None:
    result = invoke(*args, **env)

    assert isinstance(result.exception, SystemExit)
    assert result.exit_code != 0
    assert sentence in result.stderr


def test_a_sentence_is_all_that_a_real_process_says_too() -> None:
    result = run("--runtime-arn", "my-agent")

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: --runtime-arn: not the ARN of an agent runtime: 'my-agent'")
    assert result.stderr.count("\n") == 1


FULL = "No space left on device"
CLOSED = "is closed"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk at hand")
@pytest.mark.parametrize(
    ("redirected", "args", "sentence"),
    [
        (">/dev/full", "--version", FULL),
        (">/dev/full", "--help", FULL),
        (">/dev/full", f"config show --runtime-arn {ARN}", FULL),
        (">/dev/full", "local", FULL),
        (">&-", f"config show --runtime-arn {ARN}", CLOSED),
        (">&-", f"--runtime-arn {ARN}", CLOSED),
        ("<&-", f"--runtime-arn {ARN}", CLOSED),
        ("<&- >&-", f"--runtime-arn {ARN}", CLOSED),
    ],
)
def test_standard_streams_that_are_full_or_closed_are_told_in_a_sentence(
    redirected: str, args: str, sentence: str
) -> None:
    result = in_shell(f"{args} {redirected}")

    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_standard_error_it_serves() -> None:
    result = in_shell(f"--runtime-arn {ARN} 2>&-", '{"jsonrpc":"2.0","id":1,"method":"ping"}\n')

    assert (result.returncode, json.loads(result.stdout)["result"]) == (0, {})


def in_shell(line: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command with a shell's redirections."""
    command = ["sh", "-c", f'exec "$0" -m agentcore_mcp {line}', sys.executable]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=WAIT_S, check=False)


def test_the_end_of_stdin_ends_the_server_with_success_and_nothing_on_either_stream() -> None:
    result = run("--runtime-arn", ARN)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_local_needs_no_configuration_and_leaves_nothing_behind() -> None:
    result = run("--local", "--handoff-after", "50")

    assert (result.returncode, result.stdout) == (0, "")


def test_a_protocol_is_that_of_the_local_agent_alone() -> None:
    result = run("--protocol", "a2a", "--runtime-arn", ARN)

    assert result.returncode == 1
    assert "--protocol goes with --local; for another agent, set the key protocol in a file" in result.stderr


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ("", "the agent remembers what was said in its session"),
        ("--http", "the agent remembers what was said in its session"),
        ("--protocol a2a", "the next call in the session has answered it"),
        ("--protocol agui --http", "the next call in the session has answered it"),
        ("--protocol mcp", "the person's answer has reached the tool"),
        ("--protocol mcp --http", "the person's answer has reached the tool"),
        ("--protocol harness", "the agent remembers what was said in its session"),
    ],
)
def test_the_demo_succeeds_on_either_transport_and_in_each_protocol(options: str, shown: str) -> None:
    result = run("demo", *options.split())

    assert result.returncode == 0, result.stdout + result.stderr
    assert "✗" not in result.stdout
    assert f"✓ {shown}" in result.stdout
    assert ("asks: Deploy the launch code? → yes" in result.stdout) == ("mcp" in options)
    assert "every step did what it should" in result.stdout


@pytest.mark.parametrize("transport", [(), ("--http",)])
async def test_ctrl_c_ends_the_demo_quietly_and_leaves_nothing_running(transport: tuple[str, ...]) -> None:
    # Whoever runs the tests in the background may have told everything below to ignore the signal.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heed}; from agentcore_mcp.cli import main; main()", "demo", *transport]
    # A terminal sends the signal to the whole process group.
    async with await anyio.open_process(command, stderr=subprocess.STDOUT, start_new_session=True) as process:
        assert process.stdout is not None
        stdout = BufferedByteReceiveStream(process.stdout)
        with anyio.fail_after(WAIT_S):
            await stdout.receive_until(b"piece 1 of 3", max_bytes=10_000)
            started = children(process.pid)
            os.killpg(process.pid, signal.SIGINT)  # type: ignore[attr-defined, unused-ignore]
            await process.wait()
            rest = b"".join([data async for data in stdout])

    assert process.returncode == 130
    for word in (b"Aborted", b"Traceback", b"\xe2\x9c\x97"):
        assert word not in rest
    assert started
    assert not [child for child in started if alive(child)]


async def test_in_a_terminal_it_says_what_it_waits_for() -> None:
    ours, theirs = os.openpty()  # type: ignore[attr-defined, unused-ignore]
    command = [sys.executable, "-m", "agentcore_mcp", "--runtime-arn", ARN]
    async with await anyio.open_process(command, stdin=theirs) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert process.stderr is not None
        with anyio.fail_after(WAIT_S):
            said = await BufferedByteReceiveStream(process.stderr).receive_until(b"ends it.\n", max_bytes=1000)
            os.write(ours, b"\x04")  # Ctrl-D
            status = await process.wait()
            printed = b"".join([data async for data in process.stdout])
    os.close(ours)

    assert b"waiting for an MCP host" in said
    assert b"agentcore-mcp demo" in said
    assert (status, printed) == (0, b"")


def test_a_demo_that_fails_says_what_failed_without_a_traceback() -> None:
    # The command of the fourth step finds none of its programs.
    result = run("demo", PATH="/nowhere")

    assert result.returncode == 1
    assert "✗ this should have been true: " in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_serve_ends_on_a_signal_with_success_and_without_its_local_agentcore(name: str) -> None:
    command = [sys.executable, "-m", "agentcore_mcp", "serve", "--local", "--port", "0"]
    async with await anyio.open_process(command, stdout=None) as process:
        assert process.stderr is not None
        stderr = BufferedByteReceiveStream(process.stderr)
        with anyio.fail_after(WAIT_S):
            await stderr.receive_until(b"\n", max_bytes=1000)
            started = children(process.pid)
            process.send_signal(getattr(signal, name))
            await process.wait()
            rest = b"".join([data async for data in stderr])

    assert (process.returncode, rest) == (0, b"")
    assert started
    assert not [child for child in started if alive(child)]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "ftp://user:hunter2@proxy.example"),
        ("ALL_PROXY", "socks5://proxy.example"),
        ("SSL_CERT_FILE", "/nowhere/at/all"),
    ],
)
async def test_a_proxy_or_certificate_that_cannot_work_is_named_and_does_not_matter_on_loopback(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    session = "a-session-of-this-test-0123456789abcdef"
    async with RuntimeClient(auth=BearerAuth("not-a-real-token")) as client:
        with pytest.raises(ConfigurationError, match=variable) as raised:
            await client.stop_session(ARN, session_id=session)
    async with RuntimeClient(auth=NoAuth(), endpoint_url="http://127.0.0.1:9") as client:
        with pytest.raises(ConnectError):
            await client.stop_session(ARN, session_id=session)

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_hosts(shell: str) -> None:
    script = _completion({"_AGENTCORE_MCP_COMPLETE": f"{shell}_source"})
    words = {"COMP_WORDS": "agentcore-mcp install cl", "COMP_CWORD": "cl" if shell == "fish" else "2"}
    completed = _completion({"_AGENTCORE_MCP_COMPLETE": f"{shell}_complete", **words})

    assert "_AGENTCORE_MCP_COMPLETE" in script
    assert [host for host in ("claude-desktop", "claude-code", "cline") if host not in completed] == []


def _completion(environ: dict[str, str]) -> str:
    command = [str(Path(sys.executable).parent / "agentcore-mcp")]
    run = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=WAIT_S, check=True
    )
    return run.stdout


def test_a_server_says_where_it_is_reached_and_what_it_waits_for(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    server = '[server]\npublic_url = "https://agents.example.com/mcp"\nstore = "redis://127.0.0.1:9/0"\ndrain = 5\n'
    config.write_text(
        f'{server}secret = "not-a-real-secret-of-many-characters"\n[agents.one]\narn = "{ARN}"\n', "utf-8"
    )
    metrics = free_port()
    command = [sys.executable, "-m", "agentcore_mcp", "serve", "--port", "0", "--metrics-port", str(metrics)]
    with subprocess.Popen([*command, "--config", str(config)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline(), process.stderr.readline()]
        process.terminate()
        lines.append(process.communicate(timeout=WAIT_S)[1])

    start = f"serving MCP for https://agents.example.com/mcp (metrics on 127.0.0.1:{metrics}) at http://127.0.0.1:"
    assert lines[0].startswith(f"agentcore-mcp: {start}")
    assert "not ready: the store does not answer" in lines[1]
    assert "draining for up to 5 s" in lines[2]
