"""``agentcore-mcp local``: the local AgentCore alone, for developing and for tests."""

from __future__ import annotations

import json
from typing import Any

import click

from agentcore_mcp.cli.options import PROTOCOLS
from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.wire.limits import IDLE_TIMEOUT_S, SESSION_LIFETIME_S

_LIMITS = """\b
Limits
  It runs shell commands on this machine, as you, without a sandbox.
  It listens on the loopback address only.
  It checks no credentials unless --auth says so: any process on this machine can use it. The keys,
  client and tokens of --auth are for tests; any user of this machine can read them.
  Commands start in the session's own directory, which is also their HOME. Of the environment they
  see PATH, the locale, TERM, TZ, TMPDIR and the user's name, so no AWS_*, token or key variables.
  Agents see the whole environment, because they may need its credentials to call a model.
  When a command's shell exits, the command is over; its background processes run until the
  session ends.
  A session ends when it is stopped, idle for too long, too old, or its agent process exits. Its
  processes are killed and its directory is deleted then, and the same id afterwards is a new, empty
  session. At most 50 sessions at a time.
"""


@click.command(epilog=_LIMITS)
@click.option("--port", default=0, show_default="a free one", type=click.IntRange(0, 65535), help="Port on 127.0.0.1.")
@click.option(
    "--app",
    metavar="MODULE:ATTRIBUTE",
    help="The agent to host: a BedrockAgentCoreApp (any ASGI app will do), imported from the current folder or the "
    "installed packages, in a process of its own for each session; started once at the start, to see that it can be. "
    "Default: the bundled sample agent.",
)
@click.option(
    "--target",
    metavar="URL",
    help="An agent that already runs, such as http://127.0.0.1:8080; all sessions share it. Loopback only.",
)
@click.option(
    "--container-command",
    "command",
    metavar="COMMAND",
    help="A command line for bash that starts an agent for one session, listening on the port {port}, which is also in "
    "the variable PORT: 'docker run --rm --init -p 127.0.0.1:{port}:8080 my-agent'. It starts in the session's "
    "directory; {folder} is the current folder. The agent is ready when it answers GET /ping.",
)
@click.option(
    "--agents",
    metavar="FILE",
    help="Several agents: a TOML file with a table [NAME] for each, and in it app, target or command, and protocol.",
)
@click.option(
    "--protocol",
    type=PROTOCOLS,
    help="What the agent speaks: http (POST /invocations, the default), a2a (POST /, and its card), agui (POST "
    "/invocations, /ws) or mcp (POST /mcp); harness is an http agent in the place of a harness's loop. Without an "
    "agent, that bundled sample is hosted.",
)
@click.option(
    "--allow-header",
    "allowed_headers",
    multiple=True,
    metavar="NAME",
    help="A header of callers that agents get to see, as a runtime's allow list has it, such as Authorization. May be "
    "repeated. Without it, only X-Amzn-Bedrock-AgentCore-Runtime-Custom-* headers reach them.",
)
@click.option(
    "--allowed-port",
    "allowed_ports",
    multiple=True,
    metavar="PORT",
    help="A port of each session that its endpoint reaches, of 8000 to 12000, or a range such as 8010-8019. May be "
    "repeated. With it, invocations are answered with the endpoint's address; see agentcore-mcp preview.",
)
@click.option(
    "--idle-timeout",
    "idle_timeout_s",
    default=IDLE_TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    help="After how many idle seconds a session ends. An agent whose /ping says HealthyBusy is not idle.",
)
@click.option(
    "--max-lifetime",
    "max_lifetime_s",
    default=SESSION_LIFETIME_S,
    show_default=True,
    metavar="SECONDS",
    help="After how many seconds a session ends, however busy it is.",
)
@click.option(
    "--start-timeout",
    "start_timeout_s",
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an agent process may take until it answers.",
)
@click.option(
    "--auth",
    default="none",
    show_default=True,
    type=click.Choice(["none", "sigv4", "jwt"]),
    help="What callers have to prove. sigv4: requests signed with the key pair below, for us-east-1. jwt: a bearer "
    "token of the issuer under /_local/oauth, for its client. The first line on standard output has the credentials.",
)
@click.option("--access-key-id", help="The key that --auth sigv4 lets in. Default: AKIALOCALAGENTCORE00.")
@click.option(
    "--secret-access-key",
    help="Its secret. Not a real one, please: options can be read in the list of processes. Default: in the first "
    "line on standard output.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="What goes wrong on purpose, with every call or every Nth: error=CODE, cold-start=SECONDS, cut-after=BYTES "
    "or slow=BYTES_PER_SECOND; 'error=ThrottlingException every=3'. May be repeated. A single call asks for the same "
    "with a header, such as X-Local-Fault: cut-after=1000, slow=200.",
)
def local(**options: Any) -> None:
    """Run a local AgentCore: the real wire protocol, no account.

    It answers InvokeAgentRuntime, InvokeAgentRuntimeCommand, StopRuntimeSession, GetAgentCard, ListAgentRuntimes,
    GetAgentRuntime, and the WebSockets of agents and interactive shells on 127.0.0.1, for boto3 (endpoint_url), for
    this package's client and for the MCP server. The first line on standard output is a JSON object with
    endpoint_url, agent_runtime_arn (of the first agent), agents (each name's ARN), and with --auth also auth (what
    lets callers in). What the agents print goes to standard error, with the session id in front. GET /_local/sessions
    lists the sessions, GET /_local/requests the last requests.
    """
    from agentcore_mcp.local.agentcore import LocalAgentCore

    try:
        settings = LocalAgentCore(**options).settings
    except ConfigurationError as error:
        raise click.UsageError(error.message) from error
    # Not at the top: its imports fail on Windows, which is refused above.
    from agentcore_mcp.local.server import serve

    serve(settings, announce=lambda url: click.echo(json.dumps(settings.announcement(url))))
