"""Checks tool arguments, and reports unknown ones and wrong types in a sentence that a model can act on.

The SDK silently drops unknown arguments and reports wrong types in pydantic's own words, so both are checked before the
SDK sees them. Harmless mistakes are corrected: models pass ``null`` for omitted arguments, and ``"30"`` for 30. Hosts
add arguments of their own to every call (Gemini CLI ``wait_for_previous``): a name unlike any of ours is ignored.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult, TextContent

from agentcore_mcp.server.hosts import host_of
from agentcore_mcp.server.live.page import without_page

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.hosted.views import View, Views

# The methods whose results describe the server's tools and agents.
_TELLING = frozenset({"initialize", "server/discover", "tools/list"})
_SHOWN_CHARS = 60
# How many unknown arguments are compared with the known ones, at 0.03 ms or more each. A body has room for hundreds of
# thousands, and all callers would wait.
_UNKNOWN_MAX = 50
_WHOLE_NUMBER = re.compile(r"\s*-?\d+\s*")
# What models pass for omitted arguments, in hosts that require every argument.
_LEFT_OUT = {"string": (None, "null", "None"), "object": (None, "", "null", "None")}
_TYPES = {"string": "a text", "integer": "a whole number", "boolean": "true or false", "object": "an object"}


class ArgumentCheck:
    """Middleware of the MCP server: publishes each tool's schema, and checks the arguments of a call against it.

    Args:
        settings: Which hosts calls are handed over to.
        views: Which tools a caller sees; to the SDK, a hidden tool is an unknown one.
    """

    def __init__(self, settings: Settings, views: Views) -> None:
        self._settings = settings
        self._views = views

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Answer a call with invalid arguments, limit listings to the caller's view, and pass everything else on."""
        params = ctx.params
        view = self._views.current()
        host = host_of(ctx.session, self._settings)
        schemas = view.handing_off if host.hands_off else view.waiting
        if ctx.method in _TELLING and isinstance(result := await call_next(ctx), dict):
            seen = self._seen(result, view, schemas)
            return seen if host.has_live_view else without_page(seen)
        name = params.get("name") if params is not None else None
        # Clients may send anything, even values that are not hashable.
        if ctx.method != "tools/call" or params is None or not isinstance(name, str) or name not in schemas:
            return await call_next(ctx)
        arguments = {} if params.get("arguments") is None else params["arguments"]
        if isinstance(arguments, dict):
            checked, complaints = check(schemas[name], arguments, view.arguments)
        else:
            checked, complaints = {}, [f"its arguments are {_shown(arguments)}, and have to be an object"]
        if complaints:
            text = f"{name} was not called: {'; '.join(complaints)}"
            return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
        return await call_next(ctx if checked == arguments else replace(ctx, params={**params, "arguments": checked}))

    def _seen(self, result: dict[str, Any], view: View, schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return the server's description of itself, limited to the caller's view."""
        seen = dict(result)
        if "instructions" in result:
            seen["instructions"] = view.instructions
        if "tools" in result:
            others = self._views.everything.tools.keys() - view.tools.keys()
            seen["tools"] = [
                {**tool, "description": view.tools[tool["name"]].description, "inputSchema": schemas[tool["name"]]}
                if tool["name"] in schemas
                else tool
                for tool in result["tools"]
                if tool["name"] not in others
            ]
        return seen


def given_text(arguments: Mapping[str, Any], name: str) -> str:
    """Return an optional text argument; "" if it is omitted or not a string."""
    value = arguments.get(name)
    return value if isinstance(value, str) and value not in _LEFT_OUT["string"] else ""


def check(
    schema: Mapping[str, Any], arguments: Mapping[str, Any], ours: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Check arguments against a tool's schema; return the corrected arguments, and complaints about the others.

    Args:
        schema: A JSON schema whose properties are strings, integers, booleans and objects, or lists of strings.
        arguments: What the caller passed.
        ours: The names of other tools' arguments, which are not ignored if they are passed here.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = schema.get("required", [])
    checked: dict[str, Any] = {}
    complaints: list[str] = []
    unknown = 0
    for name, value in arguments.items():
        if name not in properties:
            unknown += value not in (None, "")
            if value not in (None, "") and unknown <= _UNKNOWN_MAX:
                complaints += _unknown(name, list(properties), ours)
        elif name in required or value not in _LEFT_OUT.get(properties[name].get("type"), (None,)):
            try:
                checked[name] = _converted(value, properties[name])
            except ValueError as error:
                complaints.append(f"{name} is {_shown(value)}, and has to be {error}")
    complaints += [f"{name} is missing" for name in required if name not in arguments]
    if "handle" not in required and checked.get("handle"):
        begins = {name: value for name, value in checked.items() if name not in ("handle", "agent", "input")}
        if unheeded := [name for name, value in begins.items() if value != properties[name].get("default")]:
            complaints.append(
                f"a handle only waits for its call, so {', '.join(unheeded)} can't be combined with it; "
                "pass the handle alone, or leave it out to begin a new call"
            )
    return checked, complaints


def _converted(value: object, schema: Mapping[str, Any]) -> object:
    """Return a value of the schema's type, or raise ValueError with the expected type."""
    wanted = schema.get("type")
    if wanted == "integer":
        number = float(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) else value
        if isinstance(number, bool) or not isinstance(number, int | float) or number % 1 != 0:  # inf % 1 is nan
            raise ValueError(_TYPES["integer"])
        return int(number)
    if wanted == "boolean":
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise ValueError(_TYPES["boolean"])
    if wanted == "object":
        # Some models pass the object as a JSON string.
        with suppress(ValueError):
            value = json.loads(value) if isinstance(value, str) else value
        if not isinstance(value, dict):
            raise ValueError(_TYPES["object"])
    if wanted == "string":
        if not isinstance(value, str):
            raise ValueError(_TYPES["string"])
        if "enum" in schema and value not in schema["enum"]:
            raise ValueError(f"one of {', '.join(schema['enum'])}")
    return value


def _unknown(name: str, known: list[str], ours: Collection[str]) -> list[str]:
    """Return the complaint about an unknown argument; none if the host has added it."""
    if close := get_close_matches(name, known, n=1):
        return [f"there is no argument {name[:_SHOWN_CHARS]!r} (did you mean {close[0]!r}?)"]
    return [f"there is no argument {name!r}, only {', '.join(known) or 'calls without any'}"] if name in ours else []


def _shown(value: object) -> str:
    # As the caller wrote it: None and True are Python's.
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
