"""Which runtime: its ARN in parts, or its id and account."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentcore_mcp.errors import InvalidRequestError

# The name that requests are signed for, and that begins the service's host names.
SERVICE = "bedrock-agentcore"
# The endpoint that every runtime has.
DEFAULT_QUALIFIER = "DEFAULT"

ACCOUNT_ID = re.compile(r"[0-9]{12}")
_ARN = re.compile(
    rf"arn:(aws(?:-[a-z]+)*):{SERVICE}:([a-z0-9-]{{1,63}}):({ACCOUNT_ID.pattern}):(runtime|harness)/([A-Za-z][A-Za-z0-9_-]{{0,127}})"
)


@dataclass(frozen=True, slots=True)
class RuntimeArn:
    """The ARN of an agent runtime, in parts, or that of a harness, which has a runtime of its own.

    The grammar is the service model's, except that the ten-character suffix of the id is not insisted on: the
    documentation's own examples lack it, and the service is the judge of what exists.

    Commands in a harness are run under its own ARN, says AWS's developer guide ("Environment and filesystem"); the
    runtime behind it refuses them. Asking it is another operation, InvokeHarness. How its sessions are stopped is
    documented nowhere, so that is left to the service.
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
            raise InvalidRequestError(
                f"not the ARN of an agent runtime: {text!r}; it looks like "
                "arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID, with an ACCOUNT of 12 digits"
            )
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
