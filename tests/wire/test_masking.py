"""Secrets in a text that somebody else wrote: known ones in every spelling, unknown ones by their looks."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.wire.masking import masked, suspects_masked

LONG = "eyJub3QiOiJhIn0.eyJyZWFsIjoidG9rZW4ifQ.c2lnbmF0dXJl/+x=="


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("Bearer s3cret!", ["s3cret"], "Bearer ***!"),
        ("s3cret and s3cret-too", ["s3cret", "s3cret-too"], "*** and ***"),
        ("nothing here", ["s3cret", ""], "nothing here"),
        ("nothing here", [], "nothing here"),
        (json.dumps('a "quoted" one'), ['a "quoted" one'], '"***"'),
        ("a\\/b", ["a/b"], "***"),
        (quote("pa ss/w+rd", safe=""), ["pa ss/w+rd"], "***"),
        (quote_plus("pa ss/w+rd"), ["pa ss/w+rd"], "***"),
        (f"cut: {LONG[:30]}, end", [LONG], "cut: ***, end"),
        (f"{quote(LONG, safe='')[:50]}", [LONG], "***"),
        (LONG[:15], [LONG], LONG[:15]),
        # Not long enough to be known by its beginning.
        ("0123456789abcdef", ["0123456789abcdef" * 2], "0123456789abcdef"),
    ],
)
def test_a_known_secret_is_masked_in_every_spelling(text: str, secrets: list[str], shown: str) -> None:
    assert masked(text, secrets) == shown


@given(st.text(min_size=4), st.text(), st.text())
def test_no_known_secret_is_left(secret: str, before: str, after: str) -> None:
    assert not any(secret in part for part in masked(before + secret + after, [secret]).split("***"))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("see https://alice:s3cret@idp.example.com/x", "see https://***@idp.example.com/x"),
        ("Authorization: Bearer s3cret", "Authorization: ***"),
        ("client_secret = s3cret is wrong", "client_secret = ***"),
        ("get --api-key s3cret now", "get --api-key *** now"),
        ("key  AKIAIOSFODNN7EXAMPLE  refused", "key *** refused"),
        ("no token was found", "no token was found"),
        ("antidisestablishmentarianism is a word, 1234567890123456 a number", None),
    ],
)
def test_what_looks_like_a_secret_is_masked(line: str, shown: str | None) -> None:
    assert suspects_masked(line) == (line if shown is None else shown)
