"""Last words: of all that a process has printed, the few lines that explain why it exited.

The very last line often does not: a logger says goodbye after the traceback. So the exception of the last traceback
counts, and what follows it, but neither the frames nor what is logged as routine. The words end up in an error answer
of the local AgentCore, so secrets are masked: those of our own environment, which the agent has, and what looks like
one. All of the output, as it is, is on standard error.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# How many lines are quoted, and how much of each: an answer is no log file.
_LINES: Final = 3
_LINE_CHARS: Final = 300
# A traceback that so many remarkable lines have followed has been survived.
_SURVIVED_LINES: Final = 20
_TRACEBACK: Final = "Traceback (most recent call last):"
# A syntax error may have no other head.
_FRAME: Final = '  File "'
# What stands in front of the lines of an exception group, between them, and between exceptions that follow each other.
_GROUP_MARGIN: Final = re.compile(r"\s*\| ")
_BETWEEN: Final = re.compile(r"\s*\+-[+-].*|(The above|During handling of the above) exception.*:")
_LEVEL: Final = re.compile(r"\b(?:(TRACE|DEBUG|INFO)|WARN|WARNING|ERROR|CRITICAL|FATAL)\b")
_MASK: Final = "***"
# KEY only as a word of the name, alone or where it is usually written with another: not in MONKEY or KEYCLOAK_URL.
_SECRET_VARIABLE: Final = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|(?:\b|_|ACCESS|API|AUTH|ENCRYPTION|PRIVATE|SIGNING|SSH)KEYS?(?:\d|_|\b)",
    re.IGNORECASE,
)
# Shorter values, and shorter lines of them, are words that may be in any line.
_SECRET_MIN_CHARS: Final = 8
# With a digit: "invalid token: expected a name" gives nothing away.
_LOOKS_SECRET: Final = re.compile(
    r"(?P<name>(?:key|token|secret|passw\w*|authorization|credentials?)[\"']?\s*[:=]\s*(?:(?:bearer|basic)\s+)?[\"']?)"
    r"(?=[^\s\"',]*\d)[^\s\"',]+"
    r"|\bBearer\s+[\w.~+/=-]{8,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|(?<=://)[^\s/@]+(?=@)",
    re.IGNORECASE,
)


class LastWords:
    """Listens to a process, line by line.

    Args:
        environ: The environment that it has, whose secrets are never quoted.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        # By line, as they are heard. The longest first: another may be part of it.
        lines = {
            line.strip()
            for name, value in environ.items()
            if _SECRET_VARIABLE.search(name)
            for line in value.split("\n")
        }
        self._secrets = sorted((line for line in lines if len(line) >= _SECRET_MIN_CHARS), key=len, reverse=True)
        self._words: deque[str] = deque(maxlen=_LINES)
        self._routine = ""
        self._raised = ""
        self._since_raised = 0
        self._in_traceback = False
        self._in_chain = False

    def hear(self, line: str) -> None:
        """Take in a line."""
        if line.rstrip().endswith(_TRACEBACK) or line.startswith(_FRAME):
            self._in_traceback = True
            return
        line = line[margin.end() :] if (margin := _GROUP_MARGIN.match(line)) else line
        if not line.strip() or (self._in_traceback and line[0].isspace()):
            return
        if _BETWEEN.fullmatch(line):
            self._in_chain = True
            return
        if not self._in_traceback and (level := _LEVEL.search(line)) and level[1]:
            self._routine = line
            return
        if self._in_traceback and not self._in_chain:
            # What was said before an exception does not explain it.
            self._words.clear()
        self._words.append(line.strip())
        self._since_raised += 1
        if self._in_traceback:
            self._raised, self._since_raised = line.strip(), 0
        self._in_traceback = self._in_chain = False

    def quoted(self) -> str:
        """Return them in one line, or nothing if nothing was said."""
        words = [*self._words] or [self._routine.strip()]
        if self._raised and _LINES <= self._since_raised < _SURVIVED_LINES:
            words[0] = self._raised
        return " / ".join(self._masked(word) for word in words)

    def _masked(self, word: str) -> str:
        for secret in self._secrets:
            word = word.replace(secret, _MASK)
        word = _LOOKS_SECRET.sub(lambda found: (found["name"] or "") + _MASK, word)
        return word if len(word) <= _LINE_CHARS else f"{word[:_LINE_CHARS]}…"
