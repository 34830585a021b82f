"""What a session of the local AgentCore keeps, and how it ends."""

from __future__ import annotations

import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from urllib3.exceptions import ProtocolError

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.local.sandbox.folders import remove_tree
from agentcore_mcp.local.sandbox.sessions import MAX_SESSIONS
from tests.support.agentcore import Boto, eventually, new_session_id
from tests.support.processes import alive


def test_a_session_keeps_its_agent_process_and_its_files(boto: Boto, session_id: str) -> None:
    first = boto.ask({}, session_id)
    boto.run("echo kept > file", session_id)
    second = boto.ask({}, session_id)

    assert (first["calls"], second["calls"]) == (1, 2)
    assert first["pid"] == second["pid"]
    assert boto.run("cat file", session_id).stdout == "kept\n"


def test_two_sessions_share_neither_process_nor_files(boto: Boto, session_id: str) -> None:
    other_id = new_session_id()
    mine, theirs = boto.ask({}, session_id), boto.ask({}, other_id)
    boto.run("touch file", session_id)

    assert (mine["calls"], theirs["calls"]) == (1, 1)
    assert mine["pid"] != theirs["pid"]
    assert mine["cwd"] != theirs["cwd"]
    assert boto.run("ls", other_id).stdout == ""
    boto.stop(other_id)


def test_a_session_that_only_runs_commands_has_no_agent_process(boto: Boto, session_id: str) -> None:
    boto.run("true", session_id)
    session = boto.sessions()[session_id]

    assert session["has_agent_process"] is False
    assert 0 <= session["idle_s"] <= session["age_s"]
    assert Path(session["cwd"]).stat().st_mode & 0o777 == 0o700
    assert Path(session["cwd"]).parent.stat().st_mode & 0o777 == 0o700


def test_stop_kills_every_process_and_deletes_the_directory(boto: Boto, session_id: str) -> None:
    agent = boto.ask({}, session_id)
    background = boto.run("sleep 100 & echo $!; set -m; sleep 100 & echo $!", session_id).stdout.split()
    with closing(boto.start("echo $$; sleep 100; true", session_id)) as stream:
        running = iter(stream)
        next(running)
        foreground = next(running)["chunk"]["contentDelta"]["stdout"]
        pids = [agent["pid"], *map(int, background), int(foreground)]
        assert all(alive(pid) for pid in pids)

        answer = boto.stop(session_id)

    assert (answer["statusCode"], answer["runtimeSessionId"]) == (200, session_id)
    assert session_id not in boto.sessions()
    assert not Path(agent["cwd"]).exists()
    eventually(lambda: not any(alive(pid) for pid in pids))


def test_a_command_that_is_killed_with_its_session_has_no_exit_code(boto: Boto, session_id: str) -> None:
    with closing(boto.start("echo ready; sleep 100", session_id)) as stream:
        running = iter(stream)
        next(running)
        next(running)
        boto.stop(session_id)

        with pytest.raises(ProtocolError, match="prematurely"):
            next(running)
    eventually(lambda: boto.requests(session_id)[0]["state"] == "failed")


def test_the_same_id_after_a_stop_is_a_new_empty_session(boto: Boto, session_id: str) -> None:
    before = boto.ask({}, session_id)
    boto.run("touch file", session_id)
    boto.stop(session_id)
    after = boto.ask({}, session_id)

    assert after["calls"] == 1
    assert after["cwd"] != before["cwd"]
    assert boto.run("ls", session_id).stdout == ""


def test_a_repeated_stop_with_the_same_token_is_the_same_stop(boto: Boto, session_id: str) -> None:
    """Also when the session has been used again meanwhile: a retry must not end the new one."""
    token = str(uuid.uuid4())
    boto.run("true", session_id)
    boto.stop(session_id, clientToken=token)
    boto.run("touch new", session_id)

    assert boto.stop(session_id, clientToken=token)["statusCode"] == 200
    assert boto.run("ls", session_id).stdout == "new\n"


def test_a_stop_without_a_session_is_not_found_also_the_second_time(boto: Boto) -> None:
    session_id, token = new_session_id(), str(uuid.uuid4())
    for _ in range(2):
        with pytest.raises(boto.client.exceptions.ResourceNotFoundException):
            boto.stop(session_id, clientToken=token)


def test_an_idle_session_ends_and_a_busy_one_does_not() -> None:
    with LocalAgentCore(app="tests.support.agents.probe:app", idle_timeout_s=0.5) as local, Boto.of(local) as boto:
        idle_id, busy_id = new_session_id(), new_session_id()
        idle_directory = Path(boto.run("pwd", idle_id).stdout.strip())
        with closing(boto.start("mkfifo gate; echo ready; cat gate", busy_id)) as stream:
            events = iter(stream)
            next(events)
            next(events)
            eventually(lambda: idle_id not in boto.sessions())
            eventually(lambda: not idle_directory.exists())

            assert busy_id in boto.sessions()
            assert boto.run("echo still here > gate", busy_id).exit_code == 0
            assert next(events)["chunk"]["contentDelta"]["stdout"] == "still here\n"


def test_one_session_too_many_is_over_the_quota() -> None:
    with LocalAgentCore() as local, Boto.of(local) as boto:
        ids = [new_session_id() for _ in range(MAX_SESSIONS)]
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda session_id: boto.run("true", session_id), ids))
        with pytest.raises(boto.client.exceptions.ServiceQuotaExceededException) as caught:
            boto.run("true", new_session_id())
        with pytest.raises(boto.client.exceptions.ServiceQuotaExceededException):
            boto.ask({"prompt": "hello"}, new_session_id())
        model = boto.client.meta.service_model.shape_for("ServiceQuotaExceededException")
        boto.stop(ids[0])

        assert boto.run("true", new_session_id()).exit_code == 0
        answer = caught.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == model.metadata["error"]["httpStatusCode"] == 402
        assert f"{MAX_SESSIONS} sessions are active" in answer["Error"]["Message"]
        assert "not a quota of an account" in answer["Error"]["Message"]


def test_an_id_that_looks_like_a_path_stays_in_its_own_directory(boto: Boto) -> None:
    session_id = "../../" + "x" * 40
    boto.run("true", session_id)

    assert Path(boto.sessions()[session_id]["cwd"]).name.startswith("session-")
    boto.stop(session_id)


def test_a_directory_that_was_made_unreadable_is_deleted_all_the_same(tmp_path: Path) -> None:
    locked = tmp_path / "session" / "locked"
    (locked / "deep").mkdir(parents=True)
    (locked / "deep" / "file").touch()
    (locked / "deep").chmod(0)
    locked.chmod(0)
    remove_tree(tmp_path / "session")

    assert not (tmp_path / "session").exists()


@pytest.mark.parametrize("fault", [None, "cut-after=100000"])
def test_what_nobody_expected_is_an_error_of_the_service_and_not_the_end(fault: str | None) -> None:
    """Here, that the directory of the session is there already."""
    with LocalAgentCore(stderr=subprocess.DEVNULL) as local, Boto.of(local) as boto:
        first, second = new_session_id(), new_session_id()
        boto.run("true", first)
        (Path(boto.sessions()[first]["cwd"]).parent / "session-2").mkdir()
        if fault:
            boto.client.meta.events.register(
                "before-sign", lambda request, **_: request.headers.add_header("X-Local-Fault", fault)
            )
        with pytest.raises(boto.client.exceptions.InternalServerException, match="FileExistsError") as caught:
            boto.run("true", second)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500

        assert boto.run("echo still here", second).stdout == "still here\n"
