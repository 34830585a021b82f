"""Last words: the few lines of a process's output that explain why it exited.

They are quoted in an error response of the local AgentCore, so secrets of our own environment, which the agent
inherits, are masked: settings validators tend to quote all values. Standard error has the unmasked output.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

from agentcore_mcp.wire.masking import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

# The number and length of quoted lines: an error response is no log file.
_LINES: Final = 3
_LINE_CHARS: Final = 300
_TRACEBACK: Final = "Traceback (most recent call last):"
# KEY only as a word of its own, or joined with a usual prefix: not in MONKEY or KEYCLOAK_URL.
_SECRET_VARIABLE: Final = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|(?:\b|_|ACCESS|API|AUTH|ENCRYPTION|PRIVATE|SIGNING|SSH)KEYS?(?:\d|_|\b)",
    re.IGNORECASE,
)
# Shorter values, or lines of values, may be ordinary words.
_SECRET_MIN_CHARS: Final = 8


class LastWords:
    """Collects a process's last words from its output, line by line.

    Args:
        environ: The environment of the process, whose secrets are never quoted.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        secrets = (value for name, value in environ.items() if _SECRET_VARIABLE.search(name))
        # By line, as the output is.
        lines = {line.strip() for secret in secrets for line in secret.split("\n")}
        self._secrets = [line for line in lines if len(line) >= _SECRET_MIN_CHARS]
        self._words: deque[str] = deque(maxlen=_LINES)

    def hear(self, line: str) -> None:
        """Add a line. Output before a traceback is dropped, and so are its frames: neither explains the exception."""
        if line.rstrip().endswith(_TRACEBACK):
            self._words.clear()
        elif line.strip() and not line[0].isspace():
            self._words.append(line.strip())

    def quoted(self) -> str:
        """Return the last words in one line, "" without any."""
        words = (masked(word, self._secrets) for word in self._words)
        return " / ".join(word if len(word) <= _LINE_CHARS else f"{word[:_LINE_CHARS]}…" for word in words)
