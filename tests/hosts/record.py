"""Runs an MCP server in place of itself, and keeps a copy of all that the host and the server tell each other.

``record.py FOLDER COMMAND…``: the copies are FOLDER/PID.host and FOLDER/PID.server. The server takes over this process,
so that the host's signals reach it directly; a child passes the bytes on.
"""

import os
import select
import signal
import sys
from pathlib import Path

assert sys.platform != "win32"
folder, *command = sys.argv[1:]
pid = os.getpid()
to_server, from_host = os.pipe()
to_host, from_server = os.pipe()
if os.fork():
    os.dup2(to_server, 0)
    os.dup2(from_server, 1)
    for descriptor in (to_server, from_host, to_host, from_server):
        os.close(descriptor)
    os.execv(command[0], command)

for descriptor in (to_server, from_server):
    os.close(descriptor)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
    signal.signal(number, signal.SIG_IGN)
copies = Path(folder)
with (copies / f"{pid}.host").open("wb", 0) as host, (copies / f"{pid}.server").open("wb", 0) as server:
    passing = {0: (from_host, host), to_host: (1, server)}
    while to_host in passing:
        for source in select.select(list(passing), [], [])[0]:
            sink, copy = passing[source]
            chunk = os.read(source, 65536)
            copy.write(chunk)
            try:
                sent = 0
                while sent < len(chunk):
                    sent += os.write(sink, chunk[sent:])
            except BrokenPipeError:
                chunk = b""
            if not chunk:
                os.close(sink)
                del passing[source]
