"""The names that this room gives: resolved on first use, listed, and all that its public methods speak of."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest

import agentcore_mcp
from agentcore_mcp import runtime
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStart, ContentStop
from tests.support.processes import printed

if TYPE_CHECKING:
    from collections.abc import Iterator

# Called and made by the clients and the command alone.
_NOT_FOR_USERS = {
    "Retries.after_answer",
    "Retries.after_failure",
    "Retries.after_upgrade",
    "RuntimeWebSocket.__init__",
    "SigV4Auth.caller_identity",
}

# What annotations may name besides: the standard library's and httpx2's own.
_OF_OTHERS = {
    "AbstractAsyncContextManager",
    "AbstractContextManager",
    "Any",
    "AsyncGenerator",
    "AsyncIterator",
    "Awaitable",
    "Callable",
    "Credentials",
    "Generator",
    "datetime",
    "InitVar",
    "Iterable",
    "Iterator",
    "KW_ONLY",
    "Literal",
    "Mapping",
    "Self",
    "Sequence",
    "T",
    "TracebackType",
    "httpx2",
    "os",
    "ssl",
}


@pytest.mark.parametrize("name", runtime.__all__)
def test_every_name_is_there_and_is_listed(name: str) -> None:
    assert getattr(runtime, name) is not None
    assert name in dir(runtime)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Invocation", "agentcore_mcp.runtime.bodies.Answer[str]"),
        ("BlockingInvocation", "agentcore_mcp.runtime.blocking.bodies.BlockingAnswer[str]"),
        ("CommandEvent", str(ContentStart | ContentDelta | ContentStop)),
    ],
)
def test_names_of_types_that_are_made_of_others_mean_those(name: str, meant: str) -> None:
    assert str(getattr(runtime, name)) == meant


def test_names_that_the_package_gives_too_are_the_same() -> None:
    both = set(agentcore_mcp.__all__) & set(runtime.__all__)

    assert {"RuntimeClient", "Invocation", "CommandRun", "AuthProblem", "SSEDecoder"} <= both
    assert all(getattr(agentcore_mcp, name) is getattr(runtime, name) for name in both)


def _documented(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield a public class's or function's own public parts, each with how to call it in a message."""
    if not inspect.isclass(thing):
        yield thing.__qualname__, thing
        return
    yield thing.__name__, thing
    own = [base for base in thing.__mro__ if base.__module__.startswith("agentcore_mcp")]
    parts = {name: part for base in reversed(own) for name, part in vars(base).items()}
    for name, part in parts.items():
        function = part.fget if isinstance(part, property) else inspect.unwrap(getattr(part, "__func__", part))
        if inspect.isfunction(function) and (not name.startswith("_") or name in ("__init__", "__aiter__", "__iter__")):
            yield f"{thing.__name__}.{name}", function


def _names_in(part: Any) -> set[str]:
    notes = [note for name, note in inspect.get_annotations(part).items() if not name.startswith("_")]
    texts = [str(getattr(note, "__forward_arg__", note)) for note in notes]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    raised = re.search(r"^ *Raises:\n((?: +.*\n?)+)", inspect.getdoc(part) or "", re.MULTILINE)
    errors = re.findall(r"^ {4}(\w+(?:, \w+)*):", raised[1], re.MULTILINE) if raised else []
    return {node.id for node in nodes if isinstance(node, ast.Name)} | set(", ".join(errors).split(", ")) - {""}


_PUBLIC = {
    name: part
    for public in runtime.__all__
    if callable(thing := getattr(runtime, public)) and getattr(thing, "__module__", "").startswith("agentcore_mcp")
    for name, part in _documented(getattr(thing, "__origin__", thing))
    if name not in _NOT_FOR_USERS
}


@pytest.mark.parametrize("name", _PUBLIC)
def test_whatever_a_public_method_takes_returns_or_raises_has_a_public_name(name: str) -> None:
    unknown = _names_in(_PUBLIC[name]) - set(runtime.__all__) - _OF_OTHERS - set(dir(builtins))

    assert unknown <= {"Answer", "BlockingAnswer"}, "those that Invocation and CommandRun are made of"


def test_the_walk_sees_returns_fields_and_errors() -> None:
    seen = {name: _names_in(part) for name, part in _PUBLIC.items()}

    assert {"Invocation", "Runtime", "AgentError", "Mapping"} <= seen["RuntimeClient.invoke"]
    assert "StoppedSession" in seen["RuntimeClient.stop_session"]
    assert "CommandResult" in seen["AgentCoreRuntimeClient.execute_command"]
    assert "RuntimeWebSocket" in seen["AgentCoreRuntimeClient.connect_ws"]
    assert {"AsyncGenerator", "T"} <= seen["Answer"]


@pytest.mark.parametrize(
    ("statement", "too_heavy"),
    [
        ("import agentcore_mcp.runtime", "anyio botocore httpx2 mcp websockets"),
        ("from agentcore_mcp import AgentCoreRuntimeClient as C; C()", "botocore boto3 mcp websockets"),
        ("from agentcore_mcp.runtime import connect", "botocore boto3 mcp"),
    ],
)
def test_nothing_is_loaded_before_it_is_needed(statement: str, too_heavy: str) -> None:
    script = f"{statement}; import sys; print(*(set({too_heavy.split()!r}) & set(sys.modules)))"

    assert printed(script)[0] == "\n"
