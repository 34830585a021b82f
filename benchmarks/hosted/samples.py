"""Resources in use by processes, by Redis and at the agent."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from tests.support.processes import open_files, resident_bytes

if TYPE_CHECKING:
    from benchmarks.hosted.stack import Stack

_TTLS = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do found[#found + 1] = key .. ' ' .. redis.call('TTL', key) end
return found
"""
# A slot that a limit counts is a member of a sorted set; each worker has its own.
_SLOTS = """
local held = 0
for _, key in ipairs(redis.call('KEYS', 'agentcore-mcp:slots:*')) do
  -- The sessions that are open are counted with the slots, and are none.
  if redis.call('TYPE', key).ok == 'zset' and key:sub(-5) ~= ':open' then held = held + redis.call('ZCARD', key) end
end
return held
"""
_TICKS = os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Return how much memory a process holds, in MiB."""
    return resident_bytes(pid) / 2**20


def processor_s(pid: int) -> float:
    """Return how many seconds of a processor a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def threads(pid: int) -> int:
    """Return how many threads a process has."""
    return len([*Path(f"/proc/{pid}/task").iterdir()])


def redis(port: int, *command: str) -> str:
    """Return the output of a command of Redis."""
    asked = ["redis-cli", "-p", f"{port}", *command]
    return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout


def redis_facts(port: int) -> dict[str, float]:
    """Return the number of keys, of those that never expire, of connections and of held slots, and the memory used."""
    facts = dict(line.split(":", 1) for line in redis(port, "INFO").split("\n") if ":" in line)
    counts = dict(part.split("=") for part in facts.get("db0", "keys=0,expires=0").strip().split(","))
    keys = int(counts["keys"])
    return {
        "redis keys": keys,
        "redis keys for ever": keys - int(counts["expires"]),
        "redis MiB": round(int(facts["used_memory"]) / 2**20, 2),
        "redis clients": int(facts["connected_clients"]),
        "redis slots": int(redis(port, "EVAL", _SLOTS, "0")),
    }


def redis_kinds(port: int) -> dict[str, list[int]]:
    """Return the number of keys of each kind, which is their name without ids and numbers, and the longest TTL in s."""
    kinds: dict[str, list[int]] = {}
    for line in redis(port, "EVAL", _TTLS, "0").split("\n"):
        if line:
            key, ttl_s = line.rsplit(" ", 1)
            kind = ":".join(part for part in key.split(":") if re.fullmatch("[a-z-]+", part))
            count, longest = kinds.get(kind, [0, -1])
            kinds[kind] = [count + 1, max(longest, int(ttl_s))]
    return kinds


async def metrics(stack: Stack, folder: Path, number: int) -> None:
    """Write a snapshot of each worker's metrics: ``worker-1-0007.prom`` is number 7 of the first worker."""
    async with httpx2.AsyncClient() as http:
        for which, url in enumerate(stack.metrics, 1):
            text = (await http.get(url)).text
            (folder / f"worker-{which}-{number:04}.prom").write_text(text, encoding="utf-8")


async def _open_calls(http: httpx2.AsyncClient, url: str) -> float:
    """Return the number of open calls in a worker's metrics, handed off and kept ones included."""
    text = (await http.get(url)).text
    return sum(float(line.split(" ")[-1]) for line in text.split("\n") if line.startswith("agentcore_mcp_open_calls{"))


async def sample(stack: Stack) -> dict[str, float]:
    """Return everything that must not grow in a soak."""
    found: dict[str, float] = {}
    async with httpx2.AsyncClient() as http:
        for number, worker in enumerate(stack.workers, 1):
            found[f"worker {number} MiB"] = round(resident_mib(worker.pid), 1)
            found[f"worker {number} files"] = open_files(worker.pid)
            found[f"worker {number} threads"] = threads(worker.pid)
            found[f"worker {number} calls"] = await _open_calls(http, stack.metrics[number - 1])
        found |= redis_facts(stack.redis)
        counted: dict[str, Any] = (await http.post(stack.agent, json={"count": True})).json()
    return found | {f"agent {what}": number for what, number in counted.items()}
