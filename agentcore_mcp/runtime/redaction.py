"""Redaction: what a request proved its sender with, taken out of whatever quotes the request.

AWS quotes signed headers in a refusal, some proxies quote everything, and any of it may go into an error.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

_HEADERS = ("authorization", "x-amz-security-token")
_MARK = "***"
# What is shorter nobody has to guess: it stands in for a token where none is needed, and is a word of the language too.
_SECRET_MIN_CHARS = 8
# Enough of a secret to know it by if the rest is cut off or written in another way, and too little to be of use.
_BEGINNING_CHARS = 16
_REST = r"[\w.~+/=%-]*"


def redacted(text: str, request: httpx2.Request) -> str:
    """Return a text without the request's credentials, in whatever spelling.

    Args:
        text: What quotes the request, or is about it.
        request: What was sent.
    """
    for secret in _secrets(request):
        for spelling in (secret, json.dumps(secret)[1:-1], secret.replace("/", "\\/")):
            text = text.replace(spelling, _MARK)
        if len(secret) > 2 * _BEGINNING_CHARS:
            text = re.sub(re.escape(secret[:_BEGINNING_CHARS]) + _REST, _MARK, text)
    return text


def _secrets(request: httpx2.Request) -> Iterator[str]:
    for name in _HEADERS:
        value = request.headers.get(name, "")
        if value:
            yield value
            scheme, _, credentials = value.partition(" ")
            if scheme.lower() == "bearer" and len(credentials) >= _SECRET_MIN_CHARS:
                yield credentials
            elif "Signature=" in value:
                yield value.rpartition("Signature=")[2]
