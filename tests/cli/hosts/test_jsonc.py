"""Edits of JSON with comments: the entry is there or gone, and all else is as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies

from agentcore_mcp.cli.hosts.jsonc import JsonText

PATH = ("mcpServers", "ours")
ENTRY = {"command": "agentcore-mcp", "env": {"A": "é\n"}}

TEXTS = [
    "",
    "\n",
    "{}",
    "{\n}\n",
    '{"a":1}',
    '{"mcpServers":{}}',
    '{\n  "mcpServers": {},\n}\n',
    '{\n  // mine\n  "mcpServers": {\n    "x": {"command": "y"} // tail\n  },\n  "o": [1, 2,],\n}\n',
    '{\n\t"mcpServers": {\n\t\t"x": {\n\t\t\t"command": "y",\n\t\t},\n\t},\n}\n',
    '{"mcpServers": {"a": {"x": "// no, } comment"}}}',
    '{\n  "a": 1 /* k, */\n}',
    '{\r\n  "a": "b"\r\n}\r\n',
    '/* head */ {"a": {"b": [{}, {"c": null}]}} // foot',
    '\ufeff{"a": true}',
]


@pytest.mark.parametrize("text", TEXTS)
def test_an_entry_comes_into_a_text_and_goes_again(text: str) -> None:
    before = JsonText(text).get(())
    added = JsonText(text).put(PATH, ENTRY)
    removed = JsonText(added).remove(PATH)

    assert JsonText(added).get(PATH) == ENTRY
    assert JsonText(removed).get(()) in (before, {**before, "mcpServers": {}})
    comments = [part for part in ("// mine", "// tail", "/* k, */", "/* head */", "// foot") if part in text]
    assert [part for part in comments if part not in added or part not in removed] == []


@pytest.mark.parametrize("text", [text for text in TEXTS if '"mcpServers": {\n' in text])
def test_a_text_with_other_servers_is_byte_for_byte_the_same_after_an_entry_came_and_went(text: str) -> None:
    assert JsonText(JsonText(text).put(PATH, ENTRY)).remove(PATH) == text


def test_an_entry_that_is_there_is_replaced_in_its_place() -> None:
    text = '{"mcpServers": {"ours": 1, /* c */ "z": 2}}'

    assert JsonText(text).put(PATH, 3) == '{"mcpServers": {"ours": 3, /* c */ "z": 2}}'
    assert JsonText(text).remove(PATH) == '{"mcpServers": { /* c */ "z": 2}}'
    assert JsonText(text).remove(("mcpServers", "other")) == text


def test_a_comma_in_a_comment_is_none_of_the_text() -> None:
    text = '{\n  "mcpServers": {\n    "x": 1, // one, two\n    "ours": 2\n  }\n}'

    assert JsonText(text).remove(PATH) == '{\n  "mcpServers": {\n    "x": 1 // one, two\n  }\n}'
    assert JsonText(JsonText(text).remove(PATH)).put(PATH, 2) == text


def test_an_entry_is_indented_as_its_neighbours() -> None:
    text = '{\n    "mcpServers": {\n        "x": {}\n    }\n}\n'

    assert JsonText(text).put(PATH, {"command": "c"}) == (
        '{\n    "mcpServers": {\n        "x": {},\n        "ours": {\n            "command": "c"\n        }\n    }\n}\n'
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[1]", 1),
        ('{"a" 1}', 1),
        ('{\n"a": }', 2),
        ('{\n\n"a": 1', 3),
        ("{'a': 1}", 1),
        ('{"a": 1} {}', 1),
        ('{"a\n": 1}', 1),
    ],
)
def test_what_is_no_json_object_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ValueError, match=f"^line {line} is not JSON$"):
        JsonText(text)


def test_what_stands_in_the_way_is_told() -> None:
    with pytest.raises(ValueError, match=r"^mcpServers is not an object$"):
        JsonText('{"mcpServers": []}').put(PATH, ENTRY)


VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(), inner, max_size=3),
    max_leaves=12,
)


@given(
    strategies.dictionaries(strategies.text(), VALUES, max_size=4),
    strategies.sampled_from([None, 1, 2, "\t"]),
    VALUES,
    strategies.lists(strategies.text(), min_size=1, max_size=3),
)
def test_any_json_has_an_entry_and_all_else_after_it_was_put_there(
    document: dict[str, Any], indent: int | str | None, entry: Any, path: list[str]
) -> None:
    text = json.dumps(document, indent=indent)
    on_the_way: Any = document
    for key in path[:-1]:
        on_the_way = on_the_way.get(key, {}) if isinstance(on_the_way, dict) else None
    if not isinstance(on_the_way, dict):
        return
    added = JsonText(text).put(path, entry)
    removed = JsonText(added).remove(path)

    expected = json.loads(text)
    target = expected
    for key in path[:-1]:
        target = target.setdefault(key, {})
    target[path[-1]] = entry
    assert json.loads(added) == expected
    del target[path[-1]]
    assert json.loads(removed) == expected
