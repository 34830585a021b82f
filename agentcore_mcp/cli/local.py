"""``agentcore-mcp local``: the local AgentCore alone, for developing and for tests."""

from __future__ import annotations

import json

import click

_LIMITS = """\b
Limits
  It runs shell commands on this machine, as you, without a sandbox.
  It listens on the loopback address only.
  It checks no credentials: any process on this machine can use it.
  Commands start in the session's own directory, which is also their HOME. Of the environment they
  see PATH, the locale, TERM, TZ, TMPDIR and the user's name, so no AWS_*, token or key variables.
  Agents see the whole environment, because they may need its credentials to call a model.
  When a command's shell exits, the command is over; what it left in the background goes on
  until the session ends.
  A session ends when it is stopped, idle for too long, or its agent process exits. Its processes are
  killed and its directory is deleted then, and the same id afterwards is a new, empty session.
  At most 50 sessions at a time.
"""


@click.command(epilog=_LIMITS)
@click.option("--port", default=0, show_default="a free one", type=click.IntRange(0, 65535), help="Port on 127.0.0.1.")
@click.option(
    "--app",
    metavar="MODULE:ATTRIBUTE",
    help="The agent to host: a BedrockAgentCoreApp (any ASGI app will do), imported from the current folder or the "
    "installed packages. Default: the bundled sample agent.",
)
@click.option(
    "--idle-timeout",
    "idle_timeout_s",
    default=900.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="After how many idle seconds a session ends.",
)
@click.option("--until-stdin-closes", is_flag=True, hidden=True, help="End when standard input ends.")
def local(*, port: int, app: str | None, idle_timeout_s: float, until_stdin_closes: bool) -> None:
    """Run a local AgentCore: the real wire protocol, no account.

    It answers InvokeAgentRuntime, InvokeAgentRuntimeCommand and StopRuntimeSession on 127.0.0.1, for boto3
    (endpoint_url), for this package's client and for the MCP server. The first line on standard output is a JSON
    object with endpoint_url and agent_runtime_arn. What the agents print goes to standard error, with the session id
    in front.
    """
    from agentcore_mcp.hosting.dataplane.server import SAMPLE_APP, serve

    def announce(endpoint_url: str, agent_runtime_arn: str) -> None:
        click.echo(json.dumps({"endpoint_url": endpoint_url, "agent_runtime_arn": agent_runtime_arn}))

    try:
        serve(
            app=app or SAMPLE_APP,
            port=port,
            announce=announce,
            idle_timeout_s=idle_timeout_s,
            until_stdin_closes=until_stdin_closes,
        )
    except OSError as exc:
        raise click.ClickException(f"can't start on 127.0.0.1:{port}: {exc.strerror}") from exc
