"""Configuration errors as sentences that name the setting and never show a secret."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from agentcore_mcp.config.secrets import may_be_secret
from agentcore_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import ValidationError

_VALUE_MAX_CHARS = 80
_BARE = re.compile(r"[A-Za-z0-9_-]+")

# TOML's names of types in place of pydantic's, which are Python's.
_TYPES = {
    "missing": "is missing",
    "string_type": "has to be a string",
    "tuple_type": "has to be an array",
    "frozen_set_type": "has to be an array",
    "dict_type": "has to be a table",
    "model_type": "has to be a table",
    "model_attributes_type": "has to be a table",
}


def configuration_error(error: ValidationError, name_of: Callable[[tuple[str | int, ...]], str]) -> ConfigurationError:
    """Return a ConfigurationError with a line for each of pydantic's errors.

    Args:
        error: The error that pydantic raised.
        name_of: Returns the user's name for the setting at a path of keys and indices.
    """
    return ConfigurationError(
        "\n".join(
            f"{name_of(found['loc'])}: {_sentence(found['type'], found['msg'])}{_value(found)}"
            for found in error.errors(include_url=False)
        )
    )


def dotted(path: tuple[str | int, ...]) -> str:
    """Return a path in TOML syntax, with indices in brackets."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{quoted(key)}" for key in path)
    return text.removeprefix(".")


def quoted(key: str) -> str:
    """Return a key in TOML syntax: quoted unless it has only letters, digits, ``-`` and ``_``."""
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _sentence(kind: str, message: str) -> str:
    if kind in _TYPES:
        return _TYPES[kind]
    text = message.removeprefix("Value error, ")
    return text.replace("Input should", "should", 1)


def _value(found: Any) -> str:
    """Return the invalid value as the end of the sentence, unless it is already quoted or may be a secret."""
    value = found["input"]
    told = found["type"] in ("value_error", "missing")
    if told or may_be_secret(found["loc"]) or not isinstance(value, str | int | float):
        return ""
    shown = repr(value)
    return f", not {shown if len(shown) <= _VALUE_MAX_CHARS else shown[:_VALUE_MAX_CHARS] + '…'}"
