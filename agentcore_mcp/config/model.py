"""The base class of the configuration's tables: immutable, and without unknown keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, model_validator

if TYPE_CHECKING:
    from collections.abc import Collection


class Table(BaseModel):
    """A table of the configuration file, or the same made in Python with keyword arguments.

    Attributes:
        not_in_files: The fields that a file says in another way than by a key.
    """

    # pydantic's own errors don't quote inputs, which may be misplaced secrets. Validators are built on first use, as
    # a run needs few of these tables, and hosts wait for the server to start.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_by_name=True, defer_build=True
    )
    not_in_files: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, value: Any) -> Any:
        if isinstance(value, dict):
            keys = {str(field.validation_alias or name): name for name, field in cls.model_fields.items()}
            for key in value:
                if key not in keys and key not in cls.model_fields:
                    shown = [key for key, name in keys.items() if name not in cls.not_in_files]
                    raise ValueError(f"unknown key {key!r}{did_you_mean(str(key), shown)}")
        return value

    def arguments(self) -> dict[str, Any]:
        """Return the fields that are set, with secrets in plain text, as keyword arguments."""
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in self
            if value is not None
        }


def text_like(pattern: str, what: str) -> AfterValidator:
    """Return a validator of strings that match a pattern, with an error message that describes them in words.

    Args:
        pattern: The pattern of the whole string.
        what: A description with an example: "the ARN of a role; it looks like …".
    """

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"{value!r} is not {what}")
        return value

    return AfterValidator(check)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return the end of a sentence that suggests the closest known word, and lists all of them."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, 1)
    hint = f", did you mean {close[0]!r}?" if close else ""
    return f"{hint}; known are {', '.join(sorted(known)) or 'none'}"
