"""Checks of a hosted server as its clients reach it: its public URL, its metadata, the key sets, the store."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

if TYPE_CHECKING:
    from agentcore_mcp.cli.doctor.findings import Report
    from agentcore_mcp.config import Settings

_TIMEOUT_S = 10.0
_PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
_ACCEPT = {"Accept": "application/json, text/event-stream"}
_FAILING = 500
_REDIS_PORT = 6379
_UNTRUSTED = "if its certificate is of an authority of your own, name that in SSL_CERT_FILE; clients need it, too"


async def look_at_server(settings: Settings, report: Report) -> None:
    """Check the server from outside, through its public URL."""
    url, auth = str(settings.server.public_url), settings.server.auth
    if settings.server.store is not None:
        await _store(settings.server.store.get_secret_value(), report)
    async with httpx2.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as http:
        try:
            answer = await http.post(url, json=_PING, headers=_ACCEPT)
        except (httpx2.HTTPError, OSError) as error:
            why = str(error) or type(error).__name__
            untrusted = "CERTIFICATE_VERIFY_FAILED" in why
            step = _UNTRUSTED if untrusted else "are the server and the proxy in front of it up?"
            report.add("public_url", "failed", f"{url}: {why}", step)
            return
        wrong, step = "", ""
        if answer.is_redirect:
            wrong = f"{url} redirects to {answer.headers.get('location', '')}"
            step = (
                "clients drop Authorization on a redirect to another host; make public_url the address that it leads to"
            )
        elif answer.status_code == 421:
            wrong = f"{url} does not know its own name"
            step = f"the proxy has to pass Host on; {urlsplit(url).hostname} is taken, others by --allowed-host"
        elif answer.status_code in (404, 405) or answer.status_code >= _FAILING:
            wrong = f"{url} answers with HTTP {answer.status_code}"
            step = "is the server up behind its proxy, and does this path lead to its /mcp?"
        report.add(
            "public_url", "failed" if wrong else "ok", wrong or f"{url} answers with HTTP {answer.status_code}", step
        )
        if wrong:
            return
        if auth is None:
            report.add("tokens", "skipped", "not checked: there is no [server.auth]")
            return
        await _metadata(url, answer, http, report)
        from agentcore_mcp.server.hosted.keys import IssuerKeys, KeysUnavailableError

        for issuer in auth.issuers:
            try:
                await IssuerKeys(issuer, http).key(None, auth.algorithms[0])
            except KeysUnavailableError as error:
                report.add("keys", "failed", str(error), "the server has to reach its issuer over HTTPS")
            else:
                report.add("keys", "ok", f"{issuer.issuer} gives its keys")


async def _store(url: str, report: Report) -> None:
    """Ping the Redis that workers share, without showing its URL, which has a password."""
    from agentcore_mcp.server.hosted.store.connection import RedisStore, StoreError

    try:
        async with RedisStore(url).reached() as redis:
            try:
                await redis.ping()
            finally:
                await redis.aclose(close_connection_pool=True)
    except StoreError as error:
        parts, cause = urlsplit(url), error.__cause__
        where = parts.path if parts.hostname is None else f"{parts.hostname}:{parts.port or _REDIS_PORT}"
        step = "start Redis there, or let this machine reach it; until then, /readyz is 503 and calls are refused"
        why = str(cause) or f"no answer ({type(cause).__name__})"
        report.add("store", "failed", f"Redis at {where} (server.store): {why}", step)
    else:
        report.add("store", "ok", "Redis answers")


async def _metadata(url: str, answer: httpx2.Response, http: httpx2.AsyncClient, report: Report) -> None:
    """Follow the challenge as a client without a token does."""
    address = metadata_address(answer)
    if answer.status_code != 401 or not address:
        step = "a proxy must not answer for the server, nor take WWW-Authenticate away"
        report.add("challenge", "failed", f"HTTP {answer.status_code} without resource_metadata", step)
        return
    try:
        resource = str((await http.get(address)).json()["resource"])
    except (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        step = f"the proxy has to pass {urlsplit(address).path} on to the server"
        why = "its answer is no metadata" if isinstance(error, ValueError | KeyError | TypeError) else error
        report.add("metadata", "failed", f"{address}: {why}", step)
        return
    same = resource.rstrip("/") == url.rstrip("/")
    step = (
        ""
        if same
        else "clients refuse metadata of another resource: has the server another public_url, or is it another server?"
    )
    report.add("metadata", "ok" if same else "failed", f"{address} is of {resource}", step)


def metadata_address(answer: httpx2.Response) -> str:
    """Return the metadata URL in a challenge (RFC 9728, 5.1), "" if it names none."""
    return str(answer.headers.get("www-authenticate", "").partition('resource_metadata="')[2].partition('"')[0])
