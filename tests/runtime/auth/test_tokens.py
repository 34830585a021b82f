"""What is known of a token's end, when a source is asked, and that it is asked once however many wait."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from agentcore_mcp.errors import ConfigurationError, CredentialsError
from agentcore_mcp.runtime.auth.tokens import (
    RENEWAL_MARGIN_S,
    TOKEN_MAX_BYTES,
    Token,
    TokenCache,
    TokenFile,
    read_claims,
)
from tests.support.tokens import Numbered, due, jwt_of
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

# The clock goes on between two looks at it.
SLACK_S = 30


async def within(cache: TokenCache, *, refused: str | None = None) -> str:
    async with asyncio.timeout(WAIT_S):
        return await cache.aget(refused=refused)


# When a token ends.


@pytest.mark.parametrize("expires_in", [3600, 3600.0, "3600"])
def test_a_token_is_renewed_a_margin_before_its_end(expires_in: object) -> None:
    token = Token.issued("t", expires_in=expires_in)

    assert token.expires_at == pytest.approx(time.time() + 3600, abs=SLACK_S)
    assert token.expires_at - token.renew_at == pytest.approx(RENEWAL_MARGIN_S)


def test_without_a_lifetime_the_claim_of_a_jwt_counts() -> None:
    token = Token.issued(jwt_of(exp=int(time.time()) + 3600))

    assert token.expires_at == pytest.approx(time.time() + 3600, abs=SLACK_S)
    assert token.expires_at - token.renew_at == pytest.approx(RENEWAL_MARGIN_S)


def test_a_lifetime_counts_more_than_the_claim_since_it_does_not_depend_on_our_clock() -> None:
    token = Token.issued(jwt_of(exp=1), expires_in=3600)

    assert token.expires_at > time.time() + 3000


@pytest.mark.parametrize(("expires_in", "margin_s"), [(240, 120), (180, 90), (120, 60), (90, 60), (60, 60), (0, 60)])
def test_a_short_life_is_used_to_its_half_or_its_last_minute(expires_in: int, margin_s: float) -> None:
    """The whole margin would mean a new token with each request; in the last minute AgentCore takes none."""
    token = Token.issued("t", expires_in=expires_in)

    assert token.expires_at - token.renew_at == pytest.approx(margin_s)


@pytest.mark.parametrize("expires_in", [None, "", "soon", "nan", -1, [], {}, 10**400, "inf"])
def test_a_lifetime_that_is_none_is_as_good_as_none(expires_in: object) -> None:
    assert Token.issued("opaque", expires_in=expires_in) == Token("opaque", math.inf, math.inf)


@pytest.mark.parametrize("exp", [0, time.time() - 1, 1.5], ids=["epoch", "a second ago", "fraction"])
def test_a_jwt_that_has_expired_is_due_at_once(exp: float) -> None:
    assert Token.issued(jwt_of(iat=0, exp=exp)).renew_at <= time.time()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c",
        "a.é.c",
        "a.AAAA.c",
        "a.WzFd.c",
        "a.MQ.c",
        "..",
        "a.b.c.d",
        "a." + "W1tb" * 9999 + ".c",
    ],
)
def test_what_is_no_jwt_has_no_claims(token: str) -> None:
    assert read_claims(token) == {}


@given(st.text())
def test_reading_claims_never_fails(text: str) -> None:
    assert isinstance(read_claims(f"e30.{text}.e30"), dict)


def test_a_token_does_not_show_itself() -> None:
    assert "s3cret" not in repr(Token("s3cret", refresh_token="s3cret too"))


# When a source is asked.


async def test_a_token_is_kept() -> None:
    source = Numbered()
    cache = TokenCache(source)

    assert [await within(cache), await within(cache), cache.get()] == ["token-1"] * 3
    assert source.asked == [None]


async def test_a_token_that_is_due_is_replaced_and_the_source_is_told_which() -> None:
    source = Numbered(due)
    cache = TokenCache(source)

    assert [await within(cache), cache.get()] == ["token-1", "token-2"]
    assert [previous and previous.value for previous in source.asked] == [None, "token-1"]


async def test_a_refused_token_is_replaced_once_for_everyone_it_was_refused_to() -> None:
    source = Numbered()
    cache = TokenCache(source)
    await within(cache)

    renewed = await asyncio.gather(*(within(cache, refused="token-1") for _ in range(20)))

    assert set(renewed) == {"token-2"}
    assert cache.get(refused="token-1") == "token-2"
    assert len(source.asked) == 2


async def test_the_only_token_there_is_is_returned_whatever_happens() -> None:
    cache = TokenCache(Token("t", expires_at=0, renew_at=0))

    assert [await within(cache), await within(cache, refused="t"), cache.get(refused="t")] == ["t"] * 3


async def test_callers_of_two_event_loops_and_of_threads_wait_for_one_answer() -> None:
    source = Numbered(held=True)
    cache = TokenCache(source)

    def on_another_loop() -> list[str]:
        async def several() -> list[str]:
            return await asyncio.gather(*(within(cache) for _ in range(10)))

        return asyncio.run(several())

    with ThreadPoolExecutor(11) as threads:
        elsewhere = threads.submit(on_another_loop)
        blocking = [threads.submit(cache.get) for _ in range(10)]
        here = [asyncio.create_task(within(cache)) for _ in range(10)]
        await asyncio.sleep(0)  # each has begun to wait
        source.release.set()
        tokens = await asyncio.gather(*here, asyncio.to_thread(lambda: [each.result(WAIT_S) for each in blocking]))

        assert elsewhere.result(WAIT_S) == ["token-1"] * 10
    assert tokens == [*["token-1"] * 10, ["token-1"] * 10]
    assert len(source.asked) == 1


async def test_the_one_who_asked_may_leave_and_the_others_get_the_token() -> None:
    source = Numbered(held=True)
    cache = TokenCache(source)
    first, *others = (asyncio.create_task(within(cache)) for _ in range(10))
    await asyncio.to_thread(source.entered.wait, WAIT_S)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.release.set()

    assert await asyncio.gather(*others) == ["token-1"] * 9
    assert len(source.asked) == 1


async def test_a_token_that_nobody_waits_for_any_more_is_kept_for_the_next() -> None:
    source = Numbered(held=True)
    cache = TokenCache(source)
    waiting = asyncio.create_task(within(cache))
    await asyncio.to_thread(source.entered.wait, WAIT_S)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    source.release.set()

    assert await within(cache) == "token-1"
    assert len(source.asked) == 1


async def test_a_failure_is_told_to_everyone_who_waits_each_in_an_error_of_its_own() -> None:
    source = Numbered(held=True)
    source.failure = CredentialsError("no luck; try again")
    cache = TokenCache(source)
    waiting = [asyncio.create_task(within(cache)) for _ in range(3)]
    await asyncio.sleep(0)
    source.release.set()

    errors = await asyncio.gather(*waiting, return_exceptions=True)

    assert [str(error) for error in errors] == ["no luck; try again"] * 3
    assert {type(error) for error in errors} == {CredentialsError}
    assert len({id(error) for error in errors}) == 3
    assert len(source.asked) == 1

    # And the next one asks again.
    source.failure = None
    assert await within(cache) == "token-2"


@pytest.mark.parametrize("failure", [ValueError("s3cret"), SystemExit("s3cret"), KeyError("s3cret")])
async def test_a_foreign_failure_is_named_and_not_quoted(failure: BaseException) -> None:
    source = Numbered()
    source.failure = failure

    with pytest.raises(CredentialsError) as caught:
        await within(TokenCache(source))

    assert str(caught.value) == f"Numbered failed: {type(failure).__name__}"
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


async def test_another_error_of_ours_keeps_its_words() -> None:
    source = Numbered()
    source.failure = ConfigurationError("token_url is not a URL")

    with pytest.raises(CredentialsError, match=r"^token_url is not a URL$"):
        await within(TokenCache(source))


@pytest.mark.parametrize("value", ["", "two words", "s3cret\r\nX-Injected: 1", "s3crét"])
async def test_what_no_header_can_carry_is_no_token(value: str) -> None:
    with pytest.raises(CredentialsError, match=rf"^Numbered gave {len(value)} characters; a bearer token") as caught:
        await within(TokenCache(Numbered(lambda _: Token(value))))

    assert "s3cr" not in str(caught.value)


async def test_a_token_that_is_due_but_not_over_outlasts_a_failure_to_renew_it() -> None:
    source = Numbered(due)
    cache = TokenCache(source)
    await within(cache)
    source.failure = CredentialsError("the identity provider is away")

    assert await within(cache) == "token-1"
    with pytest.raises(CredentialsError, match="the identity provider is away"):
        await within(cache, refused="token-1")
    assert len(source.asked) == 3


@pytest.mark.parametrize(
    "over", [Token("t", expires_at=0, renew_at=0), Token("t", renew_at=0)], ids=["expired", "unknown end"]
)
async def test_a_token_that_may_be_over_does_not(over: Token) -> None:
    source = Numbered(lambda _: over)
    cache = TokenCache(source)
    await within(cache)
    source.failure = CredentialsError("the identity provider is away")

    with pytest.raises(CredentialsError, match=r"^the identity provider is away$"):
        await within(cache)


async def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())
    cache = TokenCache(Numbered(due))
    for _ in range(20):
        await within(cache)

    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join, WAIT_S)
        assert not thread.is_alive()


# A file.


async def test_a_file_is_read_anew_for_each_request(tmp_path: Path) -> None:
    path = tmp_path / "token"
    cache = TokenCache(TokenFile(path))
    path.write_text("first\n")

    assert await within(cache) == "first"

    path.write_bytes(b"\xef\xbb\xbf  second\r\n")
    assert await within(cache) == "second"

    # As Kubernetes and careful programs do it.
    (tmp_path / "new").write_text("third")
    (tmp_path / "new").replace(path)
    assert cache.get() == "third"


async def test_a_file_that_is_gone_is_no_token_even_if_there_was_one(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(jwt_of(exp=int(time.time()) + 3600))
    cache = TokenCache(TokenFile(str(path)))
    await within(cache)
    path.unlink()

    with pytest.raises(CredentialsError, match=r"^can't read the token file '.*/token': No such file or directory$"):
        await within(cache)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token")  # type: ignore[attr-defined, unused-ignore]

    with pytest.raises(CredentialsError, match="is no regular file"):
        TokenFile(tmp_path / "token").fetch(None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")  # type: ignore[attr-defined, unused-ignore]
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    (tmp_path / "token").chmod(0)

    with pytest.raises(CredentialsError, match=r"^can't read the token file '.*/token': Permission denied$"):
        TokenFile(tmp_path / "token").fetch(None)


def test_a_path_through_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"^can't read the token file '.*xxx': File name too long$"):
        TokenFile(tmp_path / ("x" * 300)).fetch(None)


@pytest.mark.parametrize("content", [b"", b" \n", b"s3cret and more", b"s3cret\0", b"s3cr\xe9t", b"s3cret\ns3cret"])
def test_a_file_without_a_token_is_not_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)

    with pytest.raises(CredentialsError, match=r"holds \d+ characters; a bearer token is not empty") as caught:
        TokenFile(tmp_path / "token").fetch(None)

    assert "s3cr" not in str(caught.value)


def test_a_file_as_large_as_one_may_be_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t" * TOKEN_MAX_BYTES)

    assert TokenFile(tmp_path / "token").fetch(None).value == "t" * TOKEN_MAX_BYTES


@pytest.mark.parametrize("size", [TOKEN_MAX_BYTES + 1, 10**12])
def test_a_file_of_any_size_is_not_read_to_its_end(tmp_path: Path, size: int) -> None:
    with (tmp_path / "token").open("wb") as file:
        file.truncate(size)

    with pytest.raises(CredentialsError, match=f"has more than the {TOKEN_MAX_BYTES} bytes allowed"):
        TokenFile(tmp_path / "token").fetch(None)
