"""Checks of what a call of an agent needs: a connection, accepted credentials, and permissions."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
import uuid
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import anyio.to_thread
import click
import httpx2

from agentcore_mcp.cli.doctor.hosted import metadata_address
from agentcore_mcp.errors import ConnectError, ServiceError
from agentcore_mcp.runtime import NoAuth, SigV4Auth
from agentcore_mcp.runtime.auth.tokens import read_claims
from agentcore_mcp.runtime.endpoints import endpoint_for, same_origin
from agentcore_mcp.runtime.environment import trusts_environment
from agentcore_mcp.runtime.protocols.turn import Turn
from agentcore_mcp.server.credentials import trusted_certificates
from agentcore_mcp.server.protocols.asking import asked_agent
from agentcore_mcp.wire.eventstream import ContentStop
from agentcore_mcp.wire.operations import HARNESS, INVOKE, STOP
from agentcore_mcp.wire.requests import stop_request

if TYPE_CHECKING:
    from agentcore_mcp.cli.doctor.findings import Report, State
    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.agents import Agents, Target

# SigV4 accepts five minutes.
CLOCK_SKEW_MAX_S = 300
_TIMEOUT_S = 10.0
# Part of the 404 message for a missing runtime or endpoint, as opposed to a missing session.
_NO_RUNTIME = "endpoint or agent"


class Examination:
    """Checks one agent step by step; invokes it or runs a command in it only on request.

    Args:
        target: The agent.
        agents: The agents, with the client that calls it.
        settings: Which certificates to trust.
        report: Where findings go.
    """

    def __init__(self, target: Target, agents: Agents, settings: Settings, report: Report) -> None:
        self._target = target
        self._agent = target.agent
        self._agents = agents
        self._settings = settings
        self._add = report.add
        self._failing = report.failing
        self._url = httpx2.URL(endpoint_for(self._agent.arn, target.endpoint_url))
        self._issuers: list[str] = []

    async def run(self, *, invoke: bool, command: bool) -> None:
        """Run all checks in order, up to the first whose failure makes the rest impossible."""
        self._add("runtime", "ok", f"{self._agent.arn} (region {self._agent.arn.region})")
        proxies = getproxies() if trusts_environment(self._url) and not proxy_bypass(self._url.host) else {}
        proxy = proxies.get(self._url.scheme) or proxies.get("all", "")
        if (
            (proxy or await self._host())
            and await self._connection(has_proxy=bool(proxy))
            and await self._credentials()
        ):
            spoken = await self._agents.spoken_by(self._target)
            state: State = "failed" if spoken.obstacle else "skipped" if spoken.assumed else "ok"
            self._add("protocol", state, f"{spoken.protocol} ({spoken.source})", spoken.obstacle)
            await self._permissions(invoke=invoke, command=command)

    async def _host(self) -> bool:
        """Look up the host."""
        found = []
        for name, family in (("IPv4", socket.AF_INET), ("IPv6", socket.AF_INET6)):
            with suppress(OSError, TimeoutError), anyio.fail_after(_TIMEOUT_S):
                loop = asyncio.get_running_loop()
                addresses = await loop.getaddrinfo(self._url.host, None, family=family, type=socket.SOCK_STREAM)
                found.append(f"{name} {addresses[0][4][0]}")
        if found:
            self._add("host", "ok", f"{self._url.host} is {'; '.join(found)}")
        else:
            step = f"check the region, the network and the resolver: {self._url}"
            self._add("host", "failed", f"{self._url.host} has no address", step)
        return bool(found)

    async def _connection(self, *, has_proxy: bool) -> bool:
        """Send a request without credentials; its error response shows which credentials the runtime accepts."""
        url = self._url
        if has_proxy:
            self._add("proxy", "ok", f"the environment names one for {url.scheme}, which looks up the host")
        try:
            async with httpx2.AsyncClient(
                verify=trusted_certificates(self._settings.ca_bundle) if url.scheme == "https" else False,
                trust_env=trusts_environment(url),
                timeout=_TIMEOUT_S,
            ) as http:
                # Without credentials, a stop is refused before the session is looked up, so nothing is stopped.
                request = stop_request(
                    self._agent.arn, session_id=f"doctor-{uuid.uuid4()}", client_token=str(uuid.uuid4())
                )
                address = str(url).rstrip("/") + request.target
                answer = await http.post(address, content=request.body, headers=dict(request.headers))
                metadata = await self._metadata(http, metadata_address(answer))
        except (httpx2.HTTPError, OSError) as error:
            why = str(error) or type(error).__name__
            step = (
                "check that the proxy of HTTPS_PROXY is up"
                if has_proxy
                else "is the network cut off, or a firewall in the way?"
            )
            if "CERTIFICATE" in why:
                step = "a proxy that inspects TLS needs its certificates in AWS_CA_BUNDLE"
            self._add("connection", "failed", f"{url}: {why}", step)
            return False
        self._add("connection", "ok", f"{url} answers over {answer.http_version}")
        with suppress(IndexError, ValueError):
            skew_s = round(time.time() - parsedate_to_datetime(answer.headers.get_list("date")[-1]).timestamp())
            fits = abs(skew_s) < CLOCK_SKEW_MAX_S
            step = "" if fits else "set this machine's clock: signatures and tokens are refused otherwise"
            detail = f"{abs(skew_s)} s {'ahead of' if skew_s > 0 else 'behind'} the service's"
            self._add("clock", "ok" if fits else "failed", detail, step)
        self._authentication(answer, metadata)
        return True

    async def _metadata(self, http: httpx2.AsyncClient, address: str) -> dict[str, Any]:
        """Return the protected-resource metadata (RFC 9728) that a challenge names at this host; empty without."""
        if same_origin(address, str(self._url)):
            with suppress(ValueError):
                document = (await http.get(address)).json()
                return document if isinstance(document, dict) else {}
        return {}

    def _authentication(self, answer: httpx2.Response, metadata: dict[str, Any]) -> None:
        if answer.is_success or answer.status_code == 404:
            self._add("authentication", "ok", "none: it answers anybody")
            return
        if answer.status_code not in (401, 403):
            self._add("authentication", "skipped", f"HTTP {answer.status_code} does not tell what it takes")
            return
        takes_tokens = answer.headers.get("www-authenticate", "").lower().startswith("bearer")
        takes = "OAuth tokens" if takes_tokens else "AWS credentials (SigV4)"
        fits = takes_tokens != self._agent.auth.signs
        step = "" if fits else f"it takes {takes}; change {self._agent.setting('auth')}"
        self._add("authentication", "ok" if fits else "failed", takes, step)
        if takes_tokens:
            issuers, scopes = metadata.get("authorization_servers"), metadata.get("scopes_supported")
            self._issuers = [str(issuer) for issuer in issuers] if isinstance(issuers, list) else []
            found = f"issuers {', '.join(self._issuers)}; scopes {scopes or 'not named'}"
            self._add("issuers", "ok" if self._issuers else "skipped", found if self._issuers else "no metadata")

    async def _credentials(self) -> bool:
        """Report whose credentials are in use and when they expire; return whether they are usable."""
        auth = self._target.auth
        if isinstance(auth, NoAuth):
            self._add("credentials", "ok", "none are sent")
            return True
        usable = False
        with self._failing("credentials"):
            if isinstance(auth, SigV4Auth):
                await self._identity(auth)
                usable = True
            else:
                flow = auth.async_auth_flow(httpx2.Request("GET", self._url))
                sent = await anext(flow)
                await flow.aclose()
                usable = self._token(sent.headers["authorization"].partition(" ")[2])
        return usable

    async def _identity(self, auth: SigV4Auth) -> None:
        ask = partial(auth.caller_identity, region=self._agent.arn.region)
        try:
            who = await anyio.to_thread.run_sync(ask, abandon_on_cancel=True)
        except ConnectError as error:
            self._add("credentials", "skipped", f"there are some, but not known whose: {error.message}")
        else:
            until = f", until {who.expires_at:%Y-%m-%d %H:%M} UTC" if who.expires_at else ""
            self._add("credentials", "ok", f"{who.arn}{until}")

    def _token(self, token: str) -> bool:
        """Report a token's claims, without verifying its signature."""
        if not (claims := read_claims(token)):
            self._add("token", "skipped", "it is no JWT, so it does not say whose it is")
            return True
        said = [f"{name} {claims[name]}" for name in ("iss", "aud", "client_id", "scope") if claims.get(name)]
        left_s = float(claims.get("exp", float("inf"))) - time.time()
        wrong = []
        if left_s <= 0:
            wrong.append("it has expired; get a new one")
        elif left_s < float("inf"):
            said.append(f"for {left_s / 60:.0f} more minutes")
        if self._issuers and claims.get("iss") not in self._issuers:
            wrong.append(f"the runtime takes tokens of {', '.join(self._issuers)}")
        self._add("token", "failed" if wrong else "ok", ", ".join(said), "; ".join(wrong))
        return not wrong

    async def _permissions(self, *, invoke: bool, command: bool) -> None:
        """Try the operations one by one; those that run something only on request."""
        agent, client = self._agent, self._agents.client_of(self._target)
        asking_it = (HARNESS if agent.arn.is_harness else INVOKE).name
        session_id = f"doctor-{uuid.uuid4()}"
        stop = partial(client.stop_session, agent.arn, session_id=session_id, qualifier=agent.qualifier)
        with self._failing(STOP.name, agent):
            try:
                await stop(headers=self._target.stop_headers, missing_ok=False)
            except ServiceError as error:
                if error.status != 404 or _NO_RUNTIME in error.message.lower():
                    raise
            self._add(STOP.name, "ok", "allowed")
        if (await self._agents.spoken_by(self._target)).protocol == "mcp":
            self._add(asking_it, "skipped", "an MCP server takes no prompt", "list_agents shows its tools")
        elif not invoke:
            self._add(asking_it, "skipped", "not tried, as it costs", "agentcore-mcp doctor --invoke tries it")
        else:
            with self._failing(asking_it, agent):
                started = time.monotonic()
                asking = await asked_agent(self._agents, self._target, user_id=agent.user_id, headers=agent.headers)
                async with asking.ask(Turn("Say hello.", session_id)) as turn:
                    received = [len(batch) async for batch in turn.batches]
                self._add(asking_it, "ok", f"{sum(received)} events after {time.monotonic() - started:.1f} s")
        if agent.commands.mode == "off":
            self._add("InvokeAgentRuntimeCommand", "skipped", "off")
        elif not command:
            step = "agentcore-mcp doctor --command tries it"
            self._add("InvokeAgentRuntimeCommand", "skipped", "not tried", step)
        else:
            with self._failing("InvokeAgentRuntimeCommand", agent):
                async with client.run_command(
                    agent.arn,
                    "true",
                    session_id=session_id,
                    qualifier=agent.qualifier,
                    headers=self._target.command_headers,
                ) as running:
                    codes = [event.exit_code async for event in running if isinstance(event, ContentStop)]
                detail = f"`true` ended with exit code {', '.join(map(str, codes))}"
                self._add("InvokeAgentRuntimeCommand", "ok" if codes == [0] else "failed", detail)
        if invoke or command:
            with suppress(ServiceError):
                await stop(headers=self._target.stop_headers)


def asked(question: str, given: bool | None) -> bool:
    """Return the flag's value, or else the user's answer; False without a terminal."""
    if given is not None:
        return given
    return sys.stdin.isatty() and bool(click.confirm(question, default=False, err=True))
