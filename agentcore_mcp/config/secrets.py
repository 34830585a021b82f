"""Finds configuration values that are or may be secrets, which are neither shown nor quoted."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

HIDDEN = "***"
# Keys of an ``auth`` whose values may be shown. All others are or contain secrets, or may be misplaced ones.
_PLAIN = {"profile", "role_arn", "token_file", "none"}
_PLAIN |= {"client_id", "scope", "audience", "resource", "auth_method", "region", "username", "endpoint_url", "actor"}
_PLAIN |= {"workload_name", "credential_provider_name", "scopes", "audiences", "resources", "audience_claim"}


def may_be_secret(path: tuple[str | int, ...]) -> bool:
    """Return whether the value at a path of keys and indices may be a secret."""
    match path[2:]:
        case () if path[:1] == ("server",):
            return path[-1] in ("secret", "store")
        case ("auth", *_, key):
            return key not in _PLAIN
        case ("auth" | "headers" | "payload", *_):
            return True
        case _:
            return False


def shown(path: tuple[str, ...], value: Any, *, filled: bool) -> Any:
    """Return a value with its secret parts hidden.

    Args:
        path: Its path.
        value: The value, already validated.
        filled: Whether variables were put into it.
    """
    match path[2:], value:
        case _, SecretStr():
            return HIDDEN
        case ("auth", "token_command"), (program, *arguments):
            return [program, *([HIDDEN] if arguments else [])]
        case ("auth", _, "token_url"), str():
            url, mark, _ = value.partition("?")
            return f"{url}?{HIDDEN}" if mark else url
        # A template's variables may be API keys.
        case ("payload", *_), _ if not filled:
            return value
        case _:
            return HIDDEN if may_be_secret(path) else value
