"""An agent that yields as many events as it is asked for: ``python -m benchmarks.app`` serves it on a free port."""

from __future__ import annotations

import socket
from typing import Any

from agentcore_mcp.hosting import BedrockAgentCoreApp

EVENT = {"event": {"contentBlockDelta": {"delta": {"text": "some words, "}, "index": 1234}}}

app = BedrockAgentCoreApp()


@app.entrypoint
async def invoke(payload: dict[str, Any]) -> Any:
    for _ in range(payload["events"]):
        yield EVENT


if __name__ == "__main__":
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])
