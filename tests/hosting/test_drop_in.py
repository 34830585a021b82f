"""A program written for the published SDK runs under ours after its imports are changed, and nothing else."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.serving import exchange, http_request
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The patterns of the published overview in one program.
PROGRAM = """
import asyncio

from bedrock_agentcore import BedrockAgentCoreApp
from bedrock_agentcore.runtime.context import BedrockAgentCoreContext, RequestContext
from bedrock_agentcore.runtime.models import PingStatus

app = BedrockAgentCoreApp()
tasks = []


@app.async_task
async def background_processing():
    await asyncio.sleep(30)
    return "completed"


@app.entrypoint
async def agent(payload, context: RequestContext):
    user_message = payload.get("prompt", "Hello")
    if user_message == "work":
        tasks.append(asyncio.create_task(background_processing()))
    yield {"chunk": user_message}
    yield f"session {context.session_id}, {BedrockAgentCoreContext.get_session_id()}"
    if user_message == "fail":
        raise ValueError("as told")


@app.ping
def health():
    return PingStatus.HEALTHY_BUSY if tasks else PingStatus.HEALTHY


if __name__ == "__main__":
    app.run(port=0, host="127.0.0.1", log_level="info")
"""

OUR_PROGRAM = (
    PROGRAM.replace("bedrock_agentcore.runtime.models", "agentcore_mcp.hosting.health")
    .replace("bedrock_agentcore.runtime", "agentcore_mcp.hosting")
    .replace("bedrock_agentcore", "agentcore_mcp")
)

SESSION = (("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", "session-1"),)
CONVERSATION = [
    http_request("GET", "/ping"),
    *[
        http_request("POST", "/invocations", body, SESSION)
        for body in (b'{"prompt": "hi"}', b"{}", b"[]", b"no json", b'{"prompt": "fail"}', b'{"prompt": "work"}')
    ],
    http_request("GET", "/ping"),
]


@contextmanager
def running(program: str, directory: Path) -> Iterator[int]:
    """Run a program that serves on a free port, and find the port in what uvicorn says."""
    script = directory / "agent.py"
    script.write_text(program, encoding="utf-8")
    process = subprocess.Popen([sys.executable, script], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = ""
        while (found := re.search(r"http://127\.0\.0\.1:(\d+)", said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield int(found[1])
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=WAIT_S)[1]
        assert "Finished server process" in said
    finally:
        process.kill()
        process.wait(WAIT_S)
        process.stderr.close()


def test_only_the_imports_change(tmp_path: Path) -> None:
    answers = []
    for program in (PROGRAM, OUR_PROGRAM):
        with running(program, tmp_path) as port:
            answers.append([re.sub(rb"\d{10}|date: [^\r]*", b"", exchange(port, request)) for request in CONVERSATION])
    published, ours = answers

    assert ours == published
    assert b'"HealthyBusy"' in ours[-1]
