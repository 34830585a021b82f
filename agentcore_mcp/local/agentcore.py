"""LocalAgentCore: a local AgentCore as a child process, for tests of clients and agents, ``--local`` and the demo.

Light to import: what the local AgentCore needs is loaded in the child.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Self

from agentcore_mcp.errors import ConfigurationError, ConnectError
from agentcore_mcp.local.child import Child
from agentcore_mcp.wire.limits import IDLE_TIMEOUT_S, SESSION_LIFETIME_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from agentcore_mcp.local.callers.gate import AuthMode
    from agentcore_mcp.local.line.journal import RecordedRequest
    from agentcore_mcp.local.sandbox.targets import Protocol
    from agentcore_mcp.local.settings import Agents

# The import takes half a second on an idle laptop, and many times that on a loaded CI machine. Apps get their start
# timeout on top; it has to expire first, because its error message names the stuck app.
_START_MARGIN_S = 30.0
_ANSWER_TIMEOUT_S = 10.0


class LocalAgentCore:
    """A small AgentCore on loopback that speaks the real wire protocol, in a child process.

    Both ``with`` and ``async with`` start it, wait until it answers, and stop it with everything it has started. It
    also ends when this process ends, however that happens. `token`, `environ` and `requests` call it and block for
    some milliseconds, even under ``async with``.

    Args:
        app: The agent to host, ``module:attribute``, imported from the current folder or the installed packages.
            Without it and the next three, the bundled sample agent is hosted.
        target: Or the URL of an agent that already runs, such as ``http://127.0.0.1:8080``; loopback only.
        command: Or a command line for bash that starts an agent for a session, listening on the port ``{port}``.
        agents: Or several agents: a TOML file that names them, or its content as a mapping, such as
            ``{"orders": {"app": "orders:app"}, "search": {"target": "http://127.0.0.1:8080"}}``.
        protocol: The agent's protocol: ``http``, ``a2a``, ``agui`` or ``mcp``; or ``harness``, for an HTTP agent that
            stands in for a harness's loop. Without an agent, the sample for this protocol is hosted.
        allowed_headers: Which request headers reach the agents besides ``…-Custom-*``, such as ``Authorization``; like
            a runtime's header allow list.
        allowed_ports: Which ports of a session its endpoint reaches, such as ``[8000, "8010-8019"]``.
        auth: How callers authenticate: not at all, with a SigV4 signature by `credentials`, or with a bearer `token`.
        access_key_id: With ``sigv4``, the key to accept instead of the fixed test key.
        secret_access_key: Its secret.
        idle_timeout_s: After how many idle seconds a session ends.
        max_lifetime_s: After how many seconds it ends even if busy.
        start_timeout_s: How long an agent process may take until it answers.
        faults: What goes wrong on purpose, with every call or every Nth, such as
            ``error=ThrottlingException every=3``; docs/local.md lists them.
        port: The port on 127.0.0.1; 0 is a free one.
        stderr: A file or ``subprocess.DEVNULL`` for its standard error, which includes the agents' output; None is this
            process's standard error, which pytest shows with a failed test.

    Raises:
        ConfigurationError: If an argument can't work, or on Windows; at the start, if an app can't be hosted or the
            port is taken.
        ConnectError: At the start, if it exits for another reason, or is not ready in time.
    """

    def __init__(
        self,
        *,
        # What it hosts: one of these
        app: str | None = None,
        target: str | None = None,
        command: str | None = None,
        agents: Agents | None = None,
        protocol: Protocol | None = None,
        allowed_headers: Sequence[str] = (),
        allowed_ports: Sequence[str | int] = (),
        # Who may call
        auth: AuthMode = "none",
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        # How long sessions last
        idle_timeout_s: float = IDLE_TIMEOUT_S,
        max_lifetime_s: float = SESSION_LIFETIME_S,
        start_timeout_s: float = 60.0,
        # What goes wrong
        faults: Sequence[str] = (),
        # The process
        port: int = 0,
        stderr: IO[bytes] | int | None = None,
    ) -> None:
        from agentcore_mcp.local.callers.gate import AuthSettings

        for name, texts in (("faults", faults), ("allowed_headers", allowed_headers), ("allowed_ports", allowed_ports)):
            if isinstance(texts, str):
                raise ConfigurationError(f"{name} is a list of texts, such as [{texts!r}]")
        from agentcore_mcp.local.line.faults import Fault
        from agentcore_mcp.local.sandbox.limits import Limits
        from agentcore_mcp.local.settings import LocalSettings, hosted_agents, need_posix

        need_posix()
        one = {"app": app, "target": target, "command": command, "protocol": protocol, "allowed_ports": allowed_ports}
        self.settings = LocalSettings(
            hosted_agents(agents, allowed_headers=allowed_headers, **one),
            AuthSettings.of(auth, access_key_id, secret_access_key),
            Limits(idle_timeout_s, max_lifetime_s, start_timeout_s),
            tuple(Fault.parse(fault) for fault in faults),
            port,
        )
        self._child = Child(stderr)

    @property
    def endpoint_url(self) -> str:
        """Return the endpoint's URL; known once it is ready."""
        if not self._child.announced:
            raise ConnectError("the local AgentCore is not ready: use it in a with block, or call wait_ready() first")
        return str(self._child.announced["endpoint_url"])

    @property
    def agent_runtime_arn(self) -> str:
        """Return the ARN of the first runtime that it hosts."""
        return str(next(iter(self.agents.values())))

    @property
    def agents(self) -> dict[str, str]:
        """Return the ARNs of the runtimes that it hosts, by the agents' names. They are always the same for a name."""
        return {agent.name: str(agent.arn) for agent in self.settings.agents}

    @property
    def auth(self) -> dict[str, str]:
        """Return what callers need to authenticate, empty without authentication; known once it is ready.

        With ``sigv4`` ``access_key_id``, ``secret_access_key`` and ``region``; with ``jwt`` ``issuer``,
        ``token_endpoint``, ``client_id`` and ``client_secret``.
        """
        return dict(self._child.announced.get("auth", {}))

    @property
    def credentials(self) -> dict[str, str]:
        """Return key pair and region as arguments for ``boto3.client``; without ``sigv4`` any other keys work too."""
        keys, arn = self.settings.auth.keys, self.settings.agents[0].arn
        pair = {"aws_access_key_id": keys.access_key_id, "aws_secret_access_key": keys.secret_access_key}
        return {**pair, "region_name": arn.region}

    @property
    def pid(self) -> int | None:
        """Return its process id, or None before `start`."""
        return self._child.pid

    def token(
        self, subject: str | None = None, *, client_id: str = "local-client", scope: str = "", lifetime_s: int = 3600
    ) -> str:
        """Return a new access token, with ``auth="jwt"``.

        Args:
            subject: Its ``sub``, the user for whom the client acts; None is the client itself.
            client_id: ``local-client``, or ``local-other-client``, which the runtimes refuse.
            scope: Its ``scope``.
            lifetime_s: How long it is good for, at most 86,400 s; it is refused in its last minute.

        Raises:
            ConfigurationError: If it issues no tokens, or not this one.
        """
        if "token_endpoint" not in self.auth:
            raise ConfigurationError('only a local AgentCore with auth="jwt" issues tokens')
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": self.auth["client_secret"]}
        form |= {"scope": scope, "lifetime_s": str(lifetime_s)} | ({} if subject is None else {"subject": subject})
        answer = self._call("POST", self.auth["token_endpoint"], form)
        if "access_token" not in answer:
            raise ConfigurationError(f"no such token: {answer.get('error_description', answer['error'])}")
        return str(answer["access_token"])

    def environ(self) -> dict[str, str]:
        """Return the variables with which boto3, this package's clients and its server call the first runtime.

        For ``monkeypatch.setenv`` or the environment of a child process.
        """
        keys, url = self.credentials, self.endpoint_url
        variables = {
            "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
            # A token in the environment belongs to another key.
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": keys["region_name"],
            "AWS_DEFAULT_REGION": keys["region_name"],
            "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": url,
            "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL": url,
            "AGENTCORE_ENDPOINT_URL": url,
            "AGENTCORE_RUNTIME_ARN": self.agent_runtime_arn,
        }
        return variables | ({"AGENTCORE_BEARER_TOKEN": self.token()} if self.auth.get("mode") == "jwt" else {})

    def requests(self) -> list[RecordedRequest]:
        """Return the last 1,000 requests, oldest first."""
        from agentcore_mcp.local.line.journal import RecordedRequest

        return [RecordedRequest(**entry) for entry in self._call("GET", f"{self.endpoint_url}/_local/requests")]

    def start(self) -> None:
        """Start it and return at once."""
        self._child.start(self.settings)

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until it can be called. Any number of threads may wait.

        Args:
            timeout_s: The longest wait; None is its start timeout plus 30 s.

        Raises:
            ConfigurationError: If an app can't be hosted, or the port is taken.
            ConnectError: If it exits for another reason, or takes longer.
        """
        default_s = self.settings.limits.start_timeout_s + _START_MARGIN_S
        self._child.wait_ready(default_s if timeout_s is None else timeout_s)

    def stop(self) -> None:
        """End it with everything it has started, and wait for that."""
        self._child.stop()

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        from anyio import CancelScope, to_thread

        self.start()
        try:
            await to_thread.run_sync(self.wait_ready, abandon_on_cancel=True)
        except BaseException:  # a cancellation, too
            with CancelScope(shield=True):
                await to_thread.run_sync(self.stop)
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        from anyio import CancelScope, to_thread

        with CancelScope(shield=True):
            await to_thread.run_sync(self.stop)

    def _call(self, method: str, url: str, form: Mapping[str, str] | None = None) -> Any:
        import httpx2

        with httpx2.Client(trust_env=False, timeout=_ANSWER_TIMEOUT_S) as client:
            return client.request(method, url, data=form).json()
