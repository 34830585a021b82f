"""What is wrong with a configuration, in sentences that name the setting and never show a secret."""

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

# In the words of TOML, where pydantic has those of Python.
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
    """Return the error that tells a user what pydantic found, a line each.

    Args:
        error: What it raised.
        name_of: Gives what the user calls the setting at a path of keys and indices.
    """
    return ConfigurationError(
        "\n".join(
            f"{name_of(found['loc'])}: {_sentence(found['type'], found['msg'])}{_value(found)}"
            for found in error.errors(include_url=False)
        )
    )


def dotted(path: tuple[str | int, ...]) -> str:
    """Return a path as TOML writes it, with indices in brackets."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{quoted(key)}" for key in path)
    return text.removeprefix(".")


def quoted(key: str) -> str:
    """Return a key as TOML writes it: in quotes, if it is more than letters, digits, ``-`` and ``_``."""
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _sentence(kind: str, message: str) -> str:
    if kind in _TYPES:
        return _TYPES[kind]
    text = message.removeprefix("Value error, ")
    return text.replace("Input should", "should", 1)


def _value(found: Any) -> str:
    """Return the value as the end of the sentence, unless the sentence has it already or it might be a secret."""
    value = found["input"]
    told = found["type"] in ("value_error", "missing")
    if told or may_be_secret(found["loc"]) or not isinstance(value, str | int | float):
        return ""
    shown = repr(value)
    return f", not {shown if len(shown) <= _VALUE_MAX_CHARS else shown[:_VALUE_MAX_CHARS] + '…'}"
