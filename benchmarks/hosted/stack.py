"""A whole hosted server on loopback: workers, nginx, Redis and the agent as processes, and an issuer of tokens."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.far_side import ARN, far_side
from benchmarks.hosted.files import CONFIG, NO_MORE_THAN, nginx_conf
from benchmarks.hosted.processes import Running, listens, running, serving, until
from tests.support.issuer import new_key, running_issuer
from tests.support.processes import children

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.issuer import TestIssuer

PRINCIPALS = 20
SCOPES = "agentcore:invoke agentcore:command agentcore:stop"


@dataclass(slots=True)
class Stack:
    """The running parts.

    Attributes:
        url: The URL for clients: nginx's, or else the worker's.
        agent: The URL of the agent.
        workers: The workers.
        metrics: The URLs of the workers' metrics, if they are on.
        issuer: The issuer of tokens, if they are asked for.
        audience: The audience of the tokens.
        redis: The port of Redis; 0 without one.
        pids: Process ids by name, without the agent's.
    """

    url: str
    agent: str
    workers: list[Running]
    metrics: list[str] = field(default_factory=list)
    issuer: TestIssuer | None = None
    audience: str = ""
    redis: int = 0
    pids: dict[str, int] = field(default_factory=dict)

    def token(self, number: int, **claims: Any) -> str:
        """Return a token of a principal, valid for a day; principals alternate between ES256 and RS256."""
        assert self.issuer is not None
        usual = {"sub": f"user-{number}", "scope": SCOPES, "groups": ["team"], "exp": int(time.time()) + 86_400}
        key = self.issuer.keys[number % 2]
        return self.issuer.token(self.audience, key=key, client_id="benchmark", **usual | claims)

    @property
    def tokens(self) -> list[str]:
        """A token of each principal; none if the server takes none."""
        return [self.token(number) for number in range(PRINCIPALS)] if self.issuer else []


def program(name: str) -> str:
    """Return the path of a program, also in /usr/sbin, where Debian has nginx; "" if it isn't there."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") or ""


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@asynccontextmanager
async def whole(
    *, workers: int = 2, redis: bool = True, nginx: bool = True, metrics: bool = True, top: str = ""
) -> AsyncIterator[Stack]:
    """Run a hosted server.

    Args:
        workers: The number of ``agentcore-mcp serve`` processes.
        redis: Whether they have a Redis; several workers need one.
        nginx: Whether nginx is in front of them.
        metrics: Whether Prometheus metrics are on.
        top: Lines of the configuration file before its tables.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        agent = stack.enter_context(far_side("-m", "benchmarks.hosted.talker"))
        issuer = stack.enter_context(running_issuer())
        issuer.keys.append(new_key("second", "RS256"))
        redis_port = free_port() if redis else 0
        port = free_port()
        public_url = f"http://127.0.0.1:{port}/mcp"
        if redis:
            options = f"--port {redis_port} --bind 127.0.0.1 --dir {folder}".split()
            command = [program("redis-server"), *options, "--save", ""]
            store = await stack.enter_async_context(running(folder / "redis.log", *command))
            await listens(redis_port)
        settings = {
            "public_url": public_url,
            "store": f'store = "redis://127.0.0.1:{redis_port}/0"' if redis else "",
            "issuer": issuer.url,
            "agent": agent,
            "arn": ARN,
            "most": NO_MORE_THAN,
            "top": top,
        }
        config = folder / "config.toml"
        config.write_text(CONFIG.format_map(settings), encoding="utf-8")
        command = ["-m", "agentcore_mcp", "serve", "--port", "0", "--config", f"{config}"]
        ports = [free_port() for _ in range(workers)] if metrics else []
        served = []
        for number in range(workers):
            counted = ["--metrics-port", f"{ports[number]}"] if metrics else []
            log = folder / f"worker-{number + 1}.log"
            served.append(await stack.enter_async_context(serving(log, *command, *counted)))
        pids = {f"worker {number}": worker.pid for number, worker in enumerate(served, 1)}
        if redis:
            pids["redis"] = store.pid
        if nginx:
            # Started by root, nginx's worker runs as another user, who has to reach the files in the folder.
            await asyncio.to_thread(folder.chmod, 0o711)
            written = folder / "nginx.conf"
            written.write_text(nginx_conf(port, [worker.url for worker in served]), encoding="utf-8")
            command = [program("nginx"), "-p", f"{folder}", "-c", f"{written}", "-e", "nginx.log"]
            master = await stack.enter_async_context(running(folder / "nginx.out", *command))
            await listens(port)
            await until(lambda: bool(children(master.pid)))
            pids["nginx"] = children(master.pid)[0]
        url = public_url if nginx else served[0].url
        counts = [f"http://127.0.0.1:{port}/metrics" for port in ports]
        yield Stack(url, agent, served, counts, issuer, public_url, redis_port, pids)


@asynccontextmanager
async def bare(*options: str) -> AsyncIterator[Stack]:
    """Run ``bare_relay.py`` and the agent."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        agent = stack.enter_context(far_side("-m", "benchmarks.hosted.talker"))
        relay = Path(__file__).parent.parent / "bare_relay.py"
        server = await stack.enter_async_context(serving(folder / "bare.log", f"{relay}", "http", agent, *options))
        yield Stack(server.url, agent, [server], pids={"bare": server.pid})
