"""An agent without any framework, as a container might hold one: ``plain.py PORT FOLDER``.

What it is asked it answers with what it knows of itself. Told to end, it leaves a file ``ended-PID`` in the folder.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer({"status": "Healthy"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(
            {"pid": os.getpid(), "cwd": os.getcwd(), "arguments": sys.argv[1:], "port": os.environ["PORT"]}  # noqa: PTH109
        )

    def _answer(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _end(*_: object) -> None:
    Path(sys.argv[2], f"ended-{os.getpid()}").touch()
    sys.exit()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler).serve_forever()
