"""The A2A and the AG-UI agent of docs/hosting.md are hosted and answer as the page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agentcore_mcp.local.agentcore import LocalAgentCore
from tests.support.waiting import WAIT_S

PAGE = Path(__file__).parents[2] / "docs/hosting.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_published_servers_are_hosted_by_their_protocols(tmp_path: Path) -> None:
    for _, text in BLOCKS:
        if named := re.match(r"# (\w+\.(?:py|toml))\n", text):
            (tmp_path / named[1]).write_text(text, "utf-8")
    (lines,) = [text for kind, text in BLOCKS if kind == "sh"]
    with LocalAgentCore(agents=tmp_path / "agents.toml") as local:
        arns = {"A2A_ARN": local.agents["greeter_a2a"], "AGUI_ARN": local.agents["greeter_agui"]}
        environ = {**os.environ, **arns, "ENDPOINT_URL": local.endpoint_url}
        ran = subprocess.run(
            ["/bin/bash", "-c", lines], env=environ, capture_output=True, text=True, timeout=WAIT_S, check=True
        )

    *events, card = [json.loads(line.removeprefix("data: ")) for line in ran.stdout.splitlines() if line]
    tasks = [event["result"] for event in events if "result" in event]
    runs = [event for event in events if "type" in event]
    assert [task["artifact"]["parts"][0]["text"] for task in tasks if "artifact" in task] == ["Hello, Ann!"]
    assert tasks[-1]["status"]["state"] == "completed"
    assert [run["type"] for run in runs] == ["RUN_STARTED", "TEXT_MESSAGE_CHUNK", "RUN_FINISHED"]
    assert runs[1]["delta"] == "Hello, Ann!"
    assert card["supportedInterfaces"][0]["url"].startswith(local.endpoint_url)
