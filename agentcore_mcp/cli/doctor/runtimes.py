"""What a call of an agent needs: a way there, credentials that are taken, and permissions."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
import uuid
from base64 import urlsafe_b64decode
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import click
import httpx2

from agentcore_mcp.errors import ServiceError
from agentcore_mcp.runtime.auth import NoAuth, SigV4Auth
from agentcore_mcp.runtime.auth.caller_identity import caller_identity
from agentcore_mcp.runtime.endpoints import endpoint_for
from agentcore_mcp.runtime.environment import trusts_environment
from agentcore_mcp.server.credentials import trusted_certificates
from agentcore_mcp.wire.requests import stop_request

if TYPE_CHECKING:
    from agentcore_mcp.cli.doctor.findings import Report
    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.agents import Agents, Target

# SigV4 takes five minutes.
CLOCK_SKEW_MAX_S = 300
_TIMEOUT_S = 10.0
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")


class Examination:
    """One agent, looked at step by step. Nothing of it runs the agent, unless it is asked to.

    Args:
        target: The agent.
        agents: What calls it.
        settings: Which certificates to trust.
        report: Where findings go.
    """

    def __init__(self, target: Target, agents: Agents, settings: Settings, report: Report) -> None:
        self._target = target
        self._agent = target.agent
        self._agents = agents
        self._settings = settings
        self._report = report
        self._takes_tokens: bool | None = None
        self._issuers: list[str] = []

    async def run(self, *, invoke: bool, command: bool) -> None:
        """Look at everything, as far as one step lets the next be looked at."""
        self._add("runtime", "ok", f"{self._agent.arn} (region {self._agent.arn.region})")
        if await self._way():
            await self._authentication()
            if await self._credentials():
                await self._permissions(invoke=invoke, command=command)

    def _add(self, what: str, state: Any, detail: str = "", next_step: str = "") -> None:
        self._report.add(self._agent.name, what, state, detail, next_step)

    async def _way(self) -> bool:
        """Look up the host, and connect to it."""
        url = httpx2.URL(endpoint_for(self._agent.arn, self._target.endpoint_url))
        self._url = url
        proxies = [name for name in _PROXIES if os.environ.get(name)] if trusts_environment(url) else []
        if proxies:
            self._add("proxy", "ok", f"{proxies[0]} is set, so the proxy looks up the host")
        else:
            addresses = {
                name: await self._addresses(url.host, family)
                for name, family in (("IPv4", socket.AF_INET), ("IPv6", socket.AF_INET6))
            }
            known = "; ".join(f"{name} {addresses[name][0]}" for name in addresses if addresses[name])
            if not known:
                self._add("host", "failed", f"{url.host} has no address", f"check the region and the resolver: {url}")
                return False
            self._add("host", "ok", f"{url.host} is {known}")
        try:
            async with httpx2.AsyncClient(
                verify=trusted_certificates(self._settings.ca_bundle) if url.scheme == "https" else False,
                trust_env=trusts_environment(url),
                timeout=_TIMEOUT_S,
            ) as http:
                # The front door refuses it before anything is looked for: it stops nothing, and it has no credentials.
                request = stop_request(
                    self._agent.arn, session_id=f"doctor-{uuid.uuid4()}", client_token=str(uuid.uuid4())
                )
                address = str(url).rstrip("/") + request.target
                self._answer = await http.post(address, content=request.body, headers=dict(request.headers))
                self._metadata = await self._read_metadata(http)
        except (httpx2.HTTPError, OSError) as error:
            hint = "a proxy that inspects TLS needs its certificates in AWS_CA_BUNDLE; or is the network cut off?"
            self._add("connection", "failed", f"{url}: {str(error) or type(error).__name__}", hint)
            return False
        self._add("connection", "ok", f"{url} answers over {self._answer.http_version}")
        with suppress(IndexError, ValueError):
            skew_s = round(time.time() - parsedate_to_datetime(self._answer.headers.get_list("date")[-1]).timestamp())
            state = "ok" if abs(skew_s) < CLOCK_SKEW_MAX_S else "failed"
            fast = "ahead of" if skew_s > 0 else "behind"
            step = "" if state == "ok" else "set this machine's clock: signatures and tokens are refused otherwise"
            self._add("clock", state, f"{abs(skew_s)} s {fast} the service's", step)
        return True

    async def _addresses(self, host: str, family: socket.AddressFamily) -> list[str]:
        try:
            with anyio.fail_after(_TIMEOUT_S):
                found = await asyncio.get_running_loop().getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError):
            return []
        return [str(address[4][0]) for address in found]

    async def _read_metadata(self, http: httpx2.AsyncClient) -> dict[str, Any]:
        """Return the protected-resource metadata (RFC 9728) that a challenge names; empty if it names none."""
        challenge = self._answer.headers.get("www-authenticate", "")
        address = challenge.partition('resource_metadata="')[2].partition('"')[0]
        if httpx2.URL(address or "http:").host != self._url.host:
            return {}
        with suppress(ValueError):
            document = (await http.get(address)).json()
            return document if isinstance(document, dict) else {}
        return {}

    async def _authentication(self) -> None:
        """Tell from the refusal of a request without credentials what the runtime takes."""
        challenge = self._answer.headers.get("www-authenticate", "")
        if self._answer.status_code < 300 or self._answer.status_code == 404:
            self._add("authentication", "ok", "none: it answers anybody")
            return
        self._takes_tokens = challenge.lower().startswith("bearer")
        takes = "OAuth tokens" if self._takes_tokens else "AWS credentials (SigV4)"
        fits = self._takes_tokens != self._agent.auth.signs
        step = f"it takes {takes}; change {self._agent.setting('auth')}" if not fits else ""
        self._add("authentication", "ok" if fits else "failed", takes, step)
        if self._takes_tokens:
            issuers, scopes = (self._metadata.get(key) for key in ("authorization_servers", "scopes_supported"))
            self._issuers = [str(issuer) for issuer in issuers] if isinstance(issuers, list) else []
            found = f"issuers {', '.join(self._issuers)}; scopes {scopes or 'not named'}"
            self._add("issuers", "ok" if self._issuers else "skipped", found if self._issuers else "no metadata")

    async def _credentials(self) -> bool:
        """Say whose credentials there are, and until when."""
        auth = self._target.auth
        if isinstance(auth, NoAuth):
            self._add("credentials", "ok", "none are sent")
            return True
        usable = False
        with self._report.failing(self._agent.name, "credentials", self._agent):
            if isinstance(auth, SigV4Auth):
                ask = partial(caller_identity, auth, region=self._agent.arn.region)
                who = await anyio.to_thread.run_sync(ask, abandon_on_cancel=True)
                until = f", until {who.expires_at:%Y-%m-%d %H:%M} UTC" if who.expires_at else ""
                self._add("credentials", "ok", f"{who.arn}{until}")
                usable = True
            else:
                request = httpx2.Request("GET", self._url)
                flow = auth.async_auth_flow(request)
                sent = await anext(flow)
                await flow.aclose()
                usable = self._token(sent.headers["authorization"].partition(" ")[2])
        return usable

    def _token(self, token: str) -> bool:
        """Read what a token says of itself, which its issuer vouches for and nobody here checks."""
        try:
            part = token.split(".")[1]
            claims = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        except (IndexError, ValueError):
            self._add("token", "skipped", "it is no JWT, so it does not say whose it is")
            return True
        said = {name: claims[name] for name in ("iss", "aud", "client_id", "scope") if name in claims}
        left_s = float(claims.get("exp", float("inf"))) - time.time()
        wrong = []
        if left_s <= 0:
            wrong.append("it has expired; get a new one")
        if self._issuers and claims.get("iss") not in self._issuers:
            wrong.append(f"the runtime takes tokens of {', '.join(self._issuers)}")
        until = f", for {left_s / 60:.0f} more minutes" if 0 < left_s < float("inf") else ""
        detail = ", ".join(f"{name} {value}" for name, value in said.items()) + until
        self._add("token", "failed" if wrong else "ok", detail, "; ".join(wrong))
        return not wrong

    async def _permissions(self, *, invoke: bool, command: bool) -> None:
        """Try the operations one by one; what runs something only if that was asked for."""
        agent, client = self._agent, self._agents.client_of(self._target)
        session_id = f"doctor-{uuid.uuid4()}"
        with self._report.failing(agent.name, "StopRuntimeSession", agent):
            await client.stop_session(agent.arn, session_id=session_id, qualifier=agent.qualifier)
            self._add("StopRuntimeSession", "ok", "allowed")
        if not invoke:
            self._add(
                "InvokeAgentRuntime", "skipped", "not tried, as it costs", "agentcore-mcp doctor --invoke tries it"
            )
        else:
            with self._report.failing(agent.name, "InvokeAgentRuntime", agent):
                started = time.monotonic()
                async with client.invoke(
                    agent.arn,
                    agent.payload_for("Say hello.", session_id),
                    session_id=session_id,
                    qualifier=agent.qualifier,
                    user_id=agent.user_id,
                    headers=agent.headers,
                ) as invocation:
                    received = [len(batch) async for batch in invocation.batches]
                self._add(
                    "InvokeAgentRuntime", "ok", f"{sum(received)} events after {time.monotonic() - started:.1f} s"
                )
        if agent.commands.mode == "off" or not command:
            self._add("InvokeAgentRuntimeCommand", "skipped", "off" if agent.commands.mode == "off" else "not tried")
        else:
            with self._report.failing(agent.name, "InvokeAgentRuntimeCommand", agent):
                async with client.run_command(
                    agent.arn,
                    "true",
                    session_id=session_id,
                    qualifier=agent.qualifier,
                    headers=self._target.command_headers,
                ) as running:
                    events = [event async for event in running]
                self._add("InvokeAgentRuntimeCommand", "ok", f"`true` ended with {events[-1]}")
        if invoke or command:
            with suppress(ServiceError):
                await client.stop_session(agent.arn, session_id=session_id, qualifier=agent.qualifier)


def asked(question: str, given: bool | None) -> bool:
    """Return what a flag says, or the user; no, if there is nobody to ask."""
    if given is not None:
        return given
    return sys.stdin.isatty() and bool(click.confirm(question, default=False, err=True))
