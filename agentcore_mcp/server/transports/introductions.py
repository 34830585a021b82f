"""What a client of 2025-11-25 says of itself in its first request over HTTP, kept in the session id that it is given.

The server keeps no sessions, so that any worker answers the next request, which has nothing but that id. A client may
change it, and could have said the same in the first place.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from agentcore_mcp.server.hosts import Introduction, knows_apps

_ID_BYTES = 16
_NAME_MAX_CHARS = 64


def session_id_for(first_request: bytes) -> str:
    """Return a new session id, with what the request says of its client."""
    try:
        params = json.loads(first_request)["params"]
        name, extensions = params["clientInfo"]["name"], (params.get("capabilities") or {}).get("extensions")
        told = Introduction(str(name)[:_NAME_MAX_CHARS], knows_apps(extensions))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        told = Introduction()
    return f"{secrets.token_hex(_ID_BYTES)}.{urlsafe_b64encode(json.dumps(told).encode()).decode()}"


def introduction_of(session_id: str) -> Introduction:
    """Return what a session id says of the client; nothing, if another server made it."""
    try:
        match json.loads(urlsafe_b64decode(session_id.partition(".")[2])):
            case [str(name), bool(apps)]:
                return Introduction(name, apps)
    except (ValueError, RecursionError):
        pass
    return Introduction()
