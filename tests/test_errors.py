"""The tree of exceptions, and how they are constructed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp import errors
from agentcore_mcp.errors import AgentCoreError, AgentError, AgentRuntimeError, AuthProblem, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("kind", [AgentRuntimeError, ServiceError, AgentError])
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("it broke",), "it broke"),
        (("it broke", "ValueError"), "ValueError: it broke"),
        (("it broke", "ValueError", "in step 3"), "ValueError: it broke (in step 3)"),
        (("it broke", "", "in step 3"), "it broke (in step 3)"),
    ],
)
def test_an_error_of_the_runtime_has_its_text_its_type_and_a_sentence(
    kind: type[AgentRuntimeError], arguments: tuple[str, ...], text: str
) -> None:
    error = kind(*arguments)

    assert (error.error, error.error_type) == (*arguments, "")[:2]
    assert str(error) == error.message == text


@pytest.mark.parametrize("kind", [AgentRuntimeError, ServiceError, AgentError])
def test_the_arguments_of_an_error_have_names(kind: type[AgentRuntimeError]) -> None:
    error = kind(error="e", error_type="T", message="d", status=400, request_id="r", session_id="s")

    assert (error.error, error.error_type, str(error)) == ("e", "T", "T: e (d)")
    assert (error.status, error.request_id, error.session_id) == (400, "r", "s")


def test_a_refusal_is_complete_when_it_is_made() -> None:
    attributes: dict[str, Any] = {
        "code": "ValidationException",
        "reason": "CannotParse",
        "fields": (("timeout", "too long"),),
        "www_authenticate": "Bearer",
        "auth_problem": AuthProblem.TOKEN_EXPIRED,
        "retry_after_s": 1.5,
        "foreign": True,
    }
    error = ServiceError("e", "T", **attributes)

    assert attributes.items() <= vars(error).items()
    assert ServiceError("e", "T").code == "T"


def test_the_tree_at_the_top_of_the_file_is_the_tree() -> None:
    def lines(parent: type[AgentCoreError], indent: str) -> Iterator[str]:
        children = [child for child in parent.__subclasses__() if child.__module__ == errors.__name__]
        for child in children:
            last = child is children[-1]
            yield f"{indent}{'└── ' if last else '├── '}{child.__name__}"
            yield from lines(child, indent + ("    " if last else "│   "))

    drawn = re.findall(r"^    ([├└│ ]*── \w+)", errors.__doc__ or "", re.MULTILINE)

    assert drawn == list(lines(AgentCoreError, ""))


def test_one_class_catches_everything() -> None:
    defined = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]

    assert [value for value in defined if not issubclass(value, AgentCoreError)] == []


def test_a_closed_websocket_says_how() -> None:
    error = errors.WebSocketClosedError("closed", code=1008, reason="too long", session_id="s")

    assert (str(error), error.code, error.reason, error.session_id) == ("closed", 1008, "too long", "s")
