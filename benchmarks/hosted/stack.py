"""What is measured, in processes of their own on loopback: workers, nginx, Redis, the agent; and an issuer of tokens.

Everything ends with the block that it was started in, by its process id.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.far_side import ARN, far_side
from tests.support.issuer import new_key, running_issuer
from tests.support.processes import children

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tests.support.issuer import TestIssuer

PROGRAMS = ("redis-server", "nginx")
PRINCIPALS = 20
SCOPES = "agentcore:invoke agentcore:command agentcore:stop"
START_LIMIT_S = 30.0
STOP_LIMIT_S = 20.0
# Far above what is called for: that they are counted is what costs.
_NO_MORE_THAN = 1_000_000

_CONFIG = """\
{top}
[server]
public_url = "{public_url}"
secret = "not-a-real-secret-but-one-that-is-long-enough"
drain = 5
{store}

[server.auth]
issuers = ["{issuer}"]

[server.limits]
calls_per_minute = {most}
concurrent_calls = {most}
sessions = {most}
session_minutes = {most}
agent_concurrent_calls = {most}

[agents.far]
arn = "{arn}"
endpoint_url = "{agent}"
payload = "command"
auth = {{ none = true }}
allow = {{ groups = ["team"] }}

[agents.of_others]
arn = "{arn}"
endpoint_url = "{agent}"
auth = {{ none = true }}
allow = {{ groups = ["others"] }}
"""

_NGINX = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid nginx.pid;
error_log nginx.log warn;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    {paths}
    client_max_body_size 8m;
    upstream workers {{
        {servers}
        keepalive 64;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location / {{
            proxy_pass http://workers;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            # Pieces go out as they come, and a call that is silent is not cut.
            proxy_buffering off;
            proxy_read_timeout 3600s;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A process: its URL, its id and where it writes."""

    url: str
    pid: int
    log: Path


@dataclass(slots=True)
class Stack:
    """What runs.

    Attributes:
        url: Where clients go.
        agent: The URL of the agent.
        workers: The servers' processes.
        issuer: Whose tokens are taken, if any are.
        audience: What they are for.
        redis: Its port; 0 without one.
        pids: All processes but the clients', by what they are.
    """

    url: str
    agent: str
    workers: list[Running]
    issuer: TestIssuer | None = None
    audience: str = ""
    redis: int = 0
    pids: dict[str, int] = field(default_factory=dict)

    def token(self, number: int, **claims: Any) -> str:
        """Return a token of a principal, good for longer than any benchmark; every other one is signed with RSA."""
        assert self.issuer is not None
        usual = {"sub": f"user-{number}", "scope": SCOPES, "groups": ["team"], "exp": int(time.time()) + 86_400}
        key = self.issuer.keys[number % 2]
        return self.issuer.token(self.audience, key=key, client_id="benchmark", **usual | claims)

    @property
    def tokens(self) -> list[str]:
        """One of each principal; none where nobody asks for one."""
        return [self.token(number) for number in range(PRINCIPALS)] if self.issuer else []


def missing() -> list[str]:
    """Return the programs that a whole stack needs and this machine doesn't have."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@asynccontextmanager
async def whole(*, workers: int = 2, redis: bool = True, nginx: bool = True, top: str = "") -> AsyncIterator[Stack]:
    """Run everything that a hosted server is made of.

    Args:
        workers: How many processes of the server.
        redis: Whether they share a Redis; one worker can do without.
        nginx: Whether it deals the requests out to them.
        top: Lines of the configuration before its tables.
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
            command = [
                "redis-server",
                "--port",
                f"{redis_port}",
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                f"{folder}",
            ]
            store = await stack.enter_async_context(running(folder / "redis.log", *command))
            await listens(redis_port)
        settings = {
            "public_url": public_url,
            "store": f'store = "redis://127.0.0.1:{redis_port}/0"' if redis else "",
            "issuer": issuer.url,
            "agent": agent,
            "arn": ARN,
            "most": _NO_MORE_THAN,
            "top": top,
        }
        config = folder / "config.toml"
        config.write_text(_CONFIG.format_map(settings), encoding="utf-8")
        served = [
            await stack.enter_async_context(
                serving(
                    folder / f"worker-{number}.log",
                    "-m",
                    "agentcore_mcp",
                    "serve",
                    "--port",
                    "0",
                    "--config",
                    f"{config}",
                )
            )
            for number in range(workers)
        ]
        pids = {f"worker {number}": worker.pid for number, worker in enumerate(served, 1)}
        if redis:
            pids["redis"] = store.pid
        if nginx:
            written = folder / "nginx.conf"
            written.write_text(_nginx(port, [worker.url for worker in served]), encoding="utf-8")
            command = ["nginx", "-p", f"{folder}", "-c", f"{written}", "-e", "nginx.log"]
            master = await stack.enter_async_context(running(folder / "nginx.out", *command))
            await listens(port)
            pids["nginx"] = children(master.pid)[0]
        url = public_url if nginx else served[0].url
        yield Stack(url, agent, served, issuer, public_url, redis_port, pids)


def _nginx(port: int, urls: Sequence[str]) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return _NGINX.format(
        port=port,
        files=16_384,
        connections=8_192,
        servers=" ".join(f"server {url.split('/')[2]};" for url in urls),
        paths=" ".join(f"{kind}_temp_path {kind};" for kind in kinds),
    )


@asynccontextmanager
async def running(log: Path, *command: str) -> AsyncIterator[Running]:
    """Run a program that writes into a file."""
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(*command, stdout=written, stderr=written)
    try:
        yield Running("", process.pid, log)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()


@asynccontextmanager
async def serving(log: Path, *arguments: str) -> AsyncIterator[Running]:
    """Run a server in Python, which writes its URL at the end of its first line."""
    async with running(log, sys.executable, *arguments) as process:
        await until(lambda: b"\n" in log.read_bytes())
        url = log.read_bytes().decode().split("\n")[0].split()[-1]  # noqa: ASYNC240 - it is there
        yield Running(url, process.pid, log)


@asynccontextmanager
async def bare(*options: str) -> AsyncIterator[Stack]:
    """Run the least that relays, and the agent."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        agent = stack.enter_context(far_side("-m", "benchmarks.hosted.talker"))
        program = Path(__file__).parent.parent / "bare_relay.py"
        server = await stack.enter_async_context(serving(folder / "bare.log", f"{program}", agent, *options))
        yield Stack(server.url, agent, [server], pids={"bare": server.pid})


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as another process has got so far."""
    async with asyncio.timeout(START_LIMIT_S):
        while not condition():  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.05)


async def listens(port: int) -> None:
    """Return as soon as something listens there."""

    def taken() -> bool:
        with socket.socket() as trying:
            return trying.connect_ex(("127.0.0.1", port)) == 0

    await until(taken)
