"""A host of MCP Apps in Chromium, which ``tests/browser/host.mjs`` plays, and what a test has it do."""

from __future__ import annotations

import json
import os
import shutil
from asyncio.subprocess import PIPE, create_subprocess_exec
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.support.node import install, require_node
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

FOLDER = Path(__file__).parent.parent / "browser"
# Set by `.ci/run`, which installs Chromium: there a test that stays away is a failure.
REQUIRE = "AGENTCORE_MCP_REQUIRE_BROWSER"
# Where pictures of the page are kept, if anybody wants them.
PICTURES = "AGENTCORE_MCP_PICTURES"
_LINE_MAX_BYTES = 16 * 1024 * 1024


def require_browser() -> None:
    """Skip the tests on a machine without Chromium, or where nobody asks for them, or fail where it is promised."""
    if not os.environ.get(REQUIRE):
        pytest.skip(f"tests in a browser run where {REQUIRE} is set")
    require_node(20)
    if shutil.which("chromium") is None:
        pytest.fail(f"{REQUIRE} is set, and needs chromium")
    install(FOLDER)


class Browser:
    """What a test has the host do; the operations are those of ``host.mjs``."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def do(self, op: str, **options: Any) -> Any:
        """Have one thing done, and return what came of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"op": op, **options}).encode() + b"\n")
        return await self.answer()

    async def answer(self) -> Any:
        """Return what came of the operation before."""
        assert self._process.stdout is not None
        with anyio.fail_after(WAIT_S):
            answer = json.loads(await self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    async def text(self) -> str:
        """Return what the page shows."""
        return str(await self.do("evaluate", code="document.getElementById('main').innerText"))

    async def picture(self, name: str) -> None:
        """Keep a picture of the page."""
        if folder := os.environ.get(PICTURES):
            await self.do("screenshot", path=str(Path(folder) / f"{name}.png"))


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Run Chromium with the host."""
    env = {**os.environ, "CHROMIUM": shutil.which("chromium") or ""}
    process = await create_subprocess_exec(
        "node", "host.mjs", cwd=FOLDER, stdin=PIPE, stdout=PIPE, limit=_LINE_MAX_BYTES, env=env
    )
    try:
        running = Browser(process)
        assert await running.answer() == "ready"
        yield running
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with anyio.move_on_after(WAIT_S, shield=True):
            await process.wait()
        if process.returncode is None:
            process.kill()
