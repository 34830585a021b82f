"""Runs what the image of deploy/Dockerfile runs: both commands, probed by its health check, and a call made.

For ``.ci/image``: as root, in a mount and a network namespace of its own.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import http.client
import json
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


# As in tests/support/waiting.py, which is not there in the image.
WAIT_S = 60


def mount(source: str, target: str, kind: str, flags: int) -> None:
    if ctypes.CDLL(None, use_errno=True).mount(source.encode(), target.encode(), kind.encode(), flags, None):
        raise OSError(ctypes.get_errno(), f"mount {target}")


def raise_loopback() -> None:
    with socket.socket() as any_socket:
        request = struct.pack("16sh", b"lo", 0)
        ioctl = getattr(fcntl, "ioctl")  # noqa: B009 - which Windows has not, where this is type-checked too
        flags = struct.unpack("16sh", ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP))


def post(body: object) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=WAIT_S)
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    connection.request("POST", "/mcp", json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def main(scratch: Path, dockerfile: str) -> None:
    environ = dict(re.findall(r"^(?:ENV|   ) ([A-Z_]+)=(\S+)", dockerfile, re.MULTILINE))
    user, group = map(int, re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)[0])
    entrypoint = json.loads(re.findall(r"^ENTRYPOINT (\[.*\])$", dockerfile, re.MULTILINE)[0])
    probe, *commands = (json.loads(found) for found in re.findall(r"^ *CMD (\[.*\])$", dockerfile, re.MULTILINE))
    environ |= {
        "PATH": f"{scratch}/env/bin:/usr/bin:/bin",
        "AGENTCORE_CONFIG": f"{scratch}/config.toml",
        "PUBLIC_URL": "https://mcp.example.com/mcp",
        "ISSUER": "https://login.example.com",
        "SESSION_SECRET": "not-a-real-secret-but-of-32-characters",
        "STORE_URL": "",
        "RESEARCH_ARN": "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/research-0123456789",
    }
    raise_loopback()
    mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    # The environment stands in the temporary folder, over which the image has an empty one.
    kept = Path("/mnt")
    mount(str(scratch), str(kept), "", _MS_BIND)
    mount("tmpfs", "/tmp", "tmpfs", 0)
    scratch.mkdir(parents=True, exist_ok=True)
    mount(str(kept), str(scratch), "", _MS_BIND)
    for place in ("/", str(scratch), str(kept)):
        mount("none", place, "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    Path("/tmp").chmod(0o1777)
    as_user: dict[str, Any] = {"user": user, "group": group, "extra_groups": [], "cwd": "/"}
    try:
        Path("/etc/written").touch()
    except OSError as error:
        assert error.errno == errno.EROFS  # noqa: PT017 - no pytest here
    else:
        raise AssertionError("the root can be written")
    local = subprocess.Popen([*entrypoint, "local"], env=environ, stdout=subprocess.PIPE, **as_user)
    assert local.stdout is not None
    announced = json.loads(local.stdout.readline())
    hosted = {
        "AGENTCORE_RUNTIME_ARN": announced["agent_runtime_arn"],
        "AGENTCORE_ENDPOINT_URL": announced["endpoint_url"],
        "AGENTCORE_BEARER_TOKEN": "not-a-real-token",
    }
    for command, more in zip(commands, ({}, hosted), strict=True):
        argv = [*entrypoint, *command]
        server = subprocess.Popen(argv, env=environ | more, **as_user)
        try:
            deadline = time.monotonic() + WAIT_S
            while subprocess.run(probe, env=environ, stderr=subprocess.DEVNULL, check=False, **as_user).returncode:
                assert time.monotonic() < deadline, f"{argv} is not healthy"
                assert server.poll() is None, f"{argv} ended"
                time.sleep(0.1)
            owner = Path(f"/proc/{server.pid}").stat().st_uid
            call = {"name": "invoke_agent", "arguments": {"prompt": "hello"}}
            status, answer = post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
            pinged, _ = post({"jsonrpc": "2.0", "id": 2, "method": "ping"})
        finally:
            server.terminate()
            server.wait(WAIT_S)
        said = f"uid {owner} | healthy | ping {pinged} | a call without a token {status} | exit {server.returncode}"
        sys.stdout.write(f"{' '.join(argv)} | {said}\n")
        assert owner == user
        if more:
            assert (pinged, status) == (200, 200)
            assert "hello" in answer
            assert '"isError":true' not in answer
        else:
            assert (pinged, status) == (401, 401)
        assert server.returncode == 0
    local.terminate()
    local.wait(WAIT_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).read_text("utf-8"))
