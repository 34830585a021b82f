"""Routes: the operation and runtime that a request line names.

The ARN is one percent-encoded segment of the path, so the raw path is parsed: in the decoded one, the ARN's slash would
be another separator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote

from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.local.line.refusals import Refusal, invalid_fields
from agentcore_mcp.wire.ids import ACCOUNT_ID, DEFAULT_QUALIFIER, RuntimeArn
from agentcore_mcp.wire.operations import (
    CARD,
    COMMAND,
    DESCRIBE,
    HARNESS,
    INVOKE,
    LIST,
    METADATA,
    PROXY,
    SHELL,
    SOCKET,
    STOP,
    Operation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

WEBSOCKET: Final = "WEBSOCKET"
# The prefix of session endpoints, followed by the session's endpoint name.
ENDPOINTS: Final = "/_local/endpoints/"
_UPGRADES: Final = (SOCKET, SHELL)
_OPERATIONS: Final = {
    (WEBSOCKET if operation in _UPGRADES else operation.method, operation.path): operation
    for operation in (INVOKE, COMMAND, STOP, CARD, METADATA, LIST, DESCRIBE, *_UPGRADES)
}
# The operations that accept a harness's ARN.
_OF_HARNESSES: Final = (HARNESS, COMMAND, STOP, METADATA)


@dataclass(frozen=True, slots=True)
class Route:
    """An operation, and the runtime and endpoint as the client wrote them; for PROXY, a session's endpoint."""

    operation: Operation
    runtime: str
    query: dict[str, str]

    def find(self, arns: Iterable[RuntimeArn]) -> RuntimeArn:
        """Return the ARN of this runtime among the hosted ones.

        Raises:
            Refusal: If the runtime or its endpoint does not exist here, or can't be read.
        """
        member = self.operation.arn_parameter or "agentRuntimeArn"
        if self.runtime.startswith("arn:") or self.operation == HARNESS:
            try:
                arn = RuntimeArn.parse(self.runtime)
            except InvalidRequestError as exc:
                raise invalid_fields((member, exc.message)) from None
            if self.operation not in _OF_HARNESSES if arn.is_harness else self.operation == HARNESS:
                what = "a harness" if arn.is_harness else "an agent runtime"
                raise invalid_fields((member, f"{self.operation.name} does not take the ARN of {what}"))
            found = next((known for known in arns if known == arn), None)
        else:
            # A bare id comes with its account in the query.
            account = self.query.get("accountId", "")
            if not self.operation.by_id or not ACCOUNT_ID.fullmatch(account):
                raise invalid_fields((member, "an agent id needs the query parameter accountId (12 digits)"))
            named = (account, self.runtime)
            found = next((arn for arn in arns if (arn.account_id, arn.runtime_id) == named), None)
        qualifier = self.query.get("qualifier", DEFAULT_QUALIFIER)
        if found is None or qualifier != DEFAULT_QUALIFIER:
            raise Refusal(
                "ResourceNotFoundException",
                f"No endpoint or agent found with qualifier '{qualifier}' for agent '{self.runtime}'",
            )
        return found


def find_route(method: str, raw_path: bytes, query_string: bytes) -> Route:
    """Read a request line; the method of an upgrade is ``WEBSOCKET``.

    Raises:
        Refusal: If it is not one of the operations.
    """
    parsed = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    query = {name: values[0] for name, values in parsed.items()}
    path = raw_path.decode("latin-1")
    if path.startswith(ENDPOINTS):
        name, _, rest = path.removeprefix(ENDPOINTS).partition("/")
        return Route(PROXY, name, {"path": f"/{rest}", "query": query_string.decode("latin-1")})
    if (method, path) == (HARNESS.method, f"/{HARNESS.path}"):
        return Route(HARNESS, query.get(HARNESS.arn_parameter, ""), query)
    match [*path.split("/", 3), ""]:
        case ["", "runtimes", runtime, rest, *_] if operation := _OPERATIONS.get((method, rest)):
            return Route(operation, unquote(runtime), query)
    raise Refusal("UnknownOperationException", "the operation is unknown; see agentcore-mcp local --help")
