"""Messages as all frameworks write them: a role, and a content that is a text or a list of parts.

Used by the dialects beside it; knows no framework's events.
"""

from __future__ import annotations

from typing import Any

# Roles, and types that say the same.
SPEAKERS = ("assistant", "ai", "agent", "model", "ROLE_AGENT", "AIMessageChunk", "AIMessage")
_TEXT_KINDS = (None, "text", "output_text", "text_delta", "refusal")


def text_of(content: object) -> str | None:
    """Return the text of a content, None if it has none; reasoning doesn't count as text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [text for part in content if (text := _part_text(part)) is not None]
    return "".join(texts) if texts else None


def dicts(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list, [] for anything but a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def pick(value: dict[str, Any], *names: str) -> Any:
    """Return the first of these members that is there and not null; frameworks write camelCase and snake_case."""
    for name in names:
        member = value.get(name)
        if member is not None:
            return member
    return None


def _part_text(part: object) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("thought"):
        return None
    kind = part.get("type", part.get("kind", part.get("block_type")))
    text = part.get("refusal") if kind == "refusal" else part.get("text")
    return text if isinstance(text, str) and kind in _TEXT_KINDS else None
