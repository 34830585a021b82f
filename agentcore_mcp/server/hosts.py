"""Limits of MCP hosts, by the name that they send: how long they wait, and how much of a result they show.

The configuration takes precedence. Hosts that are not listed wait, and show everything: those that neither time out nor
truncate (Claude Code, opencode, Strands), those whose users set the limit (ADK), and those that can't be recognized,
because their clients keep the SDK's default name (OpenAI Agents).
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from agentcore_mcp.server.output import RESULT_MAX_CHARS

if TYPE_CHECKING:
    from mcp.server.session import ServerSession

    from agentcore_mcp.config import Settings

# The extension of SEP-2663, which ``live.tasks`` serves.
TASKS = "io.modelcontextprotocol/tasks"
TASKS_VERSION = "2026-07-28"
# The part of a result around its texts: ids of up to 256 characters, next steps, marks of gaps.
TRAILER_MAX_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Host:
    """The limits and abilities of a host.

    Attributes:
        handoff_after_s: After how many seconds a call is handed over; None if the host waits.
        result_max_chars: How many characters a result may have.
        has_live_view: Whether it shows the live view beside a result.
        takes_tasks: Whether it accepts a task in place of the result of a call that is still running.
    """

    handoff_after_s: float | None = None
    result_max_chars: int = RESULT_MAX_CHARS
    has_live_view: bool = True
    takes_tasks: bool = False

    @property
    def hands_off(self) -> bool:
        """Whether any call may be handed over."""
        return self.handoff_after_s is not None or self.has_live_view or self.takes_tasks

    @property
    def text_max_chars(self) -> int:
        """How many characters of a result are for the texts of a call."""
        return self.result_max_chars - TRAILER_MAX_CHARS


# By the beginning of ``clientInfo.name``. Times are below the host's timeout, measured with a model that calls slow
# tools; lengths are below those at which the host truncated a result, JSON escapes included.
_HOSTS = {
    # Claude Desktop and claude.ai, by public reports: 60 s, whatever the progress.
    "claude-ai": Host(handoff_after_s=50),
    # Cline CLI 3.0.65 (@cline/core) and its extensions: 60 s; 8,000 characters of both contents together.
    "@cline/": Host(handoff_after_s=50, result_max_chars=4_200),
    "Cline": Host(handoff_after_s=50, result_max_chars=4_200),
    # Codex 0.171: 300 s; 12,000 characters of the structured content.
    "codex-mcp-client": Host(handoff_after_s=280, result_max_chars=11_000),
    # Continue CLI 1.5.47 (continue-cli-client) and its extensions (continue-client): 60 s.
    "continue-": Host(handoff_after_s=50),
    # Gemini CLI 0.61: 600 s, whatever the progress; 40,000 characters.
    "gemini-cli-mcp-client": Host(handoff_after_s=560),
    # Qwen Code 0.24: 600 s, and then it calls again; 25,000 characters of both contents together, of longer results
    # only 2,000. Its client name ends with the server's name.
    "qwen-cli-mcp-client": Host(handoff_after_s=560, result_max_chars=12_000),
    # VS Code 1.138 drops the page of a tool with annotations (microsoft/vscode#336916), so it counts as having none.
    "Visual Studio Code": Host(has_live_view=False),
}


class Introduction(NamedTuple):
    """How a host introduced itself in an earlier request: its ``clientInfo.name``, and whether it shows MCP Apps."""

    name: str = ""
    knows_apps: bool = False


# The introduction by the current request's client.
introduced: ContextVar[Introduction] = ContextVar("introduced")


def host_of(session: ServerSession, settings: Settings) -> Host:
    """Return the limits of a session's host, unless the settings override them."""
    params, capabilities = session.client_params, session.client_capabilities
    told = introduced.get(Introduction())
    name = told.name if params is None else params.client_info.name
    apps = told.knows_apps if capabilities is None else knows_apps(capabilities.extensions)
    known = _known(name)
    shows = settings.live_view != "off" and apps
    return Host(
        settings.handoff_after_s or known.handoff_after_s,
        settings.result_max_chars or known.result_max_chars,
        shows and (known.has_live_view or settings.live_view == "on"),
        takes_tasks(session),
    )


@lru_cache
def _known(name: str) -> Host:
    return next((host for beginning, host in _HOSTS.items() if name.startswith(beginning)), Host())


def takes_tasks(session: ServerSession) -> bool:
    """Tell whether the current request's client declares the tasks extension, in the protocol version that has it."""
    capabilities = session.client_capabilities
    extensions = None if capabilities is None else capabilities.extensions
    return session.protocol_version == TASKS_VERSION and TASKS in (extensions or {})


def knows_apps(extensions: Any) -> bool:
    """Tell whether a host shows MCP Apps, as ``mcp.server.apps.client_supports_apps`` does of a context."""
    apps = extensions.get(EXTENSION_ID) if isinstance(extensions, dict) else None
    types = apps.get("mimeTypes") if isinstance(apps, dict) else None
    return isinstance(types, list | tuple) and APP_MIME_TYPE in types
