"""The configurations of the server and of nginx."""

from __future__ import annotations

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


def nginx_conf(port: int, urls: Sequence[str]) -> str:
    """Return nginx's configuration: a port whose requests go to the servers at these URLs in turn."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return _NGINX.format(
        port=port,
        files=16_384,
        connections=8_192,
        servers=" ".join(f"server {url.split('/')[2]};" for url in urls),
        paths=" ".join(f"{kind}_temp_path {kind};" for kind in kinds),
    )
