"""Where the local AgentCore's agents come from: an address, a command, or several at once."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from click.testing import CliRunner
from websockets.sync.client import connect

from agentcore_mcp.cli.local import local
from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.local.sandbox.targets import AgentUrl, HostedAgent
from agentcore_mcp.wire.headers import SESSION_HEADER
from agentcore_mcp.wire.ids import RuntimeArn
from agentcore_mcp.wire.requests import invoke_request
from tests.support.agentcore import Boto, eventually, new_session_id
from tests.support.agents.probe import app as probe_app
from tests.support.processes import alive
from tests.support.serving import serving
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = Path(__file__).parents[2] / "support/agents/plain.py"
PLAIN_COMMAND = f"exec {sys.executable} {PLAIN} {{port}} {{folder}}"


@contextmanager
def _local(*, target: str | None = None, command: str | None = None, start_timeout_s: float = 60) -> Iterator[Boto]:
    with (
        LocalAgentCore(target=target, command=command, start_timeout_s=start_timeout_s) as local,
        Boto.of(local) as boto,
    ):
        yield boto


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder that the local AgentCore is started in; its name needs quotes."""
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a folder of its own, where an agent in this process leaves its notes."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("elsewhere")
def test_an_agent_that_already_runs_serves_all_sessions_which_have_their_own_directories() -> None:
    with serving(probe_app) as port, _local(target=f"http://127.0.0.1:{port}/") as boto:
        one, other = new_session_id(), new_session_id()
        asked = [boto.ask({"prompt": "hi"}, session_id) for session_id in (one, other)]
        boto.run("touch file", one)

        assert asked[0]["pid"] == asked[1]["pid"]
        assert [answer["headers"][SESSION_HEADER.lower()] for answer in asked] == [one, other]
        assert (boto.run("ls", one).stdout, boto.run("ls", other).stdout) == ("file\n", "")
        assert boto.sessions()[one]["has_agent_process"] is False


@pytest.mark.usefixtures("elsewhere")
def test_a_websocket_reaches_an_agent_that_already_runs() -> None:
    with serving(probe_app) as port, _local(target=f"http://localhost:{port}") as boto:
        url = boto.endpoint_url.replace("http", "ws") + invoke_request(
            RuntimeArn.parse(boto.arn), b"", session_id=new_session_id()
        ).target.replace("/invocations", "/ws")
        with connect(url, open_timeout=WAIT_S) as agent:
            agent.send("echo")

            assert agent.recv(timeout=WAIT_S) == "echo"


def test_an_address_where_nobody_answers_is_424_and_named() -> None:
    with _local(target="http://127.0.0.1:1") as boto:
        with pytest.raises(boto.client.exceptions.RuntimeClientError) as caught:
            boto.ask({}, new_session_id())

        assert "http://127.0.0.1:1 does not answer" in caught.value.response["Error"]["Message"]


@pytest.mark.usefixtures("elsewhere")
def test_stopping_a_session_breaks_off_what_a_shared_agent_does_for_it_and_for_no_other() -> None:
    with serving(probe_app) as port, _local(target=f"http://127.0.0.1:{port}") as boto:
        stopped, other = new_session_id(), new_session_id()
        request = invoke_request(RuntimeArn.parse(boto.arn), b'{"do": "drip"}', session_id=stopped)
        with httpx2.stream(
            "POST",
            boto.endpoint_url + request.target,
            headers=dict(request.headers),
            content=request.body,
            timeout=WAIT_S,
        ) as answer:
            pieces = answer.iter_text()
            next(pieces)
            boto.stop(stopped)
            with pytest.raises(httpx2.RemoteProtocolError):
                for _ in pieces:
                    pass

        assert boto.ask({}, other)["payload"] == {}


def test_a_command_starts_an_agent_for_each_session_in_its_directory(folder: Path) -> None:
    with _local(command=PLAIN_COMMAND) as boto:
        ids = [new_session_id(), new_session_id()]
        agents = [boto.ask({}, session_id) for session_id in ids]
        again = boto.ask({}, ids[0])
        sessions = boto.sessions()

    assert agents[0]["pid"] != agents[1]["pid"]
    assert again == agents[0]
    assert [agent["cwd"] for agent in agents] == [sessions[session_id]["cwd"] for session_id in ids]
    assert [agent["arguments"] for agent in agents] == [[agent["port"], str(folder)] for agent in agents]
    assert all(sessions[session_id]["has_agent_process"] for session_id in ids)


def test_a_command_that_takes_its_time_is_waited_for(folder: Path) -> None:
    command = f"mkfifo gate; cat gate; {PLAIN_COMMAND}"
    with _local(command=f"(sleep 0.3; echo > gate) & {command}") as boto:
        assert boto.ask({}, new_session_id())["arguments"][1] == str(folder)


def test_a_command_that_exits_is_424_with_its_exit_code_and_last_words() -> None:
    with (
        _local(command="echo 'no such image' >&2; exit 5") as boto,
        pytest.raises(boto.client.exceptions.RuntimeClientError) as caught,
    ):
        boto.ask({}, new_session_id())

    message = caught.value.response["Error"]["Message"]
    assert message == "Runtime exited with code 5. The end of its output: no such image"


@pytest.mark.usefixtures("folder")
def test_a_command_that_never_answers_is_424_in_the_words_of_the_service_and_ends() -> None:
    with _local(command="echo $$ > {folder}/pid; sleep 100; true", start_timeout_s=0.5) as boto:
        session_id = new_session_id()
        with pytest.raises(boto.client.exceptions.RuntimeClientError) as caught:
            boto.ask({}, session_id)
        eventually(lambda: session_id not in boto.sessions())

    message = caught.value.response["Error"]["Message"]
    assert message == "Runtime initialization time exceeded. Please make sure that initialization completes in 0.5s."


def test_a_command_is_asked_to_end_before_it_is_killed(folder: Path) -> None:
    """For `docker run`, which stops its container then."""
    with _local(command=PLAIN_COMMAND) as boto:
        session_id = new_session_id()
        pid = boto.ask({}, session_id)["pid"]
        boto.stop(session_id)

        assert (folder / f"ended-{pid}").exists()
        eventually(lambda: not alive(pid))


def test_a_command_that_does_not_end_is_killed(folder: Path) -> None:
    with _local(command=f"trap '' TERM; {PLAIN_COMMAND.removeprefix('exec ')}; sleep 100") as boto:
        session_id = new_session_id()
        boto.ask({}, session_id)
        background = int(boto.run("sleep 100 & echo $!", session_id).stdout)
        boto.stop(session_id)

        eventually(lambda: not alive(background))
        assert session_id not in boto.sessions()


def test_several_agents_have_an_arn_each_and_share_nothing(tmp_path: Path) -> None:
    (tmp_path / "my_agent.py").write_text(
        "from starlette.responses import JSONResponse\n"
        "async def app(scope, receive, send):\n"
        "    await JSONResponse('mine')(scope, receive, send)\n"
    )
    (tmp_path / "agents.toml").write_text(
        '[probe]\napp = "tests.support.agents.probe:app"\n'
        '[mine]\napp = "my_agent:app"\n'
        f"[plain]\ncommand = '{PLAIN_COMMAND}'\n"
    )
    with LocalAgentCore(agents=tmp_path / "agents.toml") as local:
        arns = local.agents
        probe, mine, plain = (Boto.at(local.endpoint_url, arn) for arn in arns.values())
        with probe, mine, plain:
            session_id = new_session_id()
            pid = probe.ask({}, session_id)["pid"]

            assert mine.ask({}, session_id) == "mine"
            assert plain.ask({}, session_id)["pid"] != pid
            assert plain.ask({}, session_id)["arguments"][1] == str(tmp_path)
            probe.run("touch file", session_id)
            assert mine.run("ls", session_id).stdout == ""
            listed = httpx2.get(f"{local.endpoint_url}/_local/sessions", timeout=WAIT_S).json()
            assert {(session["agent"], session["id"]) for session in listed} == {(name, session_id) for name in arns}

            mine.stop(session_id)
            assert probe.ask({}, session_id)["pid"] == pid

    assert list(arns) == ["probe", "mine", "plain"]
    assert local.agent_runtime_arn == arns["probe"]
    assert RuntimeArn.parse(arns["mine"]).runtime_id == "mine-L0calAgent"


def test_a_stop_of_one_agent_cannot_be_repeated_with_its_token_for_another(tmp_path: Path) -> None:
    (tmp_path / "agents.toml").write_text(
        '[one]\napp = "agentcore_mcp.hosting.sample:app"\n[two]\napp = "agentcore_mcp.hosting.sample:app"\n'
    )
    with LocalAgentCore(agents=tmp_path / "agents.toml") as local:
        one, two = (Boto.at(local.endpoint_url, arn) for arn in local.agents.values())
        with one, two:
            session_id, token = new_session_id(), "t" * 40
            for boto in (one, two):
                boto.run("true", session_id)
            one.stop(session_id, clientToken=token)
            with pytest.raises(two.client.exceptions.ValidationException):
                two.stop(session_id, clientToken=token)


def test_one_agents_cookies_are_not_sent_to_another(boto: Boto, session_id: str) -> None:
    boto.invoke({"do": "cookie"}, session_id)["response"].read()
    other = new_session_id()

    assert "cookie" not in boto.ask({}, other)["headers"]
    assert "cookie" not in boto.ask({}, session_id)["headers"]
    boto.stop(other)


def test_the_agent_card_is_the_agents_own(boto: Boto, session_id: str) -> None:
    answer = boto.client.get_agent_card(agentRuntimeArn=boto.arn, runtimeSessionId=session_id)

    assert answer["statusCode"] == 200
    assert answer["runtimeSessionId"] == session_id
    assert answer["agentCard"] == {"name": "probe", "session": session_id}
    assert boto.requests(session_id)[0]["operation"] == "GetAgentCard"


def test_an_agent_without_a_card_is_424() -> None:
    with _local() as boto:
        with pytest.raises(boto.client.exceptions.RuntimeClientError) as caught:
            boto.client.get_agent_card(agentRuntimeArn=boto.arn, runtimeSessionId=new_session_id())

        assert caught.value.response["Error"]["Message"].startswith("Received error (404) from runtime.")


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:9000/", "http://localhost:9000"),
        ("http://[::1]:9000/agent/", "http://[::1]:9000/agent"),
    ],
)
def test_an_address_on_this_machine_is_a_target(url: str, base_url: str) -> None:
    assert AgentUrl.parse(url) == AgentUrl(base_url)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1",
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://user@localhost",
        "http://localhost?x=1",
        "http://localhost:0",
        "http://localhost:x",
        "localhost:8080",
        "",
    ],
)
def test_any_other_address_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not the URL of an agent on this machine"):
        AgentUrl.parse(url)


@pytest.mark.parametrize("name", ["", "1st", "my-agent", "a" * 49, "ümlaut", "a\n"])
def test_a_name_that_no_runtime_can_have_is_a_configuration_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match="not the name of an agent"):
        HostedAgent(name, AgentUrl("http://localhost"))


def test_one_kind_of_target_excludes_another() -> None:
    result = CliRunner().invoke(local, ["--app", "a:b", "--target", "http://localhost"])

    assert result.exit_code == 2
    assert "exclude each other" in result.output


def test_the_announcement_is_one_line_of_json_however_many_agents_there_are(tmp_path: Path) -> None:
    file = tmp_path / "agents.toml"
    file.write_text("".join(f'[agent_{number}]\ntarget = "http://localhost:{number}"\n' for number in range(1, 200)))
    with LocalAgentCore(agents=file) as local:
        assert len(local.agents) == 199
        assert json.dumps(local.agents)
