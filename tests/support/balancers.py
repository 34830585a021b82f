"""nginx and HAProxy in front of servers, with the configurations in ``deploy/`` filled in."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.support.tls import loopback_certificate
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

# Set by `.ci/run`, which installs both: there a test that stays away is a failure.
REQUIRE = "AGENTCORE_MCP_REQUIRE_BALANCERS"
DEPLOY = Path(__file__).parent.parent.parent / "deploy"
NGINX_MAIN = """\
pid {folder}/nginx.pid;
daemon off;
error_log stderr notice;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {site};
}}
"""
BALANCERS = ("nginx", "haproxy")


@dataclass(frozen=True, slots=True)
class Balancer:
    """A running balancer.

    Attributes:
        url: Where it takes requests.
        trust: What makes clients trust it.
        log: What it wrote.
    """

    url: str
    trust: ssl.SSLContext
    log: Path


def require(name: str) -> str:
    """Return where a balancer is; skip the test on a machine without, or fail it where one is promised."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        if os.environ.get(REQUIRE):
            pytest.fail(f"{REQUIRE} is set: {name} can't be found")
        pytest.skip(f"{name} can't be found")
    return found


@asynccontextmanager
async def balancer(name: str, folder: Path, workers: Sequence[int], port: int) -> AsyncIterator[Balancer]:
    """Run one on a port in front of servers on others."""
    program = require(name)
    _, certificate = loopback_certificate(folder)
    both = folder / "both.pem"
    both.write_bytes(certificate.read_bytes() + (folder / "key.pem").read_bytes())
    places = {
        "CERTIFICATE_AND_KEY_FILE": str(both),
        "CERTIFICATE_FILE": str(certificate),
        "KEY_FILE": str(folder / "key.pem"),
        "LISTEN": f"127.0.0.1:{port}",
        **{f"WORKER_{number}": f"127.0.0.1:{worker}" for number, worker in enumerate(workers, 1)},
    }
    if name == "nginx":
        site = _filled(DEPLOY / "nginx.conf", folder, places)
        main = folder / "main.conf"
        main.write_text(NGINX_MAIN.format(folder=folder, site=site), encoding="utf-8")
        command = [program, "-e", "stderr", "-p", str(folder), "-c", str(main)]
    else:
        command = [program, "-db", "-f", str(_filled(DEPLOY / "haproxy.cfg", folder, places))]
    log = folder / f"{name}.log"
    with log.open("wb") as written:
        process = await anyio.open_process(command, stdout=written, stderr=written)
    async with process:
        try:
            with anyio.fail_after(WAIT_S):
                while not _listens(port):
                    assert process.returncode is None, log.read_text()
                    await anyio.sleep(0.02)
            trust = ssl.create_default_context(cafile=str(certificate))
            yield Balancer(f"https://127.0.0.1:{port}", trust, log)
        finally:
            # nginx's workers stay if it is killed.
            if process.returncode is None:
                process.terminate()
            with anyio.fail_after(WAIT_S, shield=True):
                await process.wait()


def _filled(template: Path, folder: Path, places: Mapping[str, str]) -> Path:
    text = template.read_text(encoding="utf-8")
    for place, value in places.items():
        assert place in text or place.endswith("FILE"), f"{template.name} has no {place}"
        text = text.replace(place, value)
    filled = folder / template.name
    filled.write_text(text, encoding="utf-8")
    return filled


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
