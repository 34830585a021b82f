"""``agentcore-mcp local``: the local AgentCore alone, for developing and for tests."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.wire.limits import IDLE_TIMEOUT_S, SESSION_LIFETIME_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.local.callers.authorizer import AuthMode
    from agentcore_mcp.local.sandbox.targets import HostedAgent

_LIMITS = """\b
Limits
  It runs shell commands on this machine, as you, without a sandbox.
  It listens on the loopback address only.
  It checks no credentials unless --auth says so: any process on this machine can use it. The keys,
  client and tokens of --auth are for tests; whoever can run it can read them.
  Commands start in the session's own directory, which is also their HOME. Of the environment they
  see PATH, the locale, TERM, TZ, TMPDIR and the user's name, so no AWS_*, token or key variables.
  Agents see the whole environment, because they may need its credentials to call a model.
  When a command's shell exits, the command is over; what it left in the background goes on
  until the session ends.
  A session ends when it is stopped, idle for too long, too old, or its agent process exits. Its
  processes are killed and its directory is deleted then, and the same id afterwards is a new, empty
  session. At most 50 sessions at a time.
"""
_SECONDS = click.FloatRange(0, min_open=True)


def _finite(_context: click.Context, _parameter: click.Parameter, seconds: float) -> float:
    """Refuse what no clock reaches: click's range lets "nan" and "inf" through."""
    if not math.isfinite(seconds):
        raise click.BadParameter(f"{seconds} is not a finite number of seconds")
    return seconds


@click.command(epilog=_LIMITS)
@click.option("--port", default=0, show_default="a free one", type=click.IntRange(0, 65535), help="Port on 127.0.0.1.")
@click.option(
    "--app",
    metavar="MODULE:ATTRIBUTE",
    help="The agent to host: a BedrockAgentCoreApp (any ASGI app will do), imported from the current folder or the "
    "installed packages, once at the start to see that it can be, then in a process of its own for each session. "
    "Default: the bundled sample agent.",
)
@click.option(
    "--target",
    metavar="URL",
    help="An agent that already runs, such as http://127.0.0.1:8080; all sessions share it. Loopback only.",
)
@click.option(
    "--container-command",
    metavar="COMMAND",
    help="A command line for bash that starts an agent for one session, listening on the port {port}, which is also in "
    "the variable PORT: 'docker run --rm --init -p 127.0.0.1:{port}:8080 my-agent'. It starts in the session's "
    "directory; {folder} is the current folder. The agent is ready when it answers GET /ping.",
)
@click.option(
    "--agents",
    "agents_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Several agents: a TOML file with a table [NAME] for each, and in it app, target or command.",
)
@click.option(
    "--idle-timeout",
    "idle_timeout_s",
    default=IDLE_TIMEOUT_S,
    show_default=True,
    type=_SECONDS,
    callback=_finite,
    metavar="SECONDS",
    help="After how many idle seconds a session ends. An agent whose /ping says HealthyBusy is not idle.",
)
@click.option(
    "--max-lifetime",
    "max_lifetime_s",
    default=SESSION_LIFETIME_S,
    show_default=True,
    type=_SECONDS,
    callback=_finite,
    metavar="SECONDS",
    help="After how many seconds a session ends, however busy it is.",
)
@click.option(
    "--start-timeout",
    "start_timeout_s",
    default=60.0,
    show_default=True,
    type=_SECONDS,
    callback=_finite,
    metavar="SECONDS",
    help="How long an agent process may take until it answers, and an app to be imported.",
)
@click.option(
    "--auth",
    "auth_mode",
    default="none",
    show_default=True,
    type=click.Choice(["none", "sigv4", "jwt"]),
    help="What callers have to prove. sigv4: requests signed with the key pair below, for us-east-1. jwt: a bearer "
    "token of the issuer under /_local/oauth, for its client. The first line on standard output tells the credentials.",
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
@click.option("--until-stdin-closes", is_flag=True, hidden=True, help="End when standard input ends.")
def local(
    *,
    port: int,
    app: str | None,
    target: str | None,
    container_command: str | None,
    agents_file: Path | None,
    idle_timeout_s: float,
    max_lifetime_s: float,
    start_timeout_s: float,
    auth_mode: AuthMode,
    access_key_id: str | None,
    secret_access_key: str | None,
    faults: tuple[str, ...],
    until_stdin_closes: bool,
) -> None:
    """Run a local AgentCore: the real wire protocol, no account.

    It answers InvokeAgentRuntime, InvokeAgentRuntimeCommand, StopRuntimeSession, GetAgentCard, and the WebSockets of
    agents and interactive shells on 127.0.0.1, for boto3 (endpoint_url), for this package's client and for the MCP
    server. The first line on standard output is a JSON object with endpoint_url, agent_runtime_arn (of the first
    agent), agents (each name's ARN), and with --auth also auth (what lets callers in). What the agents print goes to
    standard error, with the session id in front. GET /_local/sessions lists the sessions, GET /_local/requests the
    last requests.
    """
    from agentcore_mcp.local.callers.gate import AuthSettings
    from agentcore_mcp.local.line.faults import Fault
    from agentcore_mcp.local.sandbox.limits import Limits
    from agentcore_mcp.local.server import serve

    with _usage("--access-key-id"):
        auth = AuthSettings.of(auth_mode, access_key_id, secret_access_key)
    with _usage("--fault"):
        standing = [Fault.parse(fault) for fault in faults]
    agents = _agents(app=app, target=target, container_command=container_command, agents_file=agents_file)

    def announce(endpoint_url: str) -> None:
        arns = {agent.name: str(agent.arn) for agent in agents}
        first = str(agents[0].arn)
        announced = {"endpoint_url": endpoint_url, "agent_runtime_arn": first, "agents": arns}
        click.echo(json.dumps({**announced, **auth.announcement(endpoint_url)}))

    try:
        serve(
            agents,
            port=port,
            announce=announce,
            limits=Limits(idle_timeout_s, max_lifetime_s, start_timeout_s),
            auth=auth,
            faults=standing,
            until_stdin_closes=until_stdin_closes,
        )
    except OSError as exc:
        raise click.ClickException(f"can't start on 127.0.0.1:{port}: {exc.strerror}") from exc


@contextmanager
def _usage(option: str) -> Iterator[None]:
    """Make what is wrong with the value of an option an error of usage."""
    try:
        yield
    except ConfigurationError as error:
        raise click.BadParameter(error.message, param_hint=f"'{option}'") from error


def _agents(
    *, app: str | None, target: str | None, container_command: str | None, agents_file: Path | None
) -> tuple[HostedAgent, ...]:
    from agentcore_mcp.local.agents_file import read_agents
    from agentcore_mcp.local.sandbox import targets

    if sum(given is not None for given in (app, target, container_command, agents_file)) > 1:
        raise click.UsageError("--app, --target, --container-command and --agents exclude each other")
    if agents_file is not None:
        return read_agents(agents_file)
    hosted: targets.Target
    if target is not None:
        with _usage("--target"):
            hosted = targets.AgentUrl.parse(target)
    elif container_command is not None:
        hosted = targets.AgentCommand(container_command, Path.cwd())
    elif app is not None:
        with _usage("--app"):
            hosted = targets.AgentApp.parse(app, Path.cwd())
    else:
        # Only who names an app of his own means the current folder: the MCP server's is whatever project is open,
        # and nothing may be imported from there because somebody asked for the sample agent.
        hosted = targets.AgentApp(targets.SAMPLE_APP, None)
    return (targets.HostedAgent(targets.DEFAULT_NAME, hosted),)
