"""``agentcore-mcp invoke``, ``run``, ``stop``, ``sessions`` and ``agents`` with the local AgentCore."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pyte
import pytest
from click.testing import CliRunner

from agentcore_mcp.cli import main
from agentcore_mcp.cli.terminal.opened import OpenedSessions
from agentcore_mcp.config.installation import state_folder
from agentcore_mcp.local import LocalAgentCore
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    with LocalAgentCore() as local:
        yield local


@pytest.fixture
def environ(local: LocalAgentCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    variables = {**local.environ(), "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def call(environ: dict[str, str]) -> Run:
    def call(*arguments: str, given: str = "", code: int = 0) -> Result:
        result = CliRunner().invoke(main, list(arguments), input=given)
        assert result.exit_code == code, result.output
        return result

    return call


def test_an_agent_is_asked_and_its_words_are_all_that_is_printed(call: Run) -> None:
    assert call("invoke", "slow 2").stdout == "piece 1 of 2\npiece 2 of 2\n"


def test_a_prompt_is_read_from_standard_input_or_a_file(call: Run, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("from a file\n", "utf-8")

    assert call("invoke", given="from a pipe\n").stdout.startswith('You said "from a pipe".')
    assert call("invoke", "--file", str(file)).stdout.startswith('You said "from a file".')


def test_a_session_goes_on_by_its_name_or_as_the_last_one(call: Run) -> None:
    call("invoke", "--session", "review", "one")
    call("invoke", "elsewhere")
    named = call("invoke", "--session", "review", "two").stdout
    last = call("invoke", "--continue", "three").stdout

    assert named == 'You said "two". Before that you said "one".\n'
    assert last == 'You said "three". Before that you said "two".\n'


def test_a_command_s_output_and_exit_code_are_those_of_the_process(call: Run) -> None:
    result = call("run", "--", "echo out; echo err >&2; exit 7", code=7)

    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_a_command_that_times_out_exits_as_the_usual_program_does(call: Run) -> None:
    result = call("run", "--timeout", "1", "--", "echo first; sleep 60", code=124)

    assert result.stdout == "first\n"
    assert result.stderr == "agentcore-mcp: ended after 1 s, by --timeout\n"


def test_a_shell_that_stays_keeps_its_folder_and_variables(call: Run) -> None:
    shell = ("run", "--session", "s", "--shell", "main", "--")
    call(*shell, "cd /usr; name=Ada")
    result = call(*shell, 'echo "$name in $PWD"; (exit 7)', code=7)
    elsewhere = call("run", "--session", "s", "--", 'echo "<$name>"')
    cut = call("run", "--session", "s", "--shell", "main", "--timeout", "1", "--", "sleep 60", code=124)
    refused = call("run", "--shell", "no name", "--", "true", code=1)

    assert (result.stdout, elsewhere.stdout) == ("Ada in /usr\n", "<>\n")
    assert "ended after 1 s" in cut.stderr
    assert "no name" in refused.stderr


def test_events_are_printed_as_json_lines(call: Run) -> None:
    words = [json.loads(line) for line in call("invoke", "--json", "hi").stdout.splitlines()]
    ran = [json.loads(line) for line in call("run", "--json", "--session", "j", "--", "echo é").stdout.splitlines()]

    assert "".join(words).startswith('You said "hi".')
    assert ran[0] == {"stdout": "é\n", "stderr": ""}
    assert ran[1] | {"session_id": ""} == {"exit_code": 0, "status": "COMPLETED", "session_id": ""}


def test_sessions_are_remembered_until_they_are_stopped(call: Run) -> None:
    call("invoke", "--session", "one", "hi")
    call("run", "--session", "two", "--", "true")
    before = [opened.called for opened in OpenedSessions().all()]
    stopped = call("stop", "one").stdout
    rest = call("stop", "--all").stdout
    none = call("stop", "--all").stdout

    assert before == ["one", "two"]
    assert stopped == "session one is stopped\n"
    assert rest == "session two is stopped\n"
    assert none == "no session is open that was opened here\n"


def test_the_sessions_of_this_machine_are_listed_and_stopped_without_naming_a_server(
    call: Run, environ: dict[str, str], tmp_path: Path
) -> None:
    assert call("sessions").stdout == "no session is open\n"
    call("invoke", "--session", "one", "hi")
    call("invoke", "--session", "two", "hi")
    with closing(sqlite3.connect(f"{environ['XDG_STATE_HOME']}/agentcore-mcp/sessions.sqlite")) as database, database:
        database.execute("UPDATE sessions SET used_at = ? WHERE called = 'one'", (time.time() - 901,))
    listed = json.loads(call("sessions", "--json").stdout)
    lines = call("sessions", "list").stdout.splitlines()
    two = json.loads(call("sessions", "list", "two", "--json").stdout)
    # A file without server.public_url names agents, and no server.
    config = tmp_path / "agents.toml"
    config.write_text(f'[agents.local_agent]\narn = "{environ["AGENTCORE_RUNTIME_ARN"]}"\n', "utf-8")
    elsewhere = call("sessions", "--config", str(config), "--agent", "other").stdout
    stopped = json.loads(call("sessions", "stop", "two", "--json").stdout)
    rest = call("sessions", "stop", "--all").stdout

    assert [(one["called"], one["probably_ended"]) for one in listed] == [("one", True), ("two", False)]
    assert (listed[0]["agent"], listed[0]["folder"]) == ("local_agent", os.getcwd())  # noqa: PTH109 - as it is remembered
    first, second = listed[0]["session_id"], listed[1]["session_id"]
    assert lines[0].startswith(f"{first}  local_agent  one  {listed[0]['folder']}  open ")
    assert [line.endswith("(probably ended)") for line in lines] == [True, False]
    assert two == listed[1:]
    assert elsewhere == "no session is open\n"
    assert stopped == [{"session_id": second, "status": "stopped"}]
    assert rest == "session one is stopped\n"
    assert OpenedSessions().all() == []


def test_all_sessions_of_one_agent_are_stopped_alone(call: Run) -> None:
    OpenedSessions().used("arn:aws:x", "s" * 40, agent="other", called="other")
    call("invoke", "--session", "mine", "hi")

    assert call("stop", "--all", "--agent", "local_agent").stdout == "session mine is stopped\n"
    assert [one.called for one in OpenedSessions().all()] == ["other"]


def test_a_stop_that_finds_no_session_says_where_the_names_are(call: Run) -> None:
    """The name may be a slip, and the session that was meant still be there."""
    call("invoke", "--session", "review", "hi")
    said = "was gone already; `agentcore-mcp sessions` lists those that were opened here"

    assert call("stop", "reviw").stdout == f"session reviw {said}\n"
    assert [one.called for one in OpenedSessions().all()] == ["review"]


def test_a_session_that_can_t_have_been_opened_is_not_remembered(call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTCORE_ENDPOINT_URL", "http://127.0.0.1:9")
    said = call("invoke", "hi", code=1).output

    assert "127.0.0.1:9" in said
    assert OpenedSessions().all() == []


def test_sessions_of_a_runtime_that_is_not_configured_are_told_of_and_kept(call: Run) -> None:
    OpenedSessions().used("arn:aws:x", "s" * 40, agent="other", called="other")
    said = call("stop", "--all", code=1).output

    assert "session other was not stopped: its runtime arn:aws:x is not configured here" in said
    assert len(OpenedSessions().all()) == 1


def test_the_agents_are_listed(call: Run, local: LocalAgentCore) -> None:
    listed = json.loads(call("agents", "--json").stdout)

    assert [agent["arn"] for agent in listed] == [local.agent_runtime_arn]
    in_columns = call("agents").stdout
    assert any("local_agent" in line and local.agent_runtime_arn in line for line in in_columns.splitlines())
    assert "…" not in in_columns


def test_words_that_an_encoding_lacks_are_replaced(environ: dict[str, str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "agentcore_mcp", "invoke", "Grüße → you"],
        env={**os.environ, **environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        timeout=WAIT_S,
        check=True,
    )

    assert result.stdout.decode("latin-1").startswith('You said "Grüße ? you".')


def test_a_home_that_can_t_be_written_to_is_a_warning_with_the_variable_to_set(
    call: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    asked, ran = call("invoke", "hi"), call("run", "--", "echo hi; exit 3", code=3)

    assert asked.stdout.startswith('You said "hi".')
    assert ran.stdout == "hi\n"
    assert asked.stderr.count("XDG_STATE_HOME may name another folder") == 1
    assert "XDG_STATE_HOME may name another folder" in call("sessions", code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["invoke", ""], "the prompt is empty"),
        (["invoke", "--continue", "hi"], "no session of local_agent is open that was opened here"),
        (["invoke", "--agent", "nobody", "hi"], "agent is 'nobody', and has to be one of local_agent"),
        (["invoke", "--session", "a/b", "hi"], "not a session: 'a/b'"),
        (["invoke", "--session", "a", "--continue", "hi"], "pass one of them"),
        (["stop"], "name a session, or pass --all"),
        (["stop", "a/b"], "not a session: 'a/b'"),
        (["sessions", "stop"], "say which sessions to stop"),
    ],
)
def test_what_can_t_be_done_is_told(call: Run, arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(main, arguments)

    assert sentence in result.output
    assert result.exit_code in (1, 2)


def test_an_agent_s_failure_is_told_with_its_session_and_what_to_do(call: Run) -> None:
    said = call("invoke", "--session", "broken", "fail", code=1).output

    assert "(session broken-" in said
    assert "Error: RuntimeError: you told me to fail" in said


def on_a_terminal(
    *arguments: str, environ: dict[str, str], interrupt_at: bytes = b"", typed: bytes = b""
) -> tuple[int, str]:
    """Run the command on a terminal, press Ctrl-C once something is shown, and type."""
    main_end, child_end = pty.openpty()  # type: ignore[attr-defined, unused-ignore]
    command = [sys.executable, "-m", "agentcore_mcp", *arguments]
    process = subprocess.Popen(
        command,
        stdin=child_end,
        stdout=child_end,
        stderr=child_end,
        env={**os.environ, "TERM": "xterm", **environ},
        start_new_session=True,
    )
    os.close(child_end)
    shown = b""
    try:
        while True:
            try:
                data = os.read(main_end, 65_536)
            except OSError:  # Linux's way to say that nobody is left at the other end
                break
            if not data:
                break
            shown += data
            if interrupt_at and interrupt_at in shown:
                interrupt_at = b""
                process.send_signal(signal.SIGINT)
            if typed and b"[y/N]" in shown:
                os.write(main_end, typed)
                typed = b""
        return process.wait(timeout=WAIT_S), shown.decode()
    finally:
        process.kill()
        os.close(main_end)


def test_ctrl_c_offers_to_stop_the_session(environ: dict[str, str]) -> None:
    code, shown = on_a_terminal(
        "invoke", "--session", "cut", "slow 60", environ=environ, interrupt_at=b"piece 1", typed=b"y\n"
    )

    assert "The work in session cut goes on. Stop it?" in shown
    assert "is stopped" in shown.partition("y\r\n")[2]
    assert code == 130
    assert OpenedSessions().all() == []


def test_a_command_in_a_shell_is_typed_into_and_ctrl_c_ends_it(environ: dict[str, str]) -> None:
    shell = ("run", "--session", "s", "--shell", "main", "--")
    answered = on_a_terminal(*shell, "read -p 'Name [y/N]? ' name; echo Hello, $name", environ=environ, typed=b"Ada\n")
    cut, shown = on_a_terminal(*shell, "echo begun; sleep 60", environ=environ, interrupt_at=b"begun\r\n")
    free = on_a_terminal(*shell, "echo $name again", environ=environ)

    assert answered[0] == free[0] == 0
    assert "Hello, Ada" in answered[1]
    assert cut == 130
    assert "goes on" not in shown
    assert "Ada again" in free[1]


def test_a_command_in_a_shell_ends_once_nobody_reads_it(call: Run, environ: dict[str, str]) -> None:
    shell = ("run", "--session", "read", "--shell", "main", "--")
    command = [sys.executable, "-m", "agentcore_mcp", *shell, "while echo ha; do sleep 0.1; done"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ha\n"
        process.stdout.close()
        assert process.wait(WAIT_S) == 1

    assert call(*shell, "echo free").stdout == "free\n"


def test_no_answer_leaves_the_session_and_says_how_to_stop_it(environ: dict[str, str]) -> None:
    code, shown = on_a_terminal(
        "invoke", "--session", "left", "slow 60", environ=environ, interrupt_at=b"piece 1", typed=b"\x04"
    )

    assert "Aborted" not in shown
    assert "what runs in the session goes on: agentcore-mcp stop left-" in shown
    assert code == 130
    assert [one.called for one in OpenedSessions().all()] == ["left"]


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_no_colours_gets_none(environ: dict[str, str], variable: str, value: str) -> None:
    asked = ("doctor", "--no-invoke", "--no-command")
    _, coloured = on_a_terminal(*asked, environ=environ)
    _, plain = on_a_terminal(*asked, environ={**environ, variable: value})

    assert "\x1b[" in coloured
    assert "\x1b[" not in plain


def test_a_terminal_shows_markdown_and_obeys_nothing_that_an_agent_says(environ: dict[str, str]) -> None:
    code, shown = on_a_terminal("invoke", "--session", "md", "\x1b]0;evil\x07**bold**", environ=environ)

    assert code == 0
    assert "bold" in shown
    assert "**" not in shown
    assert "\x1b]0;" not in shown
    assert "[session md: --continue goes on in it]" in shown


def test_a_paragraph_that_is_higher_than_the_terminal_is_printed_once(environ: dict[str, str]) -> None:
    """Lines that have scrolled away can't be rewritten: they would be there anew with each word."""
    prompt = " ".join(f"word{number}" for number in range(400))
    size = {"COLUMNS": "40", "LINES": "12"}
    code, shown = on_a_terminal("invoke", "--session", "long", prompt, environ={**environ, **size})
    screen = pyte.HistoryScreen(40, 12, history=1_000)
    pyte.Stream(screen).feed(shown)
    scrolled = ["".join(line[column].data for column in range(40)) for line in screen.history.top]
    seen = "\n".join([*scrolled, *screen.display])

    assert code == 0
    assert [seen.count(f"word{number} ") for number in (5, 250, 398)] == [1, 1, 1]


def test_old_sessions_are_listed_only_if_all_are_asked_for(call: Run) -> None:
    call("invoke", "--session", "old", "hi")
    call("invoke", "--session", "new", "hi")
    with closing(sqlite3.connect(state_folder(os.environ) / "sessions.sqlite")) as database, database:
        database.execute("UPDATE sessions SET used_at = ? WHERE called = 'old'", (time.time() - 28_900,))

    def listed(*arguments: str) -> list[str]:
        return [one["called"] for one in json.loads(call("sessions", *arguments, "--json").stdout)]

    assert listed() == ["new"]
    assert listed("--all") == ["old", "new"]
    assert listed("list", "old") == ["old"]
    call("stop", "--all")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("stop re", ["review"]),
        ("preview ", ["other", "review"]),
        ("invoke --session o", ["other"]),
        ("run --agent lo", ["local_agent"]),
        ("sessions stop --agent ", ["local_agent"]),
        ("sessions stop re", ["review"]),
    ],
)
def test_a_shell_completes_sessions_and_agents(
    call: Run, environ: dict[str, str], words: str, completed: list[str]
) -> None:
    arn = environ["AGENTCORE_RUNTIME_ARN"]
    for name in ("review", "other"):
        OpenedSessions().used(arn, name * 10, agent="local_agent", called=name)
    given = {"_AGENTCORE_MCP_COMPLETE": "bash_complete", "COMP_WORDS": f"agentcore-mcp {words}"}
    given["COMP_CWORD"] = str(len(given["COMP_WORDS"].split(" ")) - 1)
    result = CliRunner().invoke(main, [], env=given, prog_name="agentcore-mcp")

    assert [line.partition(",")[2] for line in result.stdout.splitlines()] == completed


def test_the_log_of_the_sample_agent_does_not_come_between_the_words(tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "agentcore_mcp", "invoke", "--local", "hi"]
    result = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=WAIT_S, check=True)

    assert (result.stdout[:14], result.stderr) == ('You said "hi".', "")
