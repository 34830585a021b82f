"""docs/troubleshooting.md has an entry for each hint of the code, and none for a message that the code doesn't have."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.server import hints

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
HEADINGS = re.findall(r"^### (.+)$", (ROOT / "docs/troubleshooting.md").read_text("utf-8"), re.MULTILINE)


def texts(path: Path) -> Iterator[str]:
    """Yield the texts of a module, docstrings aside, with ``…`` where an f-string or a template has a value."""
    within: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant() as docstring):
                within.add(id(docstring))
            case ast.JoinedStr(values=parts):
                within |= {id(part) for part in parts}
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
            case ast.Constant(value=str(text)) if id(node) not in within:
                yield re.sub(r"{\w+}", "…", text)
            case _:
                pass


def is_of(heading: str, text: str) -> bool:
    """Tell whether all parts of a heading are in a text, in their order."""
    parts = [part.strip() for part in heading.split("…") if part.strip(" .()")]
    return re.search(".*".join(map(re.escape, parts)), text, re.DOTALL) is not None


HINTS = [
    text
    for text in texts(Path(hints.__file__))
    if re.match(r"[… ]*[A-Z]", text) and re.search(r"[\w…][.:;]( |$)", text)
]
MESSAGES = [text for path in (ROOT / "agentcore_mcp").rglob("*.py") for text in texts(path)]


def test_there_are_as_many_hints_as_one_would_think() -> None:
    assert len(HINTS) > 28


@pytest.mark.parametrize("hint", HINTS, ids=lambda hint: hint[:50])
def test_each_hint_has_its_entry(hint: str) -> None:
    assert [heading for heading in HEADINGS if is_of(heading, hint)]


@pytest.mark.parametrize("heading", HEADINGS)
def test_each_entry_is_for_a_message_of_the_code(heading: str) -> None:
    assert any(is_of(heading, message) for message in MESSAGES)
