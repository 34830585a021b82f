"""Records what an agent sends through the published SDK's app. Every script beside this one uses it.

Each script is run by hand in an environment of its own, which has ``bedrock-agentcore``, the framework that the script
is named for, and nothing of this project:

    python strands_agents.py

It writes ``../NAME.sse`` for each of its agents. Models are scripted, so nothing but loopback is used.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import uvicorn

SAMPLES = Path(__file__).parent.parent


def record(**agents: Any) -> None:
    """Record the answer of each entrypoint under its name; with arguments, only of those."""
    from bedrock_agentcore import BedrockAgentCoreApp

    for name, agent in agents.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        app = BedrockAgentCoreApp()
        app.entrypoint(agent)
        logging.disable()
        save(name, answer_of(app))


def answer_of(app: Any) -> bytes:
    """Serve an app on loopback and return the body of its answer to one invocation."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    headers = {"content-type": "application/json", "x-amzn-bedrock-agentcore-runtime-session-id": "s" * 33}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", b'{"prompt": "1+2?"}', headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        body = response.read()
        if not response.headers["content-type"].startswith("text/event-stream"):
            body = b"data: " + body.rstrip().replace(b"\n", b"\ndata: ") + b"\n\n"
    server.should_exit = True
    thread.join()
    return body


def save(name: str, body: bytes) -> None:
    """Write a recording."""
    (SAMPLES / f"{name}.sse").write_bytes(body)
    print(f"{name}: {len(body)} bytes\n{body[-600:].decode(errors='replace')}")
