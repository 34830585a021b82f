"""LangGraph's server (``langgraph dev``, of ``langgraph-cli[inmem]``): its modes, a pause and a failure."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

SAMPLES = Path(__file__).parent.parent
PORT = 18499
GRAPH = """
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

model = GenericFakeChatModel(messages=iter([AIMessage("It's noon.")] * 99))


async def answer(state: MessagesState):
    if "fail" in state["messages"][-1].content:
        raise ValueError("boom")
    if "ask" in state["messages"][-1].content:
        interrupt("Really?")
    return {"messages": [await model.ainvoke(state["messages"])]}


graph = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile()
"""

with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "graph.py").write_text(GRAPH)
    (Path(folder) / "langgraph.json").write_text(
        json.dumps({"dependencies": ["."], "graphs": {"g": "./graph.py:graph"}})
    )
    command = [
        str(Path(sys.executable).parent / "langgraph"),
        "dev",
        "--no-browser",
        "--no-reload",
        "--port",
        str(PORT),
    ]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ok")
                break
            except URLError:
                time.sleep(0.2)
        for name, prompt, modes in (
            ("langgraph_server", "time?", ["messages-tuple", "values"]),
            ("langgraph_server_partial", "time?", ["messages"]),
            ("langgraph_server_pause", "ask", ["updates"]),
            ("langgraph_server_error", "fail", ["updates"]),
        ):
            body = {
                "assistant_id": "g",
                "input": {"messages": [{"role": "user", "content": prompt}]},
                "stream_mode": modes,
            }
            request = urllib.request.Request(
                f"http://127.0.0.1:{PORT}/runs/stream", json.dumps(body).encode(), {"content-type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60) as response:
                recorded = response.read()
            (SAMPLES / f"{name}.sse").write_bytes(recorded)
            print(name, len(recorded))
    finally:
        server.terminate()
        server.wait()
