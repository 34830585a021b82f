"""``agentcore-mcp sessions``: what is open through a hosted server, for its operator, who can stop it."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import click

from agentcore_mcp.errors import ConfigurationError, ConnectError
from agentcore_mcp.wire.characters import visible
from agentcore_mcp.wire.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOKEN_VARIABLE = "AGENTCORE_MCP_TOKEN"  # noqa: S105 - where it is found
# Stopping a session takes a second or more, and a server stops 64 at once.
_LIMIT_S = 120.0


@click.command()
@click.argument("action", type=click.Choice(["list", "stop"]), default="list")
@click.argument("session_id", nargs=-1, metavar="[SESSION_ID]...")
@click.option("--url", metavar="URL", help="The server, such as https://HOST/mcp; default: public_url of --config.")
@click.option("--config", metavar="FILE", help="The server's configuration file.")
@click.option("--subject", multiple=True, metavar="NAME", help="Only what this subject opened; repeatable.")
@click.option("--agent", multiple=True, metavar="NAME", help="Only sessions of this agent; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Stop all sessions of everybody.")
@click.option("--yes", is_flag=True, help="Don't ask before --all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def sessions(
    action: str,
    url: str | None,
    config: str | None,
    *,
    everything: bool,
    yes: bool,
    as_json: bool,
    **named: Sequence[str],
) -> None:
    """List or stop the sessions that were opened through a running `agentcore-mcp serve`, whoever opened them.

    AWS has no API that lists sessions. A server with [server.auth] asks for a token with the operator's scope, in the
    variable AGENTCORE_MCP_TOKEN. Exits with 1 if a session was not stopped.
    """
    address = _address(url, config)
    query = {name: values for name, values in named.items() if values}
    if action == "list":
        found = _ask("GET", address, query)
    elif everything == bool(query):
        raise click.UsageError("say which sessions to stop: their ids, --subject, --agent, or --all alone")
    else:
        if everything and not yes and sys.stdin is not None and sys.stdin.isatty():
            click.confirm(f"Stop all sessions of everybody at {address}?", abort=True, err=True)
        found = _ask("POST", f"{address}/stop", query or {"all": ["true"]})
        missing = set(named["session_id"]) - {session["session_id"] for session in found}
        found += [{"session_id": one, "status": "not_open"} for one in sorted(missing)]
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(map(_line, found)) or "no session is open")
    if any(session.get("status") in ("error", "not_open") for session in found):
        sys.exit(1)


def _address(url: str | None, config: str | None) -> str:
    """Return where a server answers operators: beside its MCP endpoint.

    Raises:
        ConfigurationError: If a token must not be sent there, or the configuration can't be used.
    """
    if url is None and config is not None:
        from agentcore_mcp.config.loading import load

        url = load(os.environ, config=config).settings.server.public_url
    if url is None:
        raise ConfigurationError("say which server: --url URL, or --config FILE with server.public_url")
    address = urljoin(url, "sessions")
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ConfigurationError(f"{address!r} is neither https:// nor on this machine, and a token is not sent there")
    return address


def _ask(method: str, address: str, query: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the sessions that a server answers with.

    Raises:
        ConnectError: If it can't be reached.
        ClickException: If it refuses.
    """
    import httpx2

    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    local = is_loopback(urlsplit(address).hostname or "")
    try:
        with httpx2.Client(timeout=_LIMIT_S, trust_env=not local) as client:
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
    """Show a session on a line; its words are others'."""
    if "status" in session:
        told = [session["session_id"], session["status"], session.get("error")]
        return ": ".join(visible(text) for text in told if text)
    who = f"{session['subject'] or 'anybody'} ({session['client'] or 'any client'})"
    times = f"open {_since(session['opened_at'])}, idle {_since(session['used_at'])}, {session['calls']} calls"
    return visible(f"{session['session_id']}  {session['agent']}  {who}  {times}")


def _since(then: float) -> str:
    minutes = max(0, round(time.time() - then)) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
