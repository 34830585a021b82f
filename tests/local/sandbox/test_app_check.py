"""An app that can't be hosted is told at the start, and nothing is left running."""

from __future__ import annotations

import gc
import json
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from agentcore_mcp.local.sandbox.agent import AgentProcess
from agentcore_mcp.local.sandbox.app_check import AppCheck
from agentcore_mcp.local.sandbox.jobs import Job
from agentcore_mcp.local.sandbox.targets import AgentApp, HostedAgent
from tests.support.agentcore import WAIT_S, Boto, eventually, new_session_id
from tests.support.processes import alive

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-P", "-m", "agentcore_mcp", "local"]
GOOD = "from starlette.applications import Starlette\napp = Starlette()\n"
# It says who it is, then waits for ever.
STUCK = (
    "import os, subprocess, threading\n"
    "child = subprocess.Popen(['sleep', '100'])\n"
    "with open({path!r}, 'w') as file: file.write(f'{{os.getpid()}} {{child.pid}} {{os.getcwd()}}')\n"
    "os.rename({path!r}, {path!r} + '.done')\n"
    "threading.Event().wait()\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "good": GOOD,
        "broken": "print('loading')\nraise ValueError('this agent is broken')\n",
        "needy": "import no_such_library\n",
        "malformed": "def (\n",
        "quits": "import sys\nprint('loading', end='')\nsys.exit('set MODEL_ID')\n",
        "stops": "import sys\nsys.exit()\n",
        "stops_with_code": "import sys\nsys.exit(3)\n",
        "explains": "import sys\nsys.exit('set MODEL_ID\\nand REGION')\n",
        "silent": f"{GOOD}import sys\nsys.stdout.close()\nsys.stderr = None\n",
        "things": (
            f"{GOOD}number = 5\ndef handler(payload): ...\nasync def async_handler(payload, context): ...\n"
            "def factory(): return app\nmake = dict\nclass Old:\n    def __init__(self, scope): ...\n"
        ),
        "secretive": "raise ValueError('no access with hunter2hunter2')\n",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "namespace").mkdir()
    return tmp_path


def _refused(folder: Path, *options: str, **environ: str) -> str:
    """Return what a local AgentCore that does not start has to say, less the usage."""
    ran = subprocess.run(
        [*COMMAND, *options],
        cwd=folder,
        env=environ or None,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    return ran.stderr.replace(str(folder.resolve()), "FOLDER").replace(sys.executable, "PYTHON")


@contextmanager
def _started(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, *options], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("app", "why"),
    [
        ("nothing:app", "there is no module 'nothing' in 'FOLDER' or among the packages of 'PYTHON'"),
        ("nothing.deeper:app", "there is no module 'nothing' in 'FOLDER' or among the packages of 'PYTHON'"),
        ("good.deeper:app", "there is no module 'good.deeper' in 'FOLDER' or among the packages of 'PYTHON'"),
        ("good:nothing", "the module 'good', which is 'FOLDER/good.py', has no attribute 'nothing'"),
        ("things:number", "'number' of the module 'things' is not an ASGI app: it is of type 'int'"),
        ("things:handler", "'handler' of the module 'things' is not an ASGI app: it is the function 'handler'"),
        (
            "things:async_handler",
            "'async_handler' of the module 'things' is not an ASGI app: it is the function 'async_handler'",
        ),
        ("things:Old", "'Old' of the module 'things' is not an ASGI app: it is of type 'type'"),
        ("quits:app", "importing it ends the process: set MODEL_ID"),
        ("stops:app", "importing it ends the process, with exit code 0"),
        ("stops_with_code:app", "importing it ends the process, with exit code 3"),
        ("explains:app", "importing it ends the process: set MODEL_ID and REGION"),
        ("silent:nothing", "the module 'silent', which is 'FOLDER/silent.py', has no attribute 'nothing'"),
        ("sys:app", "the module 'sys' has no attribute 'app'"),
        ("namespace:app", "the module 'namespace' has no attribute 'app'"),
    ],
)
def test_an_app_that_is_not_there_or_no_app_is_one_sentence(folder: Path, app: str, why: str) -> None:
    assert _refused(folder, "--app", app) == f"Error: --app {app!r} can't be hosted: {why}\n"


@pytest.mark.parametrize("code", [0, 1, 2, 9])
def test_an_app_that_ends_its_process_is_told_from_what_the_check_finds(folder: Path, code: int) -> None:
    (folder / "vanishes.py").write_text(f"import os\nprint('loading weights')\nos._exit({code})\n")

    assert _refused(folder, "--app", "vanishes:app") == (
        "loading weights\n"
        f"Error: --app 'vanishes:app' can't be hosted: importing it ends its process, with exit code {code}\n"
    )


@pytest.mark.parametrize(
    ("app", "line", "why"),
    [
        ("broken:app", 2, "ValueError: this agent is broken"),
        ("needy:app", 1, "ModuleNotFoundError: No module named 'no_such_library'; packages are those of 'PYTHON'"),
        ("malformed:app", 1, "SyntaxError: invalid syntax"),
    ],
)
def test_an_exception_at_the_import_is_shown_from_the_app_on_and_its_last_line_is_in_the_sentence(
    folder: Path, app: str, line: int, why: str
) -> None:
    *shown, sentence = _refused(folder, "--app", app).splitlines()
    frames = [text for text in shown if text.startswith("  File ")]

    assert sentence == f"Error: --app {app!r} can't be hosted: {why}"
    assert [frame.partition(", in ")[0] for frame in frames] == [
        f'  File "FOLDER/{app.partition(":")[0]}.py", line {line}'
    ]
    assert shown[-1] == why.partition("; packages")[0]


@pytest.mark.parametrize(
    "app", ["good:app", "silent:app", "things:factory", "things:make", "starlette.applications:Starlette"]
)
def test_what_uvicorn_can_serve_is_hosted(folder: Path, app: str) -> None:
    with _started(folder, "--app", app) as process:
        assert process.stdout is not None
        assert "endpoint_url" in json.loads(process.stdout.readline())
        process.terminate()
        assert process.wait(WAIT_S) == 0


def test_every_app_of_a_file_that_cannot_be_hosted_is_named_with_its_agent(folder: Path) -> None:
    (folder / "agents.toml").write_text(
        '[orders]\napp = "good:nothing"\n[fine]\napp = "good:app"\n[search]\napp = "quits:app"\n'
        '[elsewhere]\ntarget = "http://127.0.0.1:1"\n'
    )
    said = _refused(folder, "--agents", "agents.toml").removeprefix("Error: ").splitlines()

    missing = "the module 'good', which is 'FOLDER/good.py', has no attribute 'nothing'"
    assert said == [
        f"'agents.toml': agent 'orders': app 'good:nothing' can't be hosted: {missing}",
        "'agents.toml': agent 'search': app 'quits:app' can't be hosted: importing it ends the process: set MODEL_ID",
    ]


def test_the_sentence_has_no_secret_of_the_environment(folder: Path) -> None:
    sentence = _refused(folder, "--app", "secretive:app", PATH="/bin", DB_PASSWORD="hunter2hunter2").splitlines()[-1]

    assert sentence.endswith("ValueError: no access with ***")


def test_an_import_that_does_not_end_is_ended_and_so_is_what_it_started(folder: Path) -> None:
    (folder / "stuck.py").write_text(STUCK.format(path=str(folder / "pids")))
    said = _refused(folder, "--app", "stuck:app", "--start-timeout", "5")

    assert said == (
        "Error: --app 'stuck:app' can't be hosted: importing it takes longer than 5 s; if it calls run() itself, "
        "let it do so under if __name__ == '__main__'\n"
    )
    _assert_nothing_is_left(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_during_the_import_ends_everything(folder: Path, number: signal.Signals) -> None:
    (folder / "stuck.py").write_text(STUCK.format(path=str(folder / "pids")))
    with _started(folder, "--app", "stuck:app") as process:
        eventually((folder / "pids.done").exists)
        process.send_signal(number)
        output, _ = process.communicate(timeout=WAIT_S)

    assert output == ""
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    _assert_nothing_is_left(folder, but_the_directory=number == signal.SIGKILL)


def test_an_interpreter_that_cannot_be_started_is_one_sentence(folder: Path) -> None:
    code = "import sys; from agentcore_mcp.cli import main; sys.executable = '/no/python'; main()"
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code, "local", "--app", "good:app"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )

    why = "its process, of '/no/python', can't be started: No such file or directory"
    assert (ran.returncode, ran.stderr) == (1, f"Error: --app 'good:app' can't be hosted: {why}\n")


def _open_files() -> int:
    return len([*Path("/dev/fd").iterdir()])


async def test_a_start_that_is_cancelled_leaves_no_file_open(folder: Path, tmp_path: Path) -> None:
    app = AgentApp.parse("good:app", folder)
    before = _open_files()
    for _ in range(5):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await AgentProcess.try_import(app, cwd=tmp_path)
        assert scope.cancelled_caught

    assert _open_files() - before < 5


async def test_no_job_is_kept_whose_id_may_soon_be_another_processs(folder: Path, tmp_path: Path) -> None:
    check = AppCheck(tmp_path, timeout_s=WAIT_S, show=print)

    assert await check.problems([HostedAgent("good", AgentApp.parse("good:app", folder))]) == []
    gc.collect()
    assert not [kept for kept in gc.get_objects() if isinstance(kept, Job)]


def test_the_import_happens_in_an_empty_directory_as_that_of_a_session_does(folder: Path) -> None:
    (folder / "where.py").write_text(f"{GOOD}import os\nprint('here', os.listdir(), os.getcwd())\nraise ValueError\n")
    here = _refused(folder, "--app", "where:app").splitlines()[0]

    assert here.startswith("here [] /")
    assert "FOLDER" not in here


@contextmanager
def _hosted(folder: Path, app: str) -> Iterator[Boto]:
    with _started(folder, "--app", app) as process:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        with Boto.at(announced["endpoint_url"], announced["agent_runtime_arn"]) as boto:
            yield boto
        process.terminate()
        process.wait(WAIT_S)


def _failure(boto: Boto) -> str:
    with pytest.raises(boto.client.exceptions.RuntimeClientError) as caught:
        boto.ask({}, new_session_id())
    return str(caught.value.response["Error"]["Message"])


def test_an_app_that_breaks_later_is_424_with_its_exception(folder: Path) -> None:
    with _hosted(folder, "good:app") as boto:
        (folder / "good.py").write_text("raise ValueError('this agent is broken now')\n")
        assert _failure(boto) == (
            "Runtime exited with code 1. The end of its output: ValueError: this agent is broken now"
        )


def test_an_app_whose_lifespan_fails_is_424_with_its_exception(folder: Path) -> None:
    (folder / "lifespan.py").write_text(
        "from contextlib import asynccontextmanager\nfrom starlette.applications import Starlette\n"
        "@asynccontextmanager\nasync def lifespan(app):\n    raise OSError('no database')\n    yield\n"
        "app = Starlette(lifespan=lifespan)\n"
    )
    with _hosted(folder, "lifespan:app") as boto:
        assert "The end of its output: OSError: no database / " in _failure(boto)


def _assert_nothing_is_left(folder: Path, *, but_the_directory: bool = False) -> None:
    agent, child, cwd = (folder / "pids.done").read_text().split(" ", 2)
    eventually(lambda: not alive(int(agent)))
    eventually(lambda: not alive(int(child)))
    assert Path(cwd).exists() == but_the_directory
    shutil.rmtree(Path(cwd).parent, ignore_errors=True)
