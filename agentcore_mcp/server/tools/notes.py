"""Notes: how a result's call can continue, and which text the result leaves out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agentcore_mcp.wire.limits import COMMAND_TIMEOUT_MAX_S

if TYPE_CHECKING:
    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.call import Call
    from agentcore_mcp.wire.pauses import Pause

# An agent may ask any number of questions; the text of its response has all of them.
QUESTIONS_MAX = 20
QUESTION_MAX_CHARS = 1_000


def of(call: Call, settings: Settings, *, shown: bool) -> str:
    """Return all notes on a call; ``shown`` tells whether a live view shows it."""
    notes = [_waiting(call), _going_on(call, settings, shown=shown), _asking(call, settings), _timed_out(call)]
    return "; ".join(filter(None, [*notes, left_out(call, settings)]))


def _going_on(call: Call, settings: Settings, *, shown: bool) -> str:
    if call.finished:
        return ""
    named = f"handle {call.handle!r}"
    if call.shell:
        # Also in hosts that wait, whose tools take no handle.
        named = f"session_id {call.session.session_id!r} and shell {call.shell.name!r}"
    wait = f"call {_tool(call, settings)} with {named} alone to wait for the rest"
    if shown:
        return f"still running, and the user sees it go on in the live view, which tells how it ends; or {wait}"
    return f"still running: {wait}"


def _waiting(call: Call) -> str:
    if call.finished or not call.shell or not call.shell.asks:
        return ""
    return (
        f"it waits for input: {_cut(call.shell.asks)!r}; pass session_id, shell and the answer as input, or ^C to "
        "interrupt it"
    )


def _asking(call: Call, settings: Settings) -> str:
    if not call.finished or not call.pauses:
        return ""
    schemas = [
        f"; an answer to {_cut(pause.id) or 'it'} fits {_cut(json.dumps(pause.schema))}"
        for pause in call.pauses[:QUESTIONS_MAX]
        if pause.schema
    ]
    return (
        f"the agent waits: have the user answer, then call {_tool(call, settings)} with session_id "
        f"{call.session.session_id!r} and the answer as the prompt{''.join(schemas)}"
    )


def questions(call: Call) -> list[dict[str, str]]:
    """Return the questions with which the agent's response ended, and which a person has to answer."""
    return [_question(pause) for pause in call.pauses[:QUESTIONS_MAX]]


def _question(pause: Pause) -> dict[str, str]:
    schema = json.dumps(pause.schema) if pause.schema else ""
    known = {"question": pause.question, "id": pause.id, "name": pause.name, "answer": schema}
    return {name: _cut(text) for name, text in known.items() if text}


def _cut(text: str) -> str:
    return text if len(text) <= QUESTION_MAX_CHARS else f"{text[:QUESTION_MAX_CHARS]}…"


def _tool(call: Call, settings: Settings) -> str:
    agent = call.session.agent
    asked = call.tool == "invoke_agent" and settings.expose == "agents" and agent in settings.names
    return f"ask_{agent}" if asked else call.tool


def _timed_out(call: Call) -> str:
    if call.stop is None or not call.stop.timed_out:
        return ""
    longer = (
        "start it in the background and look at it later"
        if call.timeout_s == COMMAND_TIMEOUT_MAX_S
        else f"pass a larger timeout_seconds, at most {COMMAND_TIMEOUT_MAX_S}"
    )
    return f"it was ended after {call.timeout_s} s, and printed this until then; if it needs longer, {longer}"


def left_out(call: Call, settings: Settings) -> str:
    """Return how to read the text that a call's results left out; "" if there is none."""
    if not call.ever_omitted_chars:
        return ""
    how = f": read them with read_output, handle {call.handle!r}" if settings.allows("read_output") else ""
    spools = {name: output.spool for name, output in call.outputs.items() if output.spool.dropped_bytes}
    gone = "".join(
        f"; of {name}, the {spool.dropped_bytes:,} bytes after the first {spool.kept_bytes:,} are not kept"
        for name, spool in spools.items()
    )
    return f"{call.ever_omitted_chars:,} characters were left out{how}{gone}"
