"""The protocols of runtimes, and which of them an answer looks to be in."""

from __future__ import annotations

from typing import Any

from agentcore_mcp.errors import WrongProtocolError
from agentcore_mcp.wire.dialects.agui import EVENTS

# As the service model of the control plane names them (``ServerProtocol``), and as configurations do.
NAMES = {"HTTP": "http", "A2A": "a2a", "AGUI": "agui", "MCP": "mcp"}
# Of a request that could not be read, so that its id isn't known: other errors may be what an HTTP agent passes on.
_UNREADABLE = (-32600, -32700)


def spoken_in(value: Any) -> str:
    """Return the protocol that a piece of an answer, parsed, looks to be in; "http" if it looks like no other."""
    if isinstance(value, dict):
        if value.get("jsonrpc") == "2.0":
            return "a2a"
        if value.get("type") in (*EVENTS, "CUSTOM") or value.get("error") == "Invalid RunAgentInput":
            return "agui"
    return "http"


def refused_by(value: Any) -> str:
    """Return the protocol whose agent could not read a plain HTTP request, by what it answered; "" if it could.

    Measured: A2A agents of ``a2a-sdk`` 0.3.26 and 1.3 answer HTTP 200 with a JSON-RPC error without an id.
    """
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, dict) and value.get("id") is None and error.get("code") in _UNREADABLE:
        return spoken_in(value)
    return "agui" if error == "Invalid RunAgentInput" else ""


def wrong_protocol(asked: str, speaks: str, answer: str) -> WrongProtocolError:
    """Return the error that an answer in another protocol is."""
    message = f"the agent was asked in the protocol {asked!r}, and its answer is {speaks!r}: {answer[:200]!r}"
    return WrongProtocolError(message, speaks=speaks)
