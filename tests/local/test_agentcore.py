"""The local AgentCore as a child process: it is ready, it ends, and nothing is left."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx2
import jwt
import pytest

from agentcore_mcp.errors import ConfigurationError, ConnectError
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.local.child import STOP_TIMEOUT_S
from agentcore_mcp.local.sandbox.agent import LINE_MAX_BYTES
from agentcore_mcp.wire.characters import visible
from tests.support.agentcore import Boto, eventually, new_session_id
from tests.support.processes import alive, printed
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE = "tests.support.agents.probe:app"

PARENT = """
import json, signal
from agentcore_mcp.local import LocalAgentCore
local = LocalAgentCore(app="tests.support.agents.probe:app")
local.start()
local.wait_ready()
print(json.dumps({"pid": local.pid, "endpoint_url": local.endpoint_url, "arn": local.agent_runtime_arn}), flush=True)
signal.pause()
"""


@contextmanager
def _busy(boto: Boto) -> Iterator[tuple[list[int], Path]]:
    """Give a session an agent process, a background process and a running command; yield the pids and the folder."""
    session_id = new_session_id()
    agent = boto.ask({}, session_id)
    background = boto.run("sleep 100 & echo $!", session_id).stdout
    with closing(boto.start("echo $$; sleep 100; true", session_id)) as stream:
        running = iter(stream)
        next(running)
        foreground = next(running)["chunk"]["contentDelta"]["stdout"]
        yield [agent["pid"], int(background), int(foreground)], Path(agent["cwd"]).parent


def test_it_answers_once_it_is_ready(local_agentcore: LocalAgentCore) -> None:
    assert local_agentcore.endpoint_url.startswith("http://127.0.0.1:")
    assert local_agentcore.agent_runtime_arn.startswith("arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/")
    assert httpx2.get(f"{local_agentcore.endpoint_url}/ping", timeout=WAIT_S).json() == {"status": "Healthy"}


def test_stop_leaves_no_process_and_no_directory() -> None:
    with LocalAgentCore(app=PROBE) as local, Boto.of(local) as boto, _busy(boto) as (pids, folder):
        assert local.pid is not None
        began = time.monotonic()
        pid = local.pid
        local.stop()

        assert time.monotonic() - began < STOP_TIMEOUT_S
        assert not folder.exists()
        assert not alive(pid)
        eventually(lambda: not any(alive(pid) for pid in pids))


def test_it_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        try:
            announced = json.loads(parent.stdout.readline())
            with Boto.at(announced["endpoint_url"], announced["arn"]) as boto, _busy(boto) as (pids, folder):
                parent.kill()
                eventually(lambda: not any(alive(pid) for pid in [announced["pid"], *pids]))
        finally:
            parent.kill()

    assert not folder.exists()


def test_agent_processes_end_when_the_local_agentcore_is_killed() -> None:
    local = LocalAgentCore(app=PROBE)
    local.start()
    local.wait_ready()
    with Boto.of(local) as boto:
        agent = boto.ask({}, new_session_id())
    assert local.pid is not None
    os.kill(local.pid, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
    eventually(lambda: not alive(agent["pid"]))
    local.stop()
    # It had no time for that itself.
    shutil.rmtree(Path(agent["cwd"]).parent)


def test_what_agents_print_comes_on_standard_error_with_the_session_in_front(tmp_path: Path) -> None:
    session_id = new_session_id()
    text = f"one\n{'x' * 2 * LINE_MAX_BYTES}\nthree\n"
    with (
        (tmp_path / "stderr").open("wb") as stderr,
        LocalAgentCore(app=PROBE, stderr=stderr) as local,
        Boto.of(local) as boto,
    ):
        boto.ask({"do": "print", "text": text}, session_id)
        with pytest.raises(boto.client.exceptions.RuntimeClientError):
            boto.ask({"do": "exit"}, session_id)

    lines = (tmp_path / "stderr").read_text().splitlines()
    assert all(line.startswith(f"[{session_id}] ") for line in lines)
    *printed, failure = [line.removeprefix(f"[{session_id}] ") for line in lines]
    assert printed == ["one", *["x" * LINE_MAX_BYTES] * 2, "three", "the last words of the agent"]
    assert failure.startswith("Runtime exited with code 3. The end of its output: ")
    assert failure.endswith(" / three / the last words of the agent")


HOSTILE = ["\x1b]52;c;cm0=\x07", "\x9b31m", "\rforged", "\u202e\u2066", "a\u2028b", "\0", "a\\b", "über 日本"]


def test_nothing_that_an_agent_prints_is_obeyed_by_a_terminal(tmp_path: Path) -> None:
    # A session's id comes from the caller, and is in front of each line.
    session_id = "\x9b" + new_session_id()
    with (
        (tmp_path / "stderr").open("wb") as stderr,
        LocalAgentCore(app=PROBE, stderr=stderr) as local,
        Boto.of(local) as boto,
    ):
        boto.ask({"do": "print", "text": "\n".join([*HOSTILE, "a\tb", "end"]) + "\n"}, session_id)
        eventually(lambda: "end" in (tmp_path / "stderr").read_text())

    said = (tmp_path / "stderr").read_text().removesuffix("\n").split("\n")
    assert all(line.isprintable() for line in said)
    assert [line.partition("] ")[2] for line in said[:-2]] == [visible(text) for text in HOSTILE]


@pytest.mark.parametrize("where", ["a full disk", "a pipe that nobody reads"])
def test_a_standard_error_that_takes_nothing_is_no_reason_to_stop(where: str) -> None:
    reader, writer = os.pipe() if "pipe" in where else (None, os.open("/dev/full", os.O_WRONLY))
    if reader is not None:
        os.close(reader)
    with os.fdopen(writer, "wb") as stderr, LocalAgentCore(app=PROBE, stderr=stderr) as local, Boto.of(local) as boto:
        for _ in range(2):
            session_id = new_session_id()
            boto.ask({"do": "print", "text": "something\n"}, session_id)
            with pytest.raises(boto.client.exceptions.RuntimeClientError):
                boto.ask({"do": "exit"}, session_id)


def test_it_can_be_stopped_twice_and_before_it_is_ready() -> None:
    local = LocalAgentCore()
    local.stop()
    local.start()
    local.stop()
    local.stop()


def test_one_that_was_stopped_can_be_started_again() -> None:
    local = LocalAgentCore()
    with local:
        pass
    with local:
        assert local.requests() == []


def test_waiting_for_one_that_was_not_started_is_an_error() -> None:
    with pytest.raises(ConnectError, match="not running"):
        LocalAgentCore().wait_ready()


def test_waiting_is_bounded() -> None:
    local = LocalAgentCore()
    local.start()
    with pytest.raises(ConnectError, match="not ready in time"):
        local.wait_ready(timeout_s=0)
    local.wait_ready()
    local.stop()


def test_one_that_exits_at_its_start_is_an_error() -> None:
    local = LocalAgentCore(stderr=subprocess.DEVNULL)
    local.start()
    assert local.pid is not None
    os.kill(local.pid, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
    with pytest.raises(ConnectError, match="exited with code -9 at its start; its standard error says why"):
        local.wait_ready()
    local.stop()


def test_an_app_that_cannot_be_imported_is_an_error_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needy.py").write_text("import no_such_library\n")
    monkeypatch.chdir(tmp_path)
    words = "'needy:app' in .* can't be hosted: .*ModuleNotFoundError: No module named 'no_such_library'$"
    with (
        pytest.raises(ConfigurationError, match=words),
        LocalAgentCore(app="needy:app", stderr=subprocess.DEVNULL),
    ):
        pass


@pytest.mark.parametrize("port", ["taken", 65_536])
def test_a_port_that_cannot_be_had_is_an_error_that_says_so(local_agentcore: LocalAgentCore, port: int | str) -> None:
    taken = int(local_agentcore.endpoint_url.rpartition(":")[2]) if port == "taken" else int(port)
    with pytest.raises(ConfigurationError, match=f"can't start on 127.0.0.1:{taken}: "), LocalAgentCore(port=taken):
        pass


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"app": "my_agent"}, "not a module and its attribute: 'my_agent'"),
        ({"app": "a:b", "target": "http://localhost:1"}, "exclude each other"),
        ({"auth": "oauth"}, "'oauth' is not one of none, sigv4, jwt"),
        ({"idle_timeout_s": 0}, "idle_timeout_s: 0 is not a finite number of seconds above 0"),
        ({"start_timeout_s": float("nan")}, "start_timeout_s: nan is not"),
        ({"faults": ["explode"]}, "not a fault: 'explode'"),
    ],
)
def test_an_argument_that_cannot_work_is_an_error_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        LocalAgentCore(**options)


async def test_an_async_block_has_it_ready_and_leaves_no_process() -> None:
    async with LocalAgentCore(app=PROBE) as local:
        with Boto.of(local) as boto:
            agent = await asyncio.to_thread(boto.ask, {}, new_session_id())
        pid = local.pid
    assert pid is not None
    assert not alive(pid)
    eventually(lambda: not alive(agent["pid"]))


async def test_an_async_block_that_is_cancelled_while_it_starts_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stuck.py").write_text(f"import os, time\nos.mkdir({str(tmp_path / 'here')!r})\ntime.sleep(100)\n")
    monkeypatch.chdir(tmp_path)
    local = LocalAgentCore(app="stuck:app")
    start = asyncio.create_task(local.__aenter__())
    await asyncio.to_thread(eventually, (tmp_path / "here").exists)
    pid = local.pid
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start

    assert pid is not None
    assert not alive(pid)


def test_a_block_that_is_interrupted_while_it_starts_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stuck.py").write_text(f"import os, time\nos.mkdir({str(tmp_path / 'here')!r})\ntime.sleep(100)\n")
    monkeypatch.chdir(tmp_path)
    local = LocalAgentCore(app="stuck:app")
    pids: list[int | None] = []

    def interrupt() -> None:
        eventually((tmp_path / "here").exists)
        pids.append(local.pid)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # type: ignore[attr-defined, unused-ignore]

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt), local:
        pass
    interrupting.join()

    assert pids[0] is not None
    assert not alive(pids[0])


def test_requests_are_those_that_it_was_asked(boto: Boto, probe: LocalAgentCore, session_id: str) -> None:
    boto.ask({}, session_id)
    with pytest.raises(boto.client.exceptions.RuntimeClientError):
        boto.ask({"do": "status", "status": 500}, session_id)
    asked, failed = [request for request in probe.requests() if request.session_id == session_id]

    assert (asked.operation, asked.agent) == ("InvokeAgentRuntime", "local_agent")
    assert (asked.status, asked.state, failed.status) == (200, "complete", 424)
    assert asked.ended_at is not None
    assert asked.started_at <= asked.ended_at
    assert asked.started_at <= failed.started_at


def test_the_credentials_are_those_that_boto3_signs_with(signing: LocalAgentCore) -> None:
    client = boto3.client("bedrock-agentcore", endpoint_url=signing.endpoint_url, **signing.credentials)
    answer = client.invoke_agent_runtime(agentRuntimeArn=signing.agent_runtime_arn, payload=b"{}")
    answer["response"].read()
    client.close()

    assert answer["statusCode"] == 200


def test_a_token_is_for_a_subject_and_a_client(oauth: LocalAgentCore) -> None:
    other = oauth.token("alice", scope="orders", lifetime_s=100, client_id="local-other-client")
    claims = [jwt.decode(token, options={"verify_signature": False}) for token in (oauth.token(), other)]

    assert [(claim["sub"], claim["client_id"], claim["scope"]) for claim in claims] == [
        ("local-client", "local-client", ""),
        ("alice", "local-other-client", "orders"),
    ]
    assert [claim["exp"] - claim["iat"] for claim in claims] == [3600, 100]


@pytest.mark.parametrize("options", [{"client_id": "nobody"}, {"lifetime_s": -1}, {"lifetime_s": 86_401}])
def test_a_token_that_it_does_not_issue_is_an_error(oauth: LocalAgentCore, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="no such token: "):
        oauth.token(**options)


def test_without_an_issuer_there_are_no_tokens(signing: LocalAgentCore) -> None:
    with pytest.raises(ConfigurationError, match='auth="jwt"'):
        signing.token()


ASK = """
import os
import anyio, boto3
from agentcore_mcp.runtime import BearerAuth, RuntimeClient
arn = os.environ["AGENTCORE_RUNTIME_ARN"]
async def ask(auth):
    async with RuntimeClient(auth=auth, endpoint_url=os.environ["AGENTCORE_ENDPOINT_URL"]) as client:
        async with client.invoke(arn, b"{}", session_id="s" * 33) as answer:
            assert [piece async for piece in answer]
if token := os.environ.get("AGENTCORE_BEARER_TOKEN"):
    anyio.run(ask, BearerAuth(token))
else:
    boto3.client("bedrock-agentcore").invoke_agent_runtime(agentRuntimeArn=arn, payload=b"{}")["response"].read()
    anyio.run(ask, None)
"""


@pytest.mark.parametrize("fixture", ["probe", "signing", "oauth"])
def test_its_environment_leads_clients_to_it_and_in(fixture: str, request: pytest.FixtureRequest) -> None:
    local: LocalAgentCore = request.getfixturevalue(fixture)
    environ = {**os.environ, "AWS_SESSION_TOKEN": "somebody-elses", **local.environ()}
    before = len(local.requests())

    assert printed(ASK, env=environ) == ("", "")
    assert [asked.status for asked in local.requests()[before:]] == [200] * (1 if fixture == "oauth" else 2)


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys; from agentcore_mcp import LocalAgentCore; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = printed(code)[0].split()

    assert "agentcore_mcp" in loaded
    assert not {"anyio", "botocore", "click", "httpx2", "jwt", "mcp", "pydantic", "starlette", "uvicorn"} & {*loaded}


def test_an_address_that_is_not_known_yet_is_a_sentence() -> None:
    with pytest.raises(ConnectError, match="call wait_ready"):
        _ = LocalAgentCore().endpoint_url


@pytest.mark.parametrize("name", ["faults", "allowed_headers"])
def test_one_text_instead_of_several_is_refused(name: str) -> None:
    arguments: dict[str, Any] = {name: "Authorization"}

    with pytest.raises(ConfigurationError, match=f"{name} is a list of texts"):
        LocalAgentCore(**arguments)
