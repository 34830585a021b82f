"""Which module may import which: the rooms of the package, read off the syntax trees.

An import inside a function or under ``TYPE_CHECKING`` counts like one at the top. It would still couple the rooms,
and a rule that a move into a function gets around is no rule. What a lazy import does change is the cost of starting,
so a library that is only allowed lazily is told apart from the rest by where it is imported. That the lazy ones
really stay out is then seen in a fresh interpreter.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import printed

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = "agentcore_mcp"
ROOT = Path(__file__).parent.parent

# Past this, a noun in the module wants a file of its own, and a group in the folder a room of its own.
MODULE_MAX_LINES = 260
FOLDER_MAX_MODULES = 20

# Imported in the function that needs it: botocore is 0.7 s of start-up that most runs never need, and so are PyJWT and
# cryptography; OpenTelemetry is only there if whoever runs an agent has installed it.
LAZY_ONLY = frozenset(
    {"botocore", "cryptography", "jwt", "limits", "opentelemetry", "prometheus_client", "redis", "tomlkit"}
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What the modules of one room may import: rooms of ours (besides their own) and libraries of others."""

    ours: frozenset[str]
    others: frozenset[str]


def _rule(ours: str = "", others: str = "") -> Rule:
    return Rule(frozenset(ours.split()), frozenset(others.split()))


ROOMS = {
    "_lazy": _rule(),
    "errors": _rule(),
    "_logs": _rule("wire"),
    "wire": _rule("errors"),
    "runtime": _rule("errors wire _lazy", "anyio httpx2 botocore websockets"),
    "hosting": _rule("errors wire _lazy", "anyio opentelemetry starlette uvicorn"),
    "local": _rule("errors wire hosting _lazy _logs", "anyio httpx2 starlette uvicorn"),
    # What is in a room of its own has a rule of its own, which also says where it stands among its neighbours.
    "local.line": _rule("errors wire", "anyio starlette uvicorn h11"),
    "local.callers": _rule("errors wire local.line", "starlette botocore cryptography jwt"),
    "local.sandbox": _rule("errors wire local.line", "anyio httpx2 uvicorn"),
    "local.operations": _rule("errors wire local.line local.sandbox", "anyio httpx2 websockets"),
    "samples": _rule("hosting wire", "mcp pydantic starlette"),
    "config": _rule("errors wire", "pydantic"),
    "server": _rule("errors wire runtime config", "anyio h11 httpx2 mcp pydantic starlette uvicorn"),
    # The libraries of its extras are imported on use.
    "server.hosted": _rule(
        "errors wire runtime config server",
        "anyio httpx2 jwt limits mcp opentelemetry prometheus_client pydantic redis starlette",
    ),
    "cli": _rule(
        "errors wire runtime hosting local config server _logs",
        "anyio click httpx2 mcp rich starlette tomlkit uvicorn websockets",
    ),
    "__main__": _rule("cli"),
    # The package itself resolves its names on first use; what it may not do is import a room at the top.
    "__init__": _rule("errors runtime hosting local server _lazy"),
}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module and whether importing the importing module runs the import."""

    name: str
    line: int
    eager: bool


def imports_of(source: str, module: str) -> list[Import]:
    """List the imports of a module's source, relative ones made absolute."""
    found: list[Import] = []

    def visit(node: ast.AST, *, eager: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, node.lineno, eager) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                # A package's own __init__ stands one level lower than its name says.
                parents = module.removesuffix(".__init__").split(".")
                keep = len(parents) - node.level + module.endswith(".__init__")
                base = ".".join([*parents[:keep], *([node.module] if node.module else [])])
            # `from package import name`: the name may be a module, so it is kept as part of the path.
            found.extend(Import(f"{base}.{alias.name}", node.lineno, eager) for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                visit(statement, eager=False)
            for statement in node.orelse:
                visit(statement, eager=eager)
        else:
            inner = eager and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                visit(child, eager=inner)

    visit(ast.parse(source), eager=True)
    return found


def room_of(module: str) -> str:
    """Return the room of a module given by its dotted name, e.g. ``wire`` of ``agentcore_mcp.wire.sse``."""
    path = module.removeprefix(f"{PACKAGE}.")
    return max((room for room in ROOMS if f"{path}.".startswith(f"{room}.")), key=len)


def violations(source: str, module: str) -> list[str]:
    """Say what in a module's source the contract forbids; nothing is good news."""
    room = room_of(module)
    rule = ROOMS[room]
    complaints = []
    for found in imports_of(source, module):
        top, _, rest = found.name.partition(".")
        if top == PACKAGE:
            target = rest.partition(".")[0]
            if target not in ROOMS:  # `from agentcore_mcp import X`: the lazy package, which leads anywhere
                forbidden = True
            elif room == "__init__":
                forbidden = target not in rule.ours or (found.eager and target != "_lazy")
            else:
                forbidden = not any(f"{rest}.".startswith(f"{allowed}.") for allowed in {room, *rule.ours})
        elif top in LAZY_ONLY:
            forbidden = top not in rule.others or found.eager
        else:
            forbidden = top not in rule.others and top not in sys.stdlib_module_names
        if forbidden:
            complaints.append(f"{module}:{found.line} imports {found.name}{'' if found.eager else ' (lazily)'}")
    return complaints


# The package's modules: their sources by dotted name.
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / PACKAGE).rglob("*.py"))
}


def test_a_module_imports_only_what_its_room_may() -> None:
    assert [complaint for module, source in MODULES.items() for complaint in violations(source, module)] == []


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the groups of modules that all lead to each other by their imports."""
    reached = {module: _reached_from(module, graph) for module in graph}
    groups = ({other for other in others if module in reached[other]} for module, others in reached.items())
    return [group for module, group in zip(reached, groups, strict=True) if group and module == min(group)]


def _reached_from(module: str, graph: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [module]
    while waiting:
        found = graph[waiting.pop()] - reached
        reached |= found
        waiting += found
    return reached


def _graph(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Return which modules each of them imports, in whatever way. A package stands for what its ``__init__`` does."""
    known = {module.removesuffix(".__init__") for module in sources}
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        names = {found.name for found in imports_of(source, module)}
        # `from package import name`: the name is a module, or something in one.
        imported = {name if name in known else name.rpartition(".")[0] for name in names} & known
        graph[module.removesuffix(".__init__")] = imported
    return graph


def test_no_modules_import_each_other() -> None:
    assert circles(_graph(MODULES)) == []


def test_a_circle_is_seen_however_long_it_is() -> None:
    sources = {
        "a.__init__": "from a import b",
        "a.b": "from . import c",
        "a.c": "def f():\n    import a.d",
        "a.d": "if TYPE_CHECKING:\n    from a.b import name",
        "a.e": "import a.d, json",
    }

    assert circles(_graph(sources)) == [{"a.b", "a.c", "a.d"}]
    assert circles(_graph(sources | {"a.b": ""})) == []


def test_a_module_is_about_one_noun_and_a_folder_about_one_group() -> None:
    lines = {module.removeprefix(f"{PACKAGE}."): source.count("\n") for module, source in MODULES.items()}
    folders = Counter(module.rpartition(".")[0] for module in lines if not module.endswith("__init__"))

    assert {module: n for module, n in lines.items() if n > MODULE_MAX_LINES} == {}
    assert {folder: n for folder, n in folders.items() if n > FOLDER_MAX_MODULES} == {}


def test_the_wire_never_splits_at_what_only_str_calls_a_line_end() -> None:
    """U+2028 and its like arrive raw inside events; ``str.splitlines()`` would cut there."""
    wire = [(module, ast.parse(source)) for module, source in MODULES.items() if room_of(module) == "wire"]
    names = [(module, node.attr) for module, tree in wire for node in ast.walk(tree) if isinstance(node, ast.Attribute)]

    assert [module for module, name in names if name == "splitlines"] == []


FORBIDDEN = [
    ("wire.sse", "import httpx2"),
    ("wire.sse", "import botocore.eventstream"),
    ("wire.sse", "from agentcore_mcp.runtime.client import RuntimeClient"),
    ("wire.sse", "from agentcore_mcp.runtime import client"),
    ("wire.sse", "from agentcore_mcp import runtime"),
    ("wire.sse", "from ..runtime import client"),
    ("wire.sse", "from .. import runtime"),
    ("wire.sse", "from agentcore_mcp import RuntimeClient"),
    ("wire.__init__", "from ..config import Settings"),
    ("errors", "import pydantic"),
    ("runtime.auth.sigv4", "from botocore.auth import SigV4Auth"),
    ("runtime.auth.sigv4", "class A:\n    import botocore"),
    ("runtime.auth.sigv4", "def f():\n    import mcp"),
    ("runtime.auth.sigv4", "import pydantic"),
    ("hosting.app", "from agentcore_mcp.server.assembly import create_server"),
    ("hosting.app", "import httpx2"),
    ("hosting.app", "def f():\n    import botocore"),
    ("hosting.telemetry", "import opentelemetry.context"),
    ("hosting.app", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mcp.types"),
    ("local.sandbox.sessions", "import mcp"),
    ("local.sandbox.session", "from agentcore_mcp.local.operations.shells import Shell"),
    ("local.line.routes", "if TYPE_CHECKING:\n    from agentcore_mcp.local.sandbox.targets import HostedAgent"),
    ("local.callers.gate", "from agentcore_mcp.local.frontdoor import FrontDoor"),
    ("local.callers.gate", "from agentcore_mcp.local import server"),
    ("config", "from agentcore_mcp.runtime.auth.bearer import BearerAuth"),
    ("server.tools", "from agentcore_mcp.hosting.app import BedrockAgentCoreApp"),
    ("server.tools", "async def f():\n    from agentcore_mcp.cli import main"),
    ("server.tools", "import requests"),
    ("cli.main", "from botocore.session import Session"),
    ("__init__", "from agentcore_mcp.hosting.app import BedrockAgentCoreApp"),
]
ALLOWED = [
    ("wire.sse", "from __future__ import annotations\nimport json\nfrom collections.abc import Mapping"),
    ("wire.sse", "from .operations import RuntimeArn"),
    ("runtime.auth.sigv4", "def f():\n    from botocore.auth import SigV4Auth"),
    ("runtime.auth.sigv4", "if TYPE_CHECKING:\n    from botocore.session import Session"),
    ("local.sandbox.sessions", "from agentcore_mcp.local.line.refusals import Refusal\nimport httpx2"),
    ("local.operations.shells", "from agentcore_mcp.local.sandbox.session import Session"),
    ("local.server", "from agentcore_mcp.local.operations.shells import Shells"),
    ("local.server", "from agentcore_mcp.hosting.app import BedrockAgentCoreApp"),
    ("server.tools", "from mcp.server.mcpserver import Context\nfrom agentcore_mcp.wire import operations"),
    ("cli.main", "from agentcore_mcp.server.assembly import create_server\nimport mcp"),
    ("__init__", "if TYPE_CHECKING:\n    from agentcore_mcp.hosting.app import BedrockAgentCoreApp"),
]


def test_the_check_sees_a_forbidden_import_and_lets_an_allowed_one_pass() -> None:
    for module, source in FORBIDDEN:
        assert len(violations(source, f"{PACKAGE}.{module}")) == 1, (module, source)
    for module, source in ALLOWED:
        assert violations(source, f"{PACKAGE}.{module}") == [], (module, source)


def _import_all_but(*rooms: str) -> str:
    names = [module for module in MODULES if room_of(module) not in rooms]
    return f"import {', '.join(name.removesuffix('.__init__') for name in names)}"


def _loaded_by(statements: str, *libraries: str) -> set[str]:
    """Run statements in a fresh interpreter and return which of the libraries they loaded."""
    script = f"{statements}\nimport sys\nprint(*(set({libraries!r}) & set(sys.modules)))"
    return set(printed(script)[0].split())


@pytest.mark.parametrize("statement", ["import agentcore_mcp", "from agentcore_mcp import BedrockAgentCoreApp"])
def test_an_agent_container_pays_for_nothing_that_hosting_an_agent_does_not_need(statement: str) -> None:
    assert _loaded_by(statement, "mcp", "botocore", "pydantic", "httpx2", "uvicorn", "opentelemetry") == set()


def test_only_the_server_the_command_and_the_sample_of_one_load_mcp() -> None:
    assert _loaded_by(_import_all_but("server", "server.hosted", "samples", "cli", "__main__"), "mcp") == set()


def test_no_module_loads_botocore_when_it_is_imported() -> None:
    assert _loaded_by(_import_all_but("__main__"), "botocore") == set()
