"""An app that can't be hosted is told at the start, and nothing is left running."""

from __future__ import annotations

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
from agentcore_mcp.local.sandbox.targets import AgentApp, AgentCommand
from tests.support.agentcore import Boto, eventually, new_session_id
from tests.support.processes import alive, open_files
from tests.support.waiting import WAIT_S

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
        "quits": "import sys\nprint('loading')\nsys.exit('set MODEL_ID')\n",
        "stops": "import sys\nsys.exit()\n",
        "stops_with_code": "import sys\nsys.exit(3)\n",
        "explains": "import sys\nsys.exit('set MODEL_ID\\nand REGION')\n",
        "silent": f"{GOOD}import sys\nsys.stdout.close()\nsys.stderr = None\n",
        "things": (
            f"{GOOD}number = 5\ndef handler(payload): ...\nasync def later(payload, context): ...\n"
            "def factory(): return app\nmake = dict\nclass Old:\n    def __init__(self, scope): ...\n"
        ),
        "vanishes": "import os\nprint('loading weights')\nos._exit(9)\n",
        "lifespan": (
            "from contextlib import asynccontextmanager\nfrom starlette.applications import Starlette\n"
            "@asynccontextmanager\nasync def lifespan(app):\n    raise OSError('no database')\n    yield\n"
            "app = Starlette(lifespan=lifespan)\n"
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


def _sentence(app: str, why: str) -> str:
    return f"the app {app!r} in 'FOLDER', run by 'PYTHON', can't be hosted: {why}"


def _exited(code: int, words: str) -> str:
    return f"Runtime exited with code {code}." + (f" The end of its output: {words}" if words else "")


REFUSED = {
    "nothing:app": _exited(1, 'Could not import module "nothing".'),
    "nothing.deeper:app": _exited(1, "ModuleNotFoundError: No module named 'nothing'"),
    "good.deeper:app": _exited(1, 'Could not import module "good.deeper".'),
    "good:nothing": _exited(1, 'Attribute "nothing" not found in module "good".'),
    "things:number": _exited(1, "'things:number' is not an ASGI app: it is of type 'int'"),
    "things:handler": _exited(1, "'things:handler' is not an ASGI app: it is the function 'handler'"),
    "things:later": _exited(1, "'things:later' is not an ASGI app: it is the function 'later'"),
    "things:Old": _exited(1, "'things:Old' is not an ASGI app: it is of type 'type'"),
    "broken:app": _exited(1, "ValueError: this agent is broken"),
    "needy:app": _exited(1, "ModuleNotFoundError: No module named 'no_such_library'"),
    "malformed:app": _exited(1, "SyntaxError: invalid syntax"),
    "quits:app": _exited(1, "loading / set MODEL_ID"),
    "stops:app": _exited(0, ""),
    "stops_with_code:app": _exited(3, ""),
    "vanishes:app": _exited(9, "loading weights"),
    "explains:app": _exited(1, "set MODEL_ID / and REGION"),
    "lifespan:app": _exited(3, "OSError: no database / ERROR:    Application startup failed. Exiting."),
    "secretive:app": _exited(1, "ValueError: no access with ***"),
    "sys:app": _exited(1, 'Attribute "app" not found in module "sys".'),
    "namespace:app": _exited(1, 'Attribute "app" not found in module "namespace".'),
}
HOSTED = ["good:app", "silent:app", "things:factory", "things:make", "starlette.applications:Starlette"]


def _file_of(folder: Path, *apps: str) -> str:
    """Write a file of agents with these apps, and return its name."""
    tables = [f'[agent_{number}]\napp = "{app}"\n' for number, app in enumerate(apps)]
    (folder / "agents.toml").write_text("".join([*tables, '[elsewhere]\ntarget = "http://127.0.0.1:1"\n']))
    return "agents.toml"


def test_each_app_that_cannot_be_hosted_is_a_sentence_at_the_start(folder: Path) -> None:
    file = _file_of(folder, "good:app", *REFUSED)
    said = _refused(folder, "--agents", file, PATH="/bin", DB_PASSWORD="hunter2hunter2").splitlines()
    sentences = [line for line in said if not line.startswith("[trial] ")]

    assert sentences[0].startswith("Error: ")
    assert [sentence.removeprefix("Error: ") for sentence in sentences] == [
        _sentence(app, why) for app, why in REFUSED.items()
    ]
    # And what explains it further: all that they have printed.
    assert {"[trial] loading", '[trial]   File "FOLDER/broken.py", line 2, in <module>'} <= set(said)
    assert {f"[trial] {why}".rstrip() for why in REFUSED.values()} <= set(said)


def test_what_uvicorn_can_serve_is_hosted(folder: Path) -> None:
    with _started(folder, "--agents", _file_of(folder, *HOSTED)) as process:
        assert process.stdout is not None
        assert len(json.loads(process.stdout.readline())["agents"]) == len(HOSTED) + 1
        process.terminate()
        assert process.wait(WAIT_S) == 0


def test_an_import_that_does_not_end_is_ended_and_so_is_what_it_started(folder: Path) -> None:
    (folder / "stuck.py").write_text(STUCK.format(path=str(folder / "pids")))
    said = _refused(folder, "--app", "stuck:app", "--start-timeout", "3")

    why = "Runtime initialization time exceeded. Please make sure that initialization completes in 3s."
    assert said == f"Error: {_sentence('stuck:app', why)}\n"
    _assert_nothing_is_left(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])  # type: ignore[attr-defined, unused-ignore]
def test_a_signal_during_the_import_ends_everything(folder: Path, number: signal.Signals) -> None:
    (folder / "stuck.py").write_text(STUCK.format(path=str(folder / "pids")))
    with _started(folder, "--app", "stuck:app") as process:
        eventually((folder / "pids.done").exists)
        process.send_signal(number)
        output, _ = process.communicate(timeout=WAIT_S)

    assert output == ""
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0)  # type: ignore[attr-defined, unused-ignore]
    _assert_nothing_is_left(folder, but_the_directory=number == signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]


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

    assert ran.returncode == 1
    assert ran.stderr.endswith("can't be hosted: The agent process could not be started: No such file or directory\n")


@pytest.mark.parametrize("kind", ["app", "command"])
async def test_a_start_that_is_cancelled_leaves_no_file_open(folder: Path, tmp_path: Path, kind: str) -> None:
    target = AgentApp.parse("good:app", folder) if kind == "app" else AgentCommand("sleep 100", folder)
    before = open_files()
    for _ in range(5):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await AgentProcess.start(target, cwd=tmp_path, runtime_url="http://127.0.0.1")
        assert scope.cancelled_caught

    assert open_files() - before < 5


def test_the_import_happens_in_an_empty_directory_as_that_of_a_session_does(folder: Path) -> None:
    (folder / "where.py").write_text(f"{GOOD}import os\nprint('here', os.listdir(), os.getcwd())\nraise ValueError\n")
    here = _refused(folder, "--app", "where:app").splitlines()[0]

    assert here.startswith("[trial] here [] /")
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


def _assert_nothing_is_left(folder: Path, *, but_the_directory: bool = False) -> None:
    agent, child, cwd = (folder / "pids.done").read_text().split(" ", 2)
    eventually(lambda: not alive(int(agent)))
    eventually(lambda: not alive(int(child)))
    assert Path(cwd).exists() == but_the_directory
    shutil.rmtree(Path(cwd).parent, ignore_errors=True)
