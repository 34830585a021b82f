"""boto3 as the judge of the local AgentCore, and a look into the local AgentCore from outside."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import boto3
import httpx2
from botocore.config import Config
from websockets.sync.client import ClientConnection, connect

from agentcore_mcp.wire.headers import SESSION_HEADER
from tests.support.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.local.agentcore import LocalAgentCore

# Far above what anything here takes on a loaded machine, and below pytest's limit for a test.
_LOOK_AGAIN_S = 0.02
FAKE_KEYS = (ACCESS_KEY_ID, SECRET_ACCESS_KEY)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command's event stream said."""

    stdout: str
    stderr: str
    exit_code: int
    status: str


@dataclass(frozen=True, slots=True)
class Boto:
    """boto3's client of one local AgentCore, and the ARN it hosts.

    It sends each request once: a repeated one would hide what the first one met. A context manager, which closes
    the connections.
    """

    client: Any
    arn: str
    endpoint_url: str

    @classmethod
    def of(
        cls,
        local: LocalAgentCore,
        *,
        check_parameters: bool = True,
        keys: tuple[str, str] = FAKE_KEYS,
        region: str = "us-east-1",
    ) -> Boto:
        return cls.at(
            local.endpoint_url, local.agent_runtime_arn, check_parameters=check_parameters, keys=keys, region=region
        )

    @classmethod
    def at(
        cls,
        endpoint_url: str,
        arn: str,
        *,
        check_parameters: bool = True,
        keys: tuple[str, str] = FAKE_KEYS,
        region: str = "us-east-1",
    ) -> Boto:
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=check_parameters, read_timeout=WAIT_S)
        client = boto3.session.Session(*keys).client(
            "bedrock-agentcore", region_name=region, endpoint_url=endpoint_url, config=config
        )
        return cls(client, arn, endpoint_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        # The connections it keeps; an open one is a warning when it is collected.
        self.client.close()

    def invoke(self, payload: dict[str, Any], session_id: str, **arguments: Any) -> dict[str, Any]:
        """Invoke, and return the answer with its body unread."""
        answer: dict[str, Any] = self.client.invoke_agent_runtime(
            agentRuntimeArn=self.arn,
            runtimeSessionId=session_id,
            contentType="application/json",
            payload=json.dumps(payload),
            **arguments,
        )
        return answer

    def ask(self, payload: dict[str, Any], session_id: str, **arguments: Any) -> Any:
        """Invoke, and return the whole JSON answer."""
        return json.loads(self.invoke(payload, session_id, **arguments)["response"].read())

    def start(self, command: str, session_id: str, *, timeout_s: int = 20) -> Any:
        """Start a command, and return its event stream."""
        body = {"command": command, "timeout": timeout_s}
        return self.client.invoke_agent_runtime_command(
            agentRuntimeArn=self.arn, runtimeSessionId=session_id, body=body
        )["stream"]

    def run(self, command: str, session_id: str, *, timeout_s: int = 20) -> Ran:
        """Run a command to its end."""
        return read_events(self.start(command, session_id, timeout_s=timeout_s))

    def stop(self, session_id: str, **arguments: Any) -> dict[str, Any]:
        """Stop a session."""
        answer: dict[str, Any] = self.client.stop_runtime_session(
            agentRuntimeArn=self.arn, runtimeSessionId=session_id, **arguments
        )
        return answer

    def sessions(self) -> dict[str, dict[str, Any]]:
        """Return the local AgentCore's own list of sessions, by id."""
        listing: list[dict[str, Any]] = httpx2.get(f"{self.endpoint_url}/_local/sessions", timeout=WAIT_S).json()
        return {session["id"]: session for session in listing}

    def requests(self, session_id: str) -> list[dict[str, Any]]:
        """Return the local AgentCore's journal of one session, oldest first."""
        journal: list[dict[str, Any]] = httpx2.get(f"{self.endpoint_url}/_local/requests", timeout=WAIT_S).json()
        return [entry for entry in journal if entry["session_id"] == session_id]


def read_events(stream: Any) -> Ran:
    """Read a command's event stream to its end, and check its order: one start, then output, one stop."""
    chunks = [event["chunk"] for event in stream]
    assert chunks[0] == {"contentStart": {}}
    deltas = [chunk["contentDelta"] for chunk in chunks[1:-1]]
    stop = chunks[-1]["contentStop"]
    return Ran(
        "".join(delta.get("stdout", "") for delta in deltas),
        "".join(delta.get("stderr", "") for delta in deltas),
        stop["exitCode"],
        stop["status"],
    )


def connected(boto: Boto, session_id: str, path: str) -> ClientConnection:
    """Connect a WebSocket, ``ws`` or ``ws/shells``, in a session."""
    url = f"{boto.endpoint_url.replace('http', 'ws')}/runtimes/{quote(boto.arn, safe='')}/{path}"
    return connect(url, additional_headers={SESSION_HEADER: session_id}, close_timeout=1, open_timeout=WAIT_S)


def error_code(answer: httpx2.Response) -> str:
    """Return the code of an error answer without the namespace that AWS has after some."""
    return str(answer.headers["x-amzn-errortype"]).partition(":")[0]


def new_session_id() -> str:
    return str(uuid.uuid4())


def eventually(condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
    """Wait for something that another process does and that nobody announces; fail if it takes too long."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(_LOOK_AGAIN_S)
