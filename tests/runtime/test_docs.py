"""The snippets of docs/client.md are run in their order against a local AgentCore, and print what the page says."""

from __future__ import annotations

import ast
import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from agentcore_mcp import LocalAgentCore
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
BLOCKS = re.findall(
    r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


async def _printed_by(code: str, names: dict[str, Any]) -> str:
    compiled = compile(code, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(compiled, CodeType)
    with redirect_stdout(io.StringIO()) as printed:
        outcome = FunctionType(compiled, names)()
        if outcome is not None:
            await outcome
    return printed.getvalue()


async def test_every_snippet_prints_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    files = {code.split("\n")[0].removeprefix("# "): code for code, _ in BLOCKS if code.startswith("# ")}
    for name, code in files.items():
        (tmp_path / name).write_text(code, "utf-8")
    assert set(files) == {"chat.py"}

    agents = {
        "sample": {"app": "agentcore_mcp.hosting.sample:app"},
        "chat": {"app": "chat:app"},
        "helper": {"protocol": "harness"},
        "a2a": {"protocol": "a2a"},
        "agui": {"protocol": "agui"},
        "mcp": {"protocol": "mcp"},
    }
    with LocalAgentCore(agents=agents) as agentcore, LocalAgentCore(auth="jwt") as guarded:
        names = {
            "agentcore": agentcore,
            "guarded": guarded,
            "arn": agentcore.agents["sample"],
            "harness_arn": agentcore.agents["helper"],
            "a2a_arn": agentcore.agents["a2a"],
            "agui_arn": agentcore.agents["agui"],
            "mcp_arn": agentcore.agents["mcp"],
        }
        for code, expected in BLOCKS:
            if code not in files.values():
                assert await _printed_by(code, names) == expected, code

    assert len(BLOCKS) > 10
