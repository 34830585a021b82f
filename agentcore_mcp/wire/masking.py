"""Masking: removing secrets from foreign text before it goes into an error or a log.

``masked`` removes known secrets, such as the token of a request; ``suspects_masked`` removes likely secrets from the
output of another program, whose secrets are unknown.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"

# Enough of a secret to recognise it if the rest is cut off or encoded differently, and too little to be of use.
_BEGINNING_CHARS = 16
_REST = r"[\w.~+/=%-]*"

# Possible secrets: user and password in a URL, the value after a name like these, and any word with a long run of mixed
# letters and digits, as in keys, hashes and JWTs but not in prose.
_NAMES = r"(?:token|secret|passw|passphrase|credential|assertion|authorization|key)\w*"
_SUSPECTS = re.compile(
    r"(//)[^/\s@]+(?=@)"
    r"|(\b(?:bearer|basic)\s+)\S+"
    rf"|({_NAMES}[\"']?\s*[=:]\s*)\S.*"
    rf"|(--[\w-]*{_NAMES}\s+)\S+",
    re.IGNORECASE,
)
_RUN = re.compile(r"[\w+=~-]{16,}")


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return a text without any of the secrets: verbatim, in JSON, percent-encoded, or only the beginning of one.

    Empty secrets are ignored. A short one masks every whole word that contains it.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        quoted = quote(secret, safe="")
        for spelling in (secret, json.dumps(secret)[1:-1], secret.replace("/", "\\/"), quoted, quote_plus(secret)):
            text = text.replace(spelling, MASK)
        if len(secret) > 2 * _BEGINNING_CHARS:
            for spelling in (secret, quoted):
                text = re.sub(re.escape(spelling[:_BEGINNING_CHARS]) + _REST, MASK, text)
    return text


def suspects_masked(line: str) -> str:
    """Return a line with likely secrets masked, and one space between words."""
    line = _SUSPECTS.sub(lambda found: f"{found[found.lastindex or 0]}{MASK}", line)
    return " ".join(MASK if any(map(_is_mixed, _RUN.findall(word))) else word for word in line.split())


def _is_mixed(run: str) -> bool:
    return any(map(str.isdigit, run)) and any(map(str.isalpha, run))
