"""Make the blocking half of the runtime client from the async one, so that nothing is written twice by hand.

    python scripts/unasync.py            writes agentcore_mcp/runtime/blocking/
    python scripts/unasync.py --check    fails if a module there is not what would be written

A module is taken through the table below, line by line. What a table can't turn around is written so that it needs no
turning: see ``Deadline`` in ``runtime/timeouts.py``.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from generated import ROOT, write_or_check

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME = ROOT / "agentcore_mcp" / "runtime"
BLOCKING = RUNTIME / "blocking"

# The async module → the blocking one. Whoever counts lines leaves the latter out: they are all that is in their folder.
MODULES = {
    RUNTIME / "bodies.py": BLOCKING / "bodies.py",
    RUNTIME / "client.py": BLOCKING / "client.py",
    RUNTIME / "harnesses.py": BLOCKING / "harnesses.py",
    RUNTIME / "sending.py": BLOCKING / "sending.py",
    RUNTIME / "sdk" / "methods.py": BLOCKING / "methods.py",
}

# In this order.
REPLACEMENTS = {
    # Syntax
    r"\basync (def|with|for)\b": r"\1",
    r"\bawait run_sync\(([\w.]+)\)": r"\1()",
    r"\bawait ": "",
    # The standard library, anyio and httpx2
    r"\bfrom anyio import sleep\b": "from time import sleep",
    r"\bfrom anyio\.to_thread import run_sync\n": "",
    r"\bfrom contextlib import aclosing, asynccontextmanager, suppress\b": (
        "from contextlib import closing, contextmanager, nullcontext, suppress"
    ),
    r"\bAsyncGenerator\[(.+?), None\]": r"Generator[\1, None, None]",
    r"\bAsync(Generator|Iterator|BaseTransport|Client)\b": r"\1",
    r"\bAbstractAsyncContextManager\b": "AbstractContextManager",
    r"\basynccontextmanager\b": "contextmanager",
    # To httpx2 what iterates a body without an event loop is no generator.
    r"\baclosing\((.*\.aiter_.*\(\))\)": r"nullcontext(\1)",
    r"\ba(closing|close|iter_raw|iter_bytes)\b": r"\1",
    r"\b__a(enter|exit|iter)__": r"__\1__",
    # Ours
    r"\b(\w+)_async\b": r"\1",
    r"\bAsyncMethods\b": "BlockingMethods",
    r"\b(Answer|Invocation|CommandRun|RuntimeClient)\b": r"Blocking\1",
    r"\bagentcore_mcp\.runtime\.(bodies|client|harnesses|sending)\b": r"agentcore_mcp.runtime.blocking.\1",
    # Prose
    r"\bThe blocking half is generated from this module: see\b": "Generated from the async half by",
    r"  # noqa: ASYNC109.*": "",
}


def blocking(source: Path) -> str:
    """Return the blocking module of an async one."""
    text = source.read_text(encoding="utf-8")
    for pattern, replacement in REPLACEMENTS.items():
        text = re.sub(pattern, replacement, text)
    origin = source.relative_to(RUNTIME.parent.parent).as_posix()
    return f"# Generated from {origin} by scripts/unasync.py: do not edit.\n{text}"


if __name__ == "__main__":
    sys.exit(write_or_check({target: blocking(source) for source, target in MODULES.items()}))
