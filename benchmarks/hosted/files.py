"""The configuration files of the server and of nginx."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Far above what is called for: that they are counted is what costs.
NO_MORE_THAN = 1_000_000

CONFIG = """\
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

[agents.another]
arn = "{arn}"
endpoint_url = "{agent}"
auth = {{ none = true }}

[agents.of_others]
arn = "{arn}"
endpoint_url = "{agent}"
auth = {{ none = true }}
allow = {{ groups = ["others"] }}
"""

_NGINX = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid nginx.pid;
error_log nginx.log warn;
events { worker_connections 8192; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
"""
_DEPLOY = Path(__file__).parent.parent.parent / "deploy"


def nginx_conf(port: int, urls: Sequence[str]) -> str:
    """Return ``deploy/nginx.conf`` for these servers, without TLS, which would take most of the clients' time."""
    site = (_DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    site = re.sub(r"\n *ssl_certificate.*", "", site).replace("LISTEN ssl", f"127.0.0.1:{port} backlog=2048")
    for number, url in enumerate(urls, 1):
        site = site.replace(f"WORKER_{number}", url.split("/")[2])
    return f"{_NGINX}{site}}}\n"
