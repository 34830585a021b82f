"""Which runtime session a call means."""

from __future__ import annotations

import re
import uuid

import pytest

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.server.sessions import SessionNames
from agentcore_mcp.wire.ids import RuntimeArn

ARN = RuntimeArn.parse("arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/agent-0123456789")
OTHER = RuntimeArn.parse("arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/other-0123456789")
# What the service model allows in its answers, the narrower of its two shapes.
MINTED = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-_]{32,99}")


def test_leaving_it_out_means_a_new_session_each_time() -> None:
    names = SessionNames()
    first, second = names.resolve("", ARN), names.resolve("  ", ARN)

    assert first != second
    assert MINTED.fullmatch(first)


@pytest.mark.parametrize("name", ["a", "review", "Fix_the-build-2", "x" * 32])
def test_a_short_name_is_the_same_session_each_time(name: str) -> None:
    names = SessionNames()

    assert names.resolve(name, ARN) == names.resolve(name, ARN)
    assert MINTED.fullmatch(names.resolve(name, ARN))


def test_a_short_name_is_another_session_for_another_agent_or_installation() -> None:
    names = SessionNames()

    assert names.resolve("review", ARN) != names.resolve("review", OTHER)
    assert names.resolve("review", ARN) != SessionNames(lambda: b"k" * 32).resolve("review", ARN)


def test_a_short_name_is_the_same_session_for_the_next_server_of_the_installation() -> None:
    assert SessionNames().resolve("review", ARN) == SessionNames().resolve("review", ARN)


@pytest.mark.parametrize("session_id", ["s" * 33, "s" * 256, "user-123:session/2026-11-21T00:00:00Z+1"])
def test_a_full_id_is_used_as_it_is(session_id: str) -> None:
    assert SessionNames().resolve(session_id, ARN) == session_id


def test_what_a_short_name_became_can_be_passed_back() -> None:
    names = SessionNames()
    session = names.resolve("review", ARN)

    assert names.resolve(session, ARN) == session


def test_all_is_no_name_because_it_means_every_session_where_one_is_stopped() -> None:
    with pytest.raises(InvalidRequestError, match="'all' is no name"):
        SessionNames().resolve("all", ARN)


def test_who_stops_a_session_is_not_told_how_to_open_one() -> None:
    with pytest.raises(InvalidRequestError) as raised:
        SessionNames().resolve("a/b", ARN, may_be_new=False)

    assert "pass the session_id of an earlier result" in raised.value.message
    assert "leave session_id out" not in raised.value.message


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "NULL",
        "my session",
        "-starts-with-a-dash",
        "ümlaut",
        "a/b",
        "s" * 257,
        "s" * 40 + "\r\nHost: x",
        "x y" * 20,
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"not a session"):
        SessionNames().resolve(text, ARN)


def owned(owner: str, *, foreign: bool = False) -> SessionNames:
    return SessionNames(lambda: b"k" * 32, owner=owner, foreign=foreign)


@pytest.mark.parametrize("called", ["", "review", "x" * 32])
def test_an_id_that_was_made_for_one_of_several_callers_is_theirs_alone_and_of_the_agent_it_was_made_for(
    called: str,
) -> None:
    session = owned("alice").resolve(called, ARN)

    assert MINTED.fullmatch(session)
    assert owned("alice").resolve(session, ARN) == session
    for others in (owned("bob"), owned("bob", foreign=True)):
        with pytest.raises(InvalidRequestError, match="not a session"):
            others.resolve(session, ARN)
    with pytest.raises(InvalidRequestError, match="not a session"):
        owned("alice").resolve(session, OTHER)


@pytest.mark.parametrize("may_be_new", [True, False])
def test_another_callers_session_is_refused_in_the_words_for_one_that_does_not_exist(may_be_new: bool) -> None:
    refusals = []
    theirs = owned("alice").resolve("review", ARN)
    for session in (theirs, theirs[:-1] + ("1" if theirs[-1] == "0" else "0"), f"mcp-{uuid.uuid4()}", "s" * 40):
        with pytest.raises(InvalidRequestError) as raised:
            owned("bob").resolve(session, ARN, may_be_new=may_be_new)
        refusals.append(raised.value.message.replace(session, "ID"))

    assert len(set(refusals)) == 1


def test_short_names_of_several_callers_are_sessions_of_their_own() -> None:
    made = {owned(owner).resolve("review", ARN) for owner in ("", "alice", "bob")}

    assert len(made) == 3


@pytest.mark.parametrize("session_id", ["s" * 33, f"session-{uuid.UUID(int=1).hex}", f"mcp-{uuid.UUID(int=1)}"])
def test_ids_that_were_not_made_here_are_for_the_operator_to_allow(session_id: str) -> None:
    assert owned("alice", foreign=True).resolve(session_id, ARN) == session_id
    with pytest.raises(InvalidRequestError, match="not a session"):
        owned("alice").resolve(session_id, ARN)


def test_ids_without_callers_are_as_they_always_were() -> None:
    session = SessionNames(lambda: b"k" * 32).resolve("review", ARN)

    assert session == "review-9db48e85c8eae214cae5a476a36cf326"
