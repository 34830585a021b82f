"""``run_command`` in a shell that stays, against the real shell of a local AgentCore."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client
from mcp.types import ElicitResult

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.server.assembly import create_server
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.agentcore import new_session_id
from tests.support.tools import data_of, settings, text_of
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from mcp.types import CallToolResult

    from agentcore_mcp.server.assembly import AgentCoreServer


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(app="tests.support.agents.probe:app", idle_timeout_s=60) as local:
        yield local


class Caller:
    """A client that goes on in one session, in its shell ``main``."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.session_id = new_session_id()

    async def call(self, **arguments: Any) -> CallToolResult:
        named = {} if "handle" in arguments else {"session_id": self.session_id, "shell": "main"}
        with anyio.fail_after(WAIT_S):
            return await self.client.call_tool("run_command", {**named, **arguments})

    async def run(self, command: str, **arguments: Any) -> dict[str, Any]:
        return data_of(await self.call(command=command, **arguments))


def server_of(local: LocalAgentCore, agent: dict[str, Any] | None = None, **others: Any) -> AgentCoreServer:
    arn = {"arn": RuntimeArn.parse(local.agent_runtime_arn)}
    return create_server(settings(local.endpoint_url, agent={**arn, **(agent or {})}, **others))


@pytest.fixture
async def caller(local: LocalAgentCore) -> AsyncIterator[Caller]:
    opened = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    # A task of its own: pytest enters and leaves a fixture in two.
    async def live() -> None:
        async with Client(server_of(local, handoff_after_s=30), mode="legacy") as client:
            opened.set_result(client)
            await done.wait()

    task = asyncio.create_task(live())
    yield Caller(await opened)
    done.set()
    await task


async def test_folder_variables_functions_and_jobs_stay_from_call_to_call(caller: Caller) -> None:
    await caller.run("cd /tmp; NAME=value; f() { echo called with $1; }; alias say='echo said'; sleep 100 &")

    result = await caller.run("pwd; echo $NAME; f 1; say so; jobs; kill %1")

    assert result["stdout"].startswith("/tmp\nvalue\ncalled with 1\nsaid so\n[1]")
    assert (result["exit_code"], result["status"], result["stderr"]) == (0, "COMPLETED", "")


@pytest.mark.parametrize(
    ("command", "stdout", "exit_code"),
    [
        ("printf 'no line end'", "no line end", 0),
        ("(exit 7)", "", 7),
        ("cat <<'END'\n$HOME \"it's\" `x` \\ % ! é\nEND", '$HOME "it\'s" `x` \\ % ! é\n', 0),
        ("for i in 1 2; do\n  echo $i\ndone", "1\n2\n", 0),
        ("echo to stderr >&2", "to stderr\n", 0),
        (r"printf '\033]133;D;0;aid=00000000000000000000000000000000\007after'; false", "after", 1),
        ("mkdir gone && cd gone && rmdir ../gone; cd /", "", 0),
        ("PS1='other> '; PROMPT_COMMAND='echo noise'; stty echo raw", "", 0),
        ("exec 3>&1 >/dev/null; echo hidden; exec >&3", "", 0),
        ("echo x | cat; (cd /; pwd)", "x\n/\n", 0),
        ("cat", "", 0),
    ],
)
async def test_output_and_exit_code_are_those_of_the_command_and_the_shell_goes_on(
    caller: Caller, command: str, stdout: str, exit_code: int
) -> None:
    result = await caller.run(f"{command} </dev/null" if command == "cat" else command)

    assert (result["stdout"], result["exit_code"]) == (stdout, exit_code)
    assert (await caller.run("echo next"))["stdout"] == "next\n"


@pytest.mark.parametrize("command", ["echo 'no end", "for i in", "( echo", 'echo "$(', "cat <<E\ntext", "}"])
async def test_what_a_command_lacks_does_not_take_in_what_comes_after_it(caller: Caller, command: str) -> None:
    await caller.run(command)

    assert (await caller.run("echo next"))["stdout"] == "next\n"


async def test_binary_and_large_output_comes_whole_or_is_counted(caller: Caller) -> None:
    binary = await caller.run(r"printf '\377\376a\0b\n'")
    large = await caller.run("head -c 3000000 /dev/zero | tr '\\0' x; echo end", timeout_seconds=30)

    assert binary["stdout"] == "\ufffd\ufffdab\n"
    assert large["stdout"].endswith("xend\n")
    assert large["omitted_chars"] > 2_900_000


async def test_what_a_job_printed_since_comes_with_the_next_command(caller: Caller) -> None:
    await caller.run("(sleep 0.2; echo later; touch done) &")
    await caller.client.call_tool(
        "run_command", {"command": "until [ -e done ]; do sleep 0.1; done", "session_id": caller.session_id}
    )

    result = await caller.run("echo now")

    assert re.fullmatch(r"\[printed since the last command\]\nlater\n(\[1\].*\n)?\[now\]\nnow\n", result["stdout"]), (
        result
    )


async def test_a_command_that_waits_for_input_says_so_and_gets_it(caller: Caller) -> None:
    first = await caller.call(command="read -p 'Name: ' name; read -s -p 'Password: ' word; echo; echo \"$name/$word\"")
    second = await caller.call(input="Ada")
    last = await caller.call(handle=data_of(second)["handle"], input="not-a-real-secret")

    assert data_of(first)["status"] == data_of(second)["status"] == "INPUT_REQUIRED"
    assert (data_of(first)["stdout"], data_of(second)["stdout"]) == ("Name: ", "Password: ")
    assert "it waits for input: 'Name: '" in data_of(first)["note"]
    assert "still running, and waits for input" in text_of(first)
    assert (data_of(last)["stdout"], data_of(last)["exit_code"]) == ("\nAda/not-a-real-secret\n", 0)


async def test_a_shell_runs_one_command_at_a_time(caller: Caller) -> None:
    waiting = data_of(await caller.call(command="read -p 'go on? ' x"))
    refused = await caller.call(command="echo no")
    other = data_of(await caller.call(command="echo yes", shell="other"))
    ended = data_of(await caller.call(input="^C"))

    assert refused.is_error
    assert f"still runs the call '{waiting['handle']}'" in text_of(refused)
    assert other["stdout"] == "yes\n"
    assert (ended["exit_code"], ended["status"]) == (130, "COMPLETED")
    assert (await caller.run("echo next"))["stdout"] == "next\n"


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [("X=kept; sleep 60", 130), ("X=kept; trap '' INT QUIT TERM; sleep 60", 137), ("X=kept; stty raw; cat", 137)],
)
async def test_a_command_whose_time_is_up_is_ended_and_its_shell_kept(
    caller: Caller, command: str, exit_code: int
) -> None:
    result = await caller.run(command, timeout_seconds=1)

    assert (result["status"], result["exit_code"]) == ("TIMED_OUT", exit_code)
    assert (await caller.run("echo $X"))["stdout"] == "kept\n"


async def test_a_shell_that_can_not_be_interrupted_is_ended(caller: Caller) -> None:
    result = await caller.run("trap '' INT; while :; do :; done", timeout_seconds=1)

    assert result["status"] == "TIMED_OUT"
    assert "[the shell main has exited: the next command begins a new one]" in result["stdout"]
    assert (await caller.run("echo next"))["stdout"] == "next\n"


@pytest.mark.parametrize(("command", "exit_code"), [("exit 7", 7), ("exec true", 0), ("set -e; false; echo no", 1)])
async def test_a_command_that_ends_its_shell_has_the_exit_code_of_that(
    caller: Caller, command: str, exit_code: int
) -> None:
    result = await caller.run(command)

    assert result["exit_code"] == exit_code
    assert "no\n" not in result["stdout"]
    assert "[the shell main has exited" in result["stdout"]
    assert (await caller.run("echo next"))["stdout"] == "next\n"


@pytest.mark.parametrize(
    "command",
    [
        "X=kept; echo begun; sleep 60",
        "X=kept; sh -c \"trap 'trap - INT' INT; echo begun; while :; do sleep 0.1; done\"",
        "X=kept; trap '' INT QUIT TERM; echo begun; sleep 60",
        "X=kept; stty raw; echo begun; cat",
        "X=kept; python3 -i -c 'print(\"begun\")'",
    ],
    ids=["ends", "ignores the first ^C", "ignores all", "reads ^C", "asks again"],
)
async def test_a_cancelled_command_leaves_its_shell_free(caller: Caller, command: str) -> None:
    async with anyio.create_task_group() as tasks:
        seen = anyio.Event()

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            if "begun" in (message or ""):
                seen.set()

        async def run() -> None:
            arguments = {"command": command, "session_id": caller.session_id, "shell": "main"}
            await caller.client.call_tool("run_command", arguments, progress_callback=on_progress)

        tasks.start_soon(run)
        with anyio.fail_after(WAIT_S):
            await seen.wait()
        tasks.cancel_scope.cancel()

    with anyio.fail_after(WAIT_S):
        while (result := await caller.call(command="echo next $X")).is_error:
            assert "still runs the call" in text_of(result)
            await anyio.sleep(0.05)
    assert data_of(result)["stdout"].endswith("next kept\n")


async def test_what_an_earlier_server_began_can_be_answered_and_not_overtaken(
    local: LocalAgentCore, caller: Caller
) -> None:
    async with Client(server_of(local), mode="legacy") as before:
        arguments = {"command": "read -p 'sure? ' x; echo $x", "session_id": caller.session_id, "shell": "main"}
        assert data_of(await before.call_tool("run_command", arguments))["status"] == "INPUT_REQUIRED"

    overtaken = await caller.call(command="echo no")
    answered = data_of(await caller.call(input="yes"))

    assert "an earlier command still runs in the shell" in text_of(overtaken)
    assert (answered["stdout"], answered["exit_code"]) == ("sure? yes\n", 0)


async def test_another_client_of_the_shell_ends_the_call_and_is_told(local: LocalAgentCore, caller: Caller) -> None:
    other = server_of(local)
    async with anyio.create_task_group() as tasks, Client(other, mode="legacy") as client:
        ended: list[CallToolResult] = []
        seen = anyio.Event()

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            if "begun" in (message or ""):
                seen.set()

        async def run() -> None:
            # Not of bash's own: a ^C that comes while it begins a command may be lost.
            arguments = {"command": "sh -c 'echo begun; sleep 5'", "session_id": caller.session_id, "shell": "main"}
            ended.append(await client.call_tool("run_command", arguments, progress_callback=on_progress))

        with anyio.fail_after(WAIT_S):
            tasks.start_soon(run)
            await seen.wait()
            interrupted = await caller.call(input="^C")

    assert data_of(interrupted)["exit_code"] == 130
    assert "another client has connected to this shell" in text_of(ended[0])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"input": "yes", "shell": ""}, "input is for a command in a shell"),
        ({"input": "yes", "command": "ls"}, "command and input can't be combined"),
        ({"input": "yes"}, "no command runs in this shell"),
        ({"command": "ls", "shell": "not a name"}, "not a shell id: 'not a name'"),
        ({"command": ""}, "command"),
    ],
)
async def test_what_can_not_be_done_is_refused(caller: Caller, arguments: dict[str, Any], sentence: str) -> None:
    result = await caller.call(**arguments)

    assert result.is_error
    assert sentence in text_of(result)


@pytest.mark.parametrize(
    ("commands", "refused", "allowed"),
    [
        ({"deny": ["rm *"]}, "rm -rf /\nyes", "yes"),
        ({"allow": ["read *", "yes"]}, "whoami", "yes"),
    ],
)
async def test_what_is_typed_is_held_to_the_policy_as_a_command_is(
    local: LocalAgentCore, commands: dict[str, Any], refused: str, allowed: str
) -> None:
    server = server_of(local, agent={"commands": commands})
    async with Client(server, mode="legacy") as client:
        caller = Caller(client)
        waiting = await caller.call(command="read -p 'sure? ' x")
        denied = await caller.call(input=refused)
        answered = await caller.call(input=allowed)

    assert data_of(waiting)["status"] == "INPUT_REQUIRED"
    assert "this command is not allowed" in text_of(denied)
    assert data_of(answered)["exit_code"] == 0


@pytest.mark.parametrize("commands", [{"deny": ["curl *"]}, {"allow": ["read *", "ls *"]}])
@pytest.mark.parametrize("text", ["ls \x15curl evil", "x\x7fcurl evil", "ls \x17\x1bcurl x", "cur\x16l x", "ls \t"])
async def test_no_key_in_a_text_takes_back_what_was_compared_with_the_policy(
    local: LocalAgentCore, commands: dict[str, Any], text: str
) -> None:
    server = server_of(local, agent={"commands": commands})
    async with Client(server, mode="legacy") as client:
        caller = Caller(client)
        await caller.call(command="read -p 'sure? ' x")
        denied = await caller.call(input=text)
        ended = await caller.call(input="^C")

    assert denied.is_error
    assert "control characters" in text_of(denied)
    assert data_of(ended)["exit_code"] == 130


async def test_a_new_shell_begins_in_the_folder_of_the_policy(local: LocalAgentCore) -> None:
    server = server_of(local, agent={"commands": {"working_directory": "/usr"}})
    async with Client(server, mode="legacy") as client:
        caller = Caller(client)
        first = await caller.run("pwd; cd /; X=1")
        second = await caller.run("pwd; echo $X")

    assert (first["stdout"], second["stdout"]) == ("/usr\n", "/\n1\n")


async def test_the_user_is_asked_about_what_is_typed_and_not_about_keys_that_end_it(local: LocalAgentCore) -> None:
    questions: list[str] = []

    async def ask(context: Any, params: Any) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="accept", content={"run": "no" not in params.message.split("\n")[0]})

    server = server_of(local, agent={"commands": "ask"})
    async with Client(server, mode="legacy", elicitation_callback=ask) as client:
        caller = Caller(client)
        waiting = await caller.call(command="read -p 'sure? ' x; read -p 'again? ' y; read -p 'really? ' z")
        refused = await caller.call(input="no")
        agreed = await caller.call(input="^M")
        answered = await caller.call(input="yes")
        ended = await caller.call(input="^C")

    assert {data_of(each)["status"] for each in (waiting, agreed, answered)} == {"INPUT_REQUIRED"}
    assert "the user did not allow this command" in text_of(refused)
    assert data_of(ended)["exit_code"] == 130
    assert [question.split("\n")[0] for question in questions] == [
        "$ read -p 'sure? ' x; read -p 'again? ' y; read -p 'really? ' z",
        "$ no",
        "$ ^M",
        "$ yes",
    ]
    assert "Type this into what runs in the shell main, in session" in questions[1]


async def test_what_the_user_allows_late_is_not_typed_into_a_later_command(local: LocalAgentCore) -> None:
    questions: list[str] = []

    async def ask(context: Any, params: Any) -> ElicitResult:
        questions.append(params.message)
        if len(questions) == 2:
            # Meanwhile, another request brings the command to its end, and begins the next.
            await user.call(input="^C")
            await user.call(command="read -p 'other? ' z; echo z=$z")
        return ElicitResult(action="accept", content={"run": True})

    server = server_of(local, agent={"commands": "ask"}, handoff_after_s=30)
    async with Client(server, mode="legacy", elicitation_callback=ask) as client:
        user = Caller(client)
        waiting = data_of(await user.call(command="read -p 'sure? ' x"))
        late = await user.call(input="yes", handle=waiting["handle"])
        other = data_of(await user.call(input="no"))

    assert late.is_error
    assert f"the call '{waiting['handle']}' was collected to its end" in text_of(late)
    assert "z=no\n" in other["stdout"]


async def test_what_is_typed_for_a_command_that_has_ended_reaches_no_later_one(local: LocalAgentCore) -> None:
    async with Client(server_of(local, handoff_after_s=0.1), mode="legacy") as client:
        caller = Caller(client)
        first = data_of(await caller.call(command="sh -c 'sleep 0.5; echo ended'"))
        while (second := await caller.call(command="read -p 'sure? ' x; echo x=$x")).is_error:
            assert "still runs the call" in text_of(second)
            await anyio.sleep(0.05)
        late = data_of(await caller.call(handle=first["handle"], input="yes"))
        ended = data_of(await caller.call(input="no"))

    assert (late["stdout"], late["exit_code"]) == ("ended\n", 0)
    assert "x=no\n" in ended["stdout"]


async def test_the_output_of_a_shell_is_read_and_waited_for_without_a_handle(local: LocalAgentCore) -> None:
    async with Client(server_of(local, handoff_after_s=0.3), mode="legacy") as client:
        caller = Caller(client)
        first = data_of(await caller.call(command="echo one; sleep 2; echo two"))
        read = data_of(await client.call_tool("read_output", {"handle": first["handle"]}))
        shown = first["stdout"]
        while (result := data_of(await caller.call()))["status"] == "RUNNING":
            shown += result["stdout"]

    assert (first["status"], read["text"]) == ("RUNNING", "one\n")
    assert (shown + result["stdout"], result["exit_code"]) == ("one\ntwo\n", 0)
