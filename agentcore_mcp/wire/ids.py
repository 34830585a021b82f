"""Ids: of runtimes, with their ARNs, and those that a caller makes up for sessions, stops and interactive shells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.headers import SESSION_HEADER
from agentcore_mcp.wire.limits import HARNESS_SESSION_ID_MAX_CHARS, SESSION_ID_MAX_CHARS, SESSION_ID_MIN_CHARS

if TYPE_CHECKING:
    from collections.abc import Mapping

# The name that requests are signed for, and that begins the service's host names.
SERVICE = "bedrock-agentcore"
# The endpoint that every runtime has.
DEFAULT_QUALIFIER = "DEFAULT"

# For the runtimes of a local AgentCore: their region, and the id's suffix, in the place of ten random characters.
LOCAL_REGION, LOCAL_ID_SUFFIX = "us-east-1", "-L0calAgent"

ACCOUNT_ID = re.compile(r"[0-9]{12}")
_ARN = re.compile(
    rf"arn:(aws(?:-[a-z]+)*):{SERVICE}:([a-z0-9-]{{1,63}}):({ACCOUNT_ID.pattern}):(runtime|harness)/([A-Za-z][A-Za-z0-9_-]{{0,127}})"
)

# The model gives session ids no pattern. A header value can carry visible ASCII without escaping, so only that is
# allowed; in particular no CR, LF or space.
_SESSION_ID = re.compile(rf"[!-~]{{{SESSION_ID_MIN_CHARS},{SESSION_ID_MAX_CHARS}}}")
HARNESS_SESSION_ID = re.compile(
    rf"[a-zA-Z0-9][a-zA-Z0-9_-]{{{SESSION_ID_MIN_CHARS - 1},{HARNESS_SESSION_ID_MAX_CHARS - 1}}}"
)
# The model has 1 to 100 characters of a smaller set in responses, but the service may send longer or other ids.
_ANSWERED_ID = re.compile(rf"[!-~]{{1,{SESSION_ID_MAX_CHARS}}}")
CLIENT_TOKEN = re.compile(r"(?=.{33,256}$)[a-zA-Z0-9](?:-*[a-zA-Z0-9])*")
# https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-get-started-command-shell.html
SHELL_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True)
class RuntimeArn:
    """The ARN of an agent runtime, in parts, or that of a harness, which has a runtime of its own.

    The grammar is the service model's, except that the id's ten-character suffix is optional: the documentation's own
    examples lack it, and the service decides what exists.

    Commands in a harness take its own ARN, says AWS's developer guide ("Environment and filesystem"); the runtime
    behind it refuses them. Prompts go through another operation, InvokeHarness. How to stop its sessions is
    undocumented, so a stop is sent with the harness's ARN too, and the service decides.
    """

    partition: str
    region: str
    account_id: str
    runtime_id: str
    is_harness: bool = False

    @classmethod
    def parse(cls, text: str) -> RuntimeArn:
        """Read an ARN.

        Raises:
            InvalidRequestError: If it is not the ARN of an agent runtime or a harness.
        """
        match = _ARN.fullmatch(text)
        if match is None:
            arn, _, qualifier = text.partition("/runtime-endpoint/")
            looks = "looks like arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID, with an ACCOUNT of 12 digits"
            if _ARN.fullmatch(arn):
                looks = f"is that of an endpoint: give {arn}, and {qualifier!r} as the qualifier"
            raise InvalidRequestError(f"not the ARN of an agent runtime: {text!r}; it {looks}")
        partition, region, account_id, kind, runtime_id = match.groups()
        return cls(partition, region, account_id, runtime_id, kind == "harness")

    def __str__(self) -> str:
        kind = "harness" if self.is_harness else "runtime"
        return f"arn:{self.partition}:{SERVICE}:{self.region}:{self.account_id}:{kind}/{self.runtime_id}"


@dataclass(frozen=True, slots=True)
class RuntimeId:
    """An agent runtime by its id and account, the other form that InvokeAgentRuntime and its commands take.

    Raises:
        InvalidRequestError: If a part is not what it would be in an ARN.
    """

    runtime_id: str
    account_id: str
    region: str
    partition: str = "aws"

    def __post_init__(self) -> None:
        if not _ARN.fullmatch(str(RuntimeArn(self.partition, self.region, self.account_id, self.runtime_id))):
            raise InvalidRequestError(f"not the id of an agent runtime with its account of 12 digits: {self}")


Runtime = RuntimeArn | RuntimeId


def check_session_id(session_id: str, *, of_harness: bool = False) -> str:
    """Return a session id that the service accepts and a header can carry.

    Raises:
        InvalidRequestError: If it is not 33 to 256 visible ASCII characters; or, for a harness, 33 to 100 letters,
            digits, dashes and underscores, the first a letter or digit.
    """
    form, most, characters = _SESSION_ID, SESSION_ID_MAX_CHARS, "letters, digits and punctuation marks, no spaces"
    if of_harness:
        form, most, characters = HARNESS_SESSION_ID, HARNESS_SESSION_ID_MAX_CHARS, "letters, digits, '-' and '_'"
    if not form.fullmatch(session_id):
        raise InvalidRequestError(
            f"not a session id: {session_id[:SESSION_ID_MAX_CHARS]!r} ({len(session_id)} characters); it "
            f"has {SESSION_ID_MIN_CHARS} to {most} {characters}"
        )
    return session_id


def session_in(headers: Mapping[str, str], asked: str) -> str:
    """Return the session that an answer comes from: the one that was asked, unless its headers name another."""
    named = headers.get(SESSION_HEADER, "")
    return named if _ANSWERED_ID.fullmatch(named) else asked
