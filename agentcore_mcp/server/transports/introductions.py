"""The client information in the first HTTP request of a 2025-11-25 client, kept in its session id.

The server keeps no sessions, so that any worker can answer the next request, which has only that id. A client that
forges an id gains nothing: it could have sent the same information in its first request.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from agentcore_mcp.server.hosts import Introduction, knows_apps

_ID_BYTES = 16
_NAME_MAX_CHARS = 64


def session_id_for(first_request: bytes) -> str:
    """Return a new session id that contains the request's client information."""
    try:
        params = json.loads(first_request)["params"]
        name, extensions = params["clientInfo"]["name"], (params.get("capabilities") or {}).get("extensions")
        told = Introduction(str(name)[:_NAME_MAX_CHARS], knows_apps(extensions))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        told = Introduction()
    return f"{secrets.token_hex(_ID_BYTES)}.{urlsafe_b64encode(json.dumps(told).encode()).decode()}"


def introduction_of(session_id: str) -> Introduction:
    """Return the client information in a session id; an empty one if another server made the id."""
    try:
        match json.loads(urlsafe_b64decode(session_id.partition(".")[2])):
            case [str(name), bool(apps)]:
                return Introduction(name, apps)
    except (ValueError, RecursionError):
        pass
    return Introduction()
