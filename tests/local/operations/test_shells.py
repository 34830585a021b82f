"""Interactive shells on the local AgentCore, as the published SDK sees them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from agentcore_mcp.wire.limits import SHELLS_MAX
from tests.support.agentcore import Boto, eventually
from tests.support.processes import alive
from tests.support.shells import (
    OAuthAuth,
    PresignedAuth,
    PublishedClient,
    ReconnectConfig,
    ShellSession,
    read_to_end,
    read_until,
)
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable


def _pid_in(output: str) -> int:
    return int(output.rpartition("pid=")[2].split()[0])


@pytest.fixture
def open_shell(boto: Boto, session_id: str) -> Callable[..., ShellSession]:
    """Give the SDK's ``open_shell``, for the test's session."""
    client = PublishedClient(boto)

    def open_shell(**arguments: Any) -> ShellSession:
        return client.open_shell(boto.arn, session_id=session_id, **arguments)

    return open_shell


@pytest.mark.parametrize("auth", ["sigv4", PresignedAuth(), OAuthAuth("not-a-real-token")], ids=str)
async def test_what_is_typed_is_run_and_its_output_comes_back(
    open_shell: Callable[..., ShellSession], auth: Any
) -> None:
    async with open_shell(auth=auth) as shell:
        await shell.send("echo two is $((1 + 1))\n")

        assert "two is 2" in await read_until(shell, "two is 2")


async def test_the_ids_of_shell_and_session_are_in_the_upgrade(
    open_shell: Callable[..., ShellSession], session_id: str
) -> None:
    async with open_shell(shell_id="mine") as shell:
        websocket: Any = shell._ws
        headers = websocket.response.headers

    assert headers["X-Amzn-Bedrock-AgentCore-Shell-Id"] == "mine"
    assert headers["X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"] == session_id
    assert (shell.shell_id, shell.session_id) == ("mine", session_id)


async def test_a_shell_is_in_the_directory_of_its_session_with_the_environment_of_its_commands(
    open_shell: Callable[..., ShellSession], boto: Boto, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto.run("echo content > file", session_id)
    async with open_shell() as shell:
        await shell.send("cat file; echo home=$HOME secret=$AWS_SECRET_ACCESS_KEY. term=$TERM; echo d''one\n")
        seen = await read_until(shell, "done")

    assert "content" in seen
    assert f"home={boto.sessions()[session_id]['cwd']} secret=. term=xterm" in seen.replace("\r\n", "")


async def test_it_is_a_terminal_with_job_control_and_the_size_that_the_client_gives_it(
    open_shell: Callable[..., ShellSession],
) -> None:
    async with open_shell() as shell:
        await shell.resize(100, 40)
        await shell.send("tty; stty size; echo $- d''one\n")
        seen = await read_until(shell, " done")

    assert "/dev/" in seen
    assert "40 100" in seen
    assert "no job control" not in seen
    assert "i" in seen.rpartition(" done")[0].rsplit("\n", 1)[1]


async def test_a_program_hears_of_a_new_size(open_shell: Callable[..., ShellSession]) -> None:
    async with open_shell() as shell:
        await shell.send("trap 'echo now $(stty size)' WINCH; echo re''ady\n")
        await read_until(shell, "ready")
        await shell.resize(132, 50)
        await shell.send("\n")

        assert "now 50 132" in await read_until(shell, "now 50 132")


async def test_control_c_interrupts_what_runs_and_not_the_shell(open_shell: Callable[..., ShellSession]) -> None:
    async with open_shell() as shell:
        # Said by the program itself, so that it is the one which the terminal belongs to by then.
        await shell.send("PS1=wai''ting; sh -c 'echo re\"\"ady; exec sleep 100'\n")
        await read_until(shell, "ready")
        await shell.send("\x03")
        await read_until(shell, "waiting")
        await shell.send("echo code $?\n")

        assert "code 130" in await read_until(shell, "code 130")


@pytest.mark.parametrize(
    ("typed", "code", "causes"),
    [
        ("exit\n", 0, None),
        ("exit 7\n", 7, [{"reason": "ExitCode", "message": "7"}]),
        ("kill -9 $$\n", 137, [{"reason": "ExitCode", "message": "137"}, {"reason": "Signal", "message": "9"}]),
        ("exit 137\n", 137, [{"reason": "ExitCode", "message": "137"}]),
    ],
)
async def test_the_client_learns_the_exit_code(
    open_shell: Callable[..., ShellSession], typed: str, code: int, causes: list[dict[str, str]] | None
) -> None:
    async with open_shell() as shell:
        await shell.send(typed)
        async with asyncio.timeout(WAIT_S):
            frames = [frame async for frame in shell]
    status = frames[-1].json()

    assert shell.exit_code == code
    assert status["status"] == ("Failure" if code else "Success")
    assert status.get("details", {}).get("causes") == causes


async def test_a_client_that_comes_back_finds_its_shell_and_sees_again_what_was_written(
    open_shell: Callable[..., ShellSession],
) -> None:
    async with open_shell(shell_id="mine") as shell:
        await shell.send("word=kept; echo wri''tten\n")
        await read_until(shell, "written")
    async with open_shell(shell_id="mine") as shell:
        await shell.send("echo $word\n")

        assert "written" in await read_until(shell, "kept")


async def test_another_shell_id_is_another_shell(open_shell: Callable[..., ShellSession]) -> None:
    async with open_shell(shell_id="one") as one, open_shell(shell_id="two") as two:
        for shell in (one, two):
            await shell.send("echo p''id=$$ d''one\n")
        pids = [_pid_in(await read_until(shell, " done")) for shell in (one, two)]

    assert pids[0] != pids[1]


async def test_a_shell_goes_on_while_nobody_is_connected_and_keeps_its_last_256_kilobytes(
    open_shell: Callable[..., ShellSession], boto: Boto, session_id: str
) -> None:
    async with open_shell(shell_id="mine") as shell:
        await shell.send(
            "mkfifo gate; echo re''ady; cat gate; head -c 1000000 /dev/zero | tr '\\0' x; echo; touch done\n"
        )
        await read_until(shell, "ready")
    boto.run("echo > gate; until [ -e done ]; do sleep 0.01; done", session_id)
    async with open_shell(shell_id="mine") as shell:
        await shell.send("echo e''nd\n")
        seen = await read_until(shell, "end")

    assert "ready" not in seen
    assert 200_000 < seen.count("x") <= 256 * 1024


async def test_the_sdk_reconnects_by_itself_after_a_connection_breaks(open_shell: Callable[..., ShellSession]) -> None:
    reconnected = asyncio.Event()
    config = ReconnectConfig(base_delay=0.01, on_reconnect=reconnected.set)
    async with open_shell(shell_id="mine", reconnect_config=config) as shell:
        await shell.send("word=kept; echo re''ady\n")
        await read_until(shell, "ready")
        websocket: Any = shell._ws
        websocket.transport.abort()
        again = asyncio.create_task(read_until(shell, "kept"))
        async with asyncio.timeout(WAIT_S):
            await reconnected.wait()
        await shell.send("echo $word\n")

        assert "kept" in await again


async def test_a_second_client_replaces_the_first(open_shell: Callable[..., ShellSession]) -> None:
    async with open_shell(shell_id="mine") as first:
        await first.send("word=kept; echo re''ady\n")
        await read_until(first, "ready")
        async with open_shell(shell_id="mine") as second:
            await read_to_end(first)
            await second.send("echo $word\n")

            assert "kept" in await read_until(second, "kept")
    assert first.kicked
    assert not second.kicked


async def test_how_a_shell_ended_while_nobody_was_connected_is_told_to_who_comes_next(
    open_shell: Callable[..., ShellSession], boto: Boto, session_id: str
) -> None:
    async with open_shell(shell_id="mine") as shell:
        await shell.send("mkfifo gate; echo $$ > pid; echo re''ady; cat gate; exit 7\n")
        await read_until(shell, "ready")
    pid = int(boto.run("cat pid; echo last words > gate", session_id).stdout)
    eventually(lambda: not alive(pid))
    async with open_shell(shell_id="mine") as shell:
        assert "last words" in await read_to_end(shell)
    assert shell.exit_code == 7

    async with open_shell(shell_id="mine") as shell:
        await shell.send("echo n''ew\n")
        assert "last words" not in await read_until(shell, "new")


async def test_stopping_the_session_ends_its_shells(
    open_shell: Callable[..., ShellSession], boto: Boto, session_id: str
) -> None:
    async with open_shell(shell_id="left") as left:
        await left.send("echo p''id=$$ d''one\n")
        pids = [_pid_in(await read_until(left, " done"))]
    async with open_shell() as shell:
        await shell.send("echo p''id=$$ d''one\n")
        pids.append(_pid_in(await read_until(shell, " done")))
        await asyncio.to_thread(boto.stop, session_id)
        await read_to_end(shell)

    assert shell.exit_code is None
    eventually(lambda: not any(alive(pid) for pid in pids))


async def test_one_shell_too_many_is_424_also_when_the_others_are_left(open_shell: Callable[..., ShellSession]) -> None:
    for number in range(SHELLS_MAX):
        async with open_shell(shell_id=f"shell-{number}"):
            pass
    with pytest.raises(InvalidStatus) as caught:
        await open_shell(shell_id="one-more").__aenter__()

    assert caught.value.response.status_code == 424
    assert caught.value.response.headers["x-amzn-errortype"] == "RuntimeClientError"
    async with open_shell(shell_id="shell-0") as shell:
        await shell.send("exit\n")
        await read_to_end(shell)
    async with open_shell(shell_id="one-more") as shell:
        await shell.send("exit 3\n")
        await read_to_end(shell)
    assert shell.exit_code == 3


async def test_much_output_comes_whole(open_shell: Callable[..., ShellSession]) -> None:
    async with open_shell() as shell:
        await shell.send("stty -echo; head -c 5000000 /dev/zero | tr '\\0' Q; exit\n")
        seen = await read_to_end(shell)

    assert seen.count("Q") - seen.count("0' Q") == 5_000_000


async def test_a_long_paste_arrives_whole(open_shell: Callable[..., ShellSession], boto: Boto, session_id: str) -> None:
    line = "y" * 1000 + "\n"
    async with open_shell() as shell:
        await shell.send("stty -echo; echo re''ady; cat > pasted\n")
        await read_until(shell, "ready")
        for _ in range(20):
            await shell.send(line * 60)
        await shell.send("\x04echo d''one\n")
        await read_until(shell, "done")

    assert boto.run("wc -c < pasted", session_id).stdout.strip() == str(20 * 60 * len(line))


async def test_a_shell_is_in_the_journal_and_keeps_its_session_from_being_idle(
    open_shell: Callable[..., ShellSession], boto: Boto, session_id: str
) -> None:
    async with open_shell() as shell:
        await shell.send("echo re''ady\n")
        await read_until(shell, "ready")
        [entry] = boto.requests(session_id)

        assert (entry["operation"], entry["status"]) == ("InvokeAgentRuntimeCommandShell", 101)
        assert entry["state"] == "open"
        assert boto.sessions()[session_id]["idle_s"] == 0
        assert boto.sessions()[session_id]["has_agent_process"] is False
    eventually(lambda: boto.requests(session_id)[0]["state"] == "complete")
