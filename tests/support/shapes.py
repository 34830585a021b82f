"""Values of a service model's shapes: at least one for each member of each union, and for each value of an enum."""

from __future__ import annotations

import base64
from typing import Any

# Of the patterns of the shapes that have one.
_TEXTS = {
    "ApiKeyArn": "arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/key",
    "HarnessHookEventId": "11111111-2222-3333-4444-555555555555",
}


def samples(shape: Any) -> list[Any]:
    """Return values of a shape, as boto3 takes and gives them."""
    if getattr(shape, "is_document_type", False):
        return [{"a": [1, None, "é"]}, {}]
    match shape.type_name:
        case "structure" if getattr(shape, "is_tagged_union", False):
            return [{name: value} for name, member in shape.members.items() for value in samples(member)]
        case "structure":
            members = {name: samples(member) for name, member in shape.members.items()}
            longest = max(map(len, members.values()), default=1)
            everything = [{name: values[i % len(values)] for name, values in members.items()} for i in range(longest)]
            needed = {name: members[name][0] for name in shape.required_members}
            return [*everything, needed] if needed != everything[0] else everything
        case "list":
            return [samples(shape.member)]
        case "map":
            return [{"key": samples(shape.value)[0]}]
        case "string":
            return list(shape.enum) or [_TEXTS.get(shape.name, 'größer \u2028 "x"')]
        case "integer" | "long":
            return [shape.metadata.get("min", 3)]
        case "float":
            return [0.25]
        case "boolean":
            return [True]
        case "blob":
            return [b"\xff\0"]
    raise AssertionError(shape)


def as_json(value: Any) -> Any:
    """Return a value as JSON has it: bytes in base64."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {name: as_json(inner) for name, inner in value.items()}
        case list():
            return [as_json(inner) for inner in value]
    return value
