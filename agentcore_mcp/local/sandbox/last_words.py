"""Last words: of all that a process has printed, the few lines that explain why it exited.

They end up in an error answer of the local AgentCore, so the secrets of our own environment, which the agent has, are
masked: what validates settings likes to quote all of them. The output as it is is on standard error.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

from agentcore_mcp.wire.masking import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

# How many lines are quoted, and how much of each: an answer is no log file.
_LINES: Final = 3
_LINE_CHARS: Final = 300
_TRACEBACK: Final = "Traceback (most recent call last):"
# KEY only as a word of the name, alone or where it is usually written with another: not in MONKEY or KEYCLOAK_URL.
_SECRET_VARIABLE: Final = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|(?:\b|_|ACCESS|API|AUTH|ENCRYPTION|PRIVATE|SIGNING|SSH)KEYS?(?:\d|_|\b)",
    re.IGNORECASE,
)
# Shorter values, and shorter lines of them, are words that may be in any line.
_SECRET_MIN_CHARS: Final = 8


class LastWords:
    """Listens to a process, line by line.

    Args:
        environ: The environment that it has, whose secrets are never quoted.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        secrets = (value for name, value in environ.items() if _SECRET_VARIABLE.search(name))
        # By line, as they are heard.
        lines = {line.strip() for secret in secrets for line in secret.split("\n")}
        self._secrets = [line for line in lines if len(line) >= _SECRET_MIN_CHARS]
        self._words: deque[str] = deque(maxlen=_LINES)

    def hear(self, line: str) -> None:
        """Take in a line. What was said before an exception does not explain it, and neither do its frames."""
        if line.rstrip().endswith(_TRACEBACK):
            self._words.clear()
        elif line.strip() and not line[0].isspace():
            self._words.append(line.strip())

    def quoted(self) -> str:
        """Return them in one line, or nothing if nothing was said."""
        words = (masked(word, self._secrets) for word in self._words)
        return " / ".join(word if len(word) <= _LINE_CHARS else f"{word[:_LINE_CHARS]}…" for word in words)
