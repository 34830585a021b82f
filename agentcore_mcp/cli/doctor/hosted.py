"""What clients of a hosted server meet on their way to it: its public URL, its metadata, the keys, the store."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

if TYPE_CHECKING:
    from agentcore_mcp.cli.doctor.findings import Report
    from agentcore_mcp.config import Settings

_ABOUT = "hosted server"
_TIMEOUT_S = 10.0
_OPENID = "/.well-known/openid-configuration"
_OAUTH = "/.well-known/oauth-authorization-server"


async def look_at_server(settings: Settings, report: Report) -> None:
    """Look at the server from outside, as its public URL leads there."""
    url = settings.server.public_url
    assert url is not None  # noqa: S101 - the caller looked
    async with httpx2.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as http:
        try:
            answer = await http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        except (httpx2.HTTPError, OSError) as error:
            report.add(_ABOUT, "public_url", "failed", f"{url}: {error}", "is the proxy in front of the server up?")
            return
        if answer.is_redirect:
            where = answer.headers.get("location", "")
            step = (
                "clients drop Authorization on a redirect to another host; make public_url the address that it leads to"
            )
            report.add(_ABOUT, "public_url", "failed", f"{url} redirects to {where}", step)
            return
        if answer.status_code == 421:
            step = f"the proxy has to pass Host on; {urlsplit(url).hostname} is taken, others by --allowed-host"
            report.add(_ABOUT, "public_url", "failed", f"{url} does not know its own name", step)
            return
        report.add(_ABOUT, "public_url", "ok", f"{url} answers with HTTP {answer.status_code}")
        if settings.server.auth is None:
            report.add(_ABOUT, "tokens", "skipped", "not checked: there is no [server.auth]")
            return
        await _metadata(settings, answer, http, report)
        await _issuers(settings, http, report)


async def _metadata(settings: Settings, answer: httpx2.Response, http: httpx2.AsyncClient, report: Report) -> None:
    """Follow the challenge, as a client does that has no token."""
    challenge = answer.headers.get("www-authenticate", "")
    address = challenge.partition('resource_metadata="')[2].partition('"')[0]
    if answer.status_code != 401 or not address:
        step = "a proxy must not answer for the server, nor take WWW-Authenticate away"
        report.add(_ABOUT, "challenge", "failed", f"HTTP {answer.status_code} without resource_metadata", step)
        return
    try:
        document = (await http.get(address)).json()
        resource = str(document["resource"])
    except (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        step = f"the proxy has to pass {urlsplit(address).path} on to the server"
        report.add(_ABOUT, "metadata", "failed", f"{address}: {error}", step)
        return
    same = resource.rstrip("/") == str(settings.server.public_url).rstrip("/")
    step = "" if same else "clients refuse metadata of another resource: is this another server's?"
    report.add(_ABOUT, "metadata", "ok" if same else "failed", f"{address} is of {resource}", step)


async def _issuers(settings: Settings, http: httpx2.AsyncClient, report: Report) -> None:
    """Fetch the keys of each issuer."""
    from agentcore_mcp.server.hosted.keys import IssuerKeys, KeysUnavailableError

    assert settings.server.auth is not None  # noqa: S101 - the caller looked
    for issuer in settings.server.auth.issuers:
        try:
            await IssuerKeys(issuer, http).key(None, settings.server.auth.algorithms[0])
        except KeysUnavailableError as error:
            report.add(_ABOUT, "keys", "failed", str(error), "the server has to reach its issuer over HTTPS")
        else:
            report.add(_ABOUT, "keys", "ok", f"{issuer.issuer} gives its keys")
