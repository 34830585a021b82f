"""``agentcore-mcp sessions``: the sessions opened from this machine's terminals, or through a hosted server."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import anyio
import click

from agentcore_mcp.cli.options import AgentOptions, agent_options, settings_for
from agentcore_mcp.cli.terminal.naming import agents_named, sessions_named
from agentcore_mcp.errors import ConfigurationError, ConnectError
from agentcore_mcp.runtime.environment import tls_context
from agentcore_mcp.wire.characters import visible
from agentcore_mcp.wire.limits import IDLE_TIMEOUT_S, SESSION_LIFETIME_S
from agentcore_mcp.wire.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOKEN_VARIABLE = "AGENTCORE_MCP_TOKEN"  # noqa: S105 - where it is found
# Stopping a session takes a second or more, and a server stops 64 at once.
_LIMIT_S = 120.0


@click.command()
@click.argument("action", type=click.Choice(["list", "stop"]), default="list")
@click.argument("session_id", nargs=-1, metavar="[SESSION_ID]...", shell_complete=sessions_named)
@click.option(
    "--url", metavar="URL", help="A hosted server, such as https://HOST/mcp; default: public_url of --config."
)
@click.option(
    "--subject", multiple=True, metavar="NAME", help="Only what this caller of the server opened; repeatable."
)
@click.option(
    "--agent",
    "which",
    multiple=True,
    metavar="NAME",
    shell_complete=agents_named,
    help="Only sessions of this agent; repeatable.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Stop all, those of a server everybody's; list those of the last 14 days, too.",
)
@click.option("--yes", is_flag=True, help="Don't ask before --all on a server.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@agent_options
def sessions(
    action: str,
    url: str | None,
    which: Sequence[str],
    *,
    everything: bool,
    yes: bool,
    as_json: bool,
    agent: AgentOptions,
    **named: Sequence[str],
) -> None:
    """List or stop sessions that are open: AWS has no API that lists them.

    They are those that `invoke` and `run` opened from this machine. With --url, or a --config that has
    server.public_url, they are those that anybody opened through that `agentcore-mcp serve`; one with [server.auth]
    asks for a token with the operator's scope, in the variable AGENTCORE_MCP_TOKEN. Exits with 1 if a session was not
    stopped.
    """
    address = _address(url, agent.config)
    query = {name: values for name, values in {**named, "agent": which}.items() if values}
    if action == "stop" and everything == bool(query):
        raise click.UsageError("say which sessions to stop: their ids, --subject, --agent, or --all alone")
    if address is None and "subject" in query:
        raise click.UsageError("--subject is a caller of a hosted server: say which, by --url")
    if action == "list":
        found = _listed_here(query, everything=everything) if address is None else _ask("GET", address, query)
    elif address is None:
        from agentcore_mcp.cli.terminal.sessions import stop_here

        with settings_for(agent) as settings:
            found = anyio.run(lambda: stop_here(settings, named["session_id"], which, quiet=as_json))
    else:
        if everything and not yes and sys.stdin is not None and sys.stdin.isatty():
            click.confirm(f"Stop all sessions of everybody at {address}?", abort=True, err=True)
        found = _ask("POST", f"{address}/stop", query or {"all": ["true"]})
        missing = set(named["session_id"]) - {session["session_id"] for session in found}
        found += [{"session_id": one, "status": "not_open"} for one in sorted(missing)]
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif action == "list" or address is not None:
        click.echo("\n".join(map(_line, found)) or "no session is open")
    sys.exit(any(session.get("status") in ("error", "not_open") for session in found))


def _address(url: str | None, config: str | None) -> str | None:
    """Return the URL of a server's API for operators, beside its MCP endpoint; None if no server is named.

    Raises:
        ConfigurationError: If a token must not be sent there, or the configuration can't be used.
    """
    if url is None and config is not None:
        from agentcore_mcp.config.loading import load

        url = load(os.environ, config=config).settings.server.public_url
    if url is None:
        return None
    address = urljoin(url, "sessions")
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ConfigurationError(f"{address!r} is neither https:// nor on this machine, and a token is not sent there")
    return address


def _listed_here(query: Mapping[str, Sequence[str]], *, everything: bool) -> list[dict[str, Any]]:
    """Return the remembered sessions by id or short name and by agent; without ids, only those that may still exist."""
    from agentcore_mcp.cli.terminal.opened import OpenedSessions

    ids, agents = query.get("session_id", ()), query.get("agent", ())
    # The longest idle timeout of a session that is not on a capacity provider is its lifetime.
    oldest = 0 if everything or ids else time.time() - SESSION_LIFETIME_S
    return [
        {
            "session_id": one.session_id,
            "agent": one.agent,
            "called": one.called,
            "folder": one.place,
            "opened_at": round(one.opened_at),
            "used_at": round(one.used_at),
            "probably_ended": time.time() - one.used_at > IDLE_TIMEOUT_S,
        }
        for one in OpenedSessions().all(ids, agents)
        if one.used_at > oldest
    ]


def _ask(method: str, address: str, query: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the sessions in a server's response.

    Raises:
        ConnectError: If it can't be reached.
        ClickException: If it refuses.
    """
    import httpx2

    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    local = is_loopback(urlsplit(address).hostname or "")
    try:
        with httpx2.Client(timeout=_LIMIT_S, trust_env=not local, verify=tls_context()) as client:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = client.request(method, address, params=query, headers=headers)
    except (httpx2.HTTPError, UnicodeError) as error:
        raise ConnectError(
            f"no answer from {address}: {error or type(error).__name__}; is the server there?"
        ) from error
    try:
        told = answer.json()
    except ValueError:
        told = None
    if not isinstance(told, dict) or not isinstance(found := told.get("sessions"), list):
        why = str(told.get("error_description", "")) if isinstance(told, dict) else ""
        if answer.status_code == 401 and not token:
            why = f"it asks for a token: set {TOKEN_VARIABLE}"
        text = f"{address} answered {answer.status_code}: {visible(why) or 'not as this server does'}"
        raise click.ClickException(text)
    return found


def _line(session: dict[str, Any]) -> str:
    """Return a session as one line, escaped because it contains other users' text."""
    if "status" in session:
        told = [session["session_id"], session["status"], session.get("error")]
        return ": ".join(visible(text) for text in told if text)
    times = f"open {_since(session['opened_at'])}, idle {_since(session['used_at'])}"
    if "folder" in session:
        name = f"{session['called']}  " if session["called"] != session["session_id"] else ""
        who, more = f"{name}{session['folder']}", " (probably ended)" if session["probably_ended"] else ""
    else:
        who = f"{session['subject'] or 'anybody'} ({session['client'] or 'any client'})"
        more = f", {session['calls']} call{'s' * (session['calls'] != 1)}"
    return visible(f"{session['session_id']}  {session['agent']}  {who}  {times}{more}")


def _since(then: float) -> str:
    minutes = max(0, round(time.time() - then)) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
