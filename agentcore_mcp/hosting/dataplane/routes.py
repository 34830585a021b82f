"""Routes: which operation on which runtime a request line asks for.

The ARN is one percent-encoded segment of the path, so the raw path is what is read: decoded, its slash would be one
more separator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.hosting.dataplane.refusals import Refusal, invalid_field, not_found
from agentcore_mcp.wire.operations import RuntimeArn

# The suffix is ten characters, as the service model wants it; account and region are those of AWS's examples.
LOCAL_ARN: Final = RuntimeArn("aws", "us-east-1", "123456789012", "local_agent-L0calAgent")
DEFAULT_QUALIFIER: Final = "DEFAULT"

INVOKE: Final = "InvokeAgentRuntime"
COMMAND: Final = "InvokeAgentRuntimeCommand"
STOP: Final = "StopRuntimeSession"
_OPERATION_OF_SEGMENT: Final = {"invocations": INVOKE, "commands": COMMAND, "stopruntimesession": STOP}


@dataclass(frozen=True, slots=True)
class Route:
    """An operation, and the runtime and endpoint as the client wrote them."""

    operation: str
    runtime: str
    query: dict[str, list[str]]

    def check(self) -> None:
        """Check that the runtime and its endpoint exist here.

        Raises:
            Refusal: If they do not, or can't be read.
        """
        if self.runtime.startswith("arn:"):
            try:
                arn = RuntimeArn.parse(self.runtime)
            except InvalidRequestError as exc:
                raise invalid_field("agentRuntimeArn", exc.message) from None
        else:
            # The bare id names its account beside it; the model has no such member for stop.
            account = self.query.get("accountId", [""])[0]
            if self.operation == STOP or not (len(account) == 12 and account.isdecimal()):
                raise invalid_field("agentRuntimeArn", "an agent id needs the query parameter accountId (12 digits)")
            arn = RuntimeArn(LOCAL_ARN.partition, LOCAL_ARN.region, account, self.runtime)
        if arn != LOCAL_ARN:
            raise not_found(f"No endpoint or agent found with qualifier 'DEFAULT' for agent '{self.runtime}'")
        qualifier = self.query.get("qualifier", [DEFAULT_QUALIFIER])[0]
        if qualifier != DEFAULT_QUALIFIER:
            raise not_found(f"No endpoint or agent found with qualifier '{qualifier}' for agent '{self.runtime}'")


def find_route(method: str, raw_path: bytes, query_string: bytes) -> Route:
    """Read a request line.

    Raises:
        Refusal: If it is none of the three operations.
    """
    match raw_path.decode("latin-1").split("/"):
        case ["", "runtimes", runtime, last] if method == "POST" and last in _OPERATION_OF_SEGMENT:
            query = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
            return Route(_OPERATION_OF_SEGMENT[last], unquote(runtime), query)
    raise Refusal("UnknownOperationException", "the operation is unknown; see agentcore-mcp local --help")
