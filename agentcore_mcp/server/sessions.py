"""Which runtime session a call means.

A session is always an explicit argument and an explicit result. There is no session per connection: protocol
2026-07-28 has no connections to tie one to, and on a shared connection a user could land in another's environment.
"""

from __future__ import annotations

import hmac
import math
import re
import time
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agentcore_mcp.config.installation import installation_key
from agentcore_mcp.errors import InvalidRequestError
from agentcore_mcp.wire.ids import check_session_id
from agentcore_mcp.wire.limits import IDLE_TIMEOUT_S, SESSION_ID_MIN_CHARS, SESSION_LIFETIME_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agentcore_mcp.server.agents import Target
    from agentcore_mcp.wire.ids import RuntimeArn
    from agentcore_mcp.wire.pauses import Pause

# The argument of stop_session that means all sessions that this server opened.
ALL = "all"
SHORT_NAME_MAX_CHARS = 32
_SHORT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
# More than the 96 times that a session can idle out in a day.
_SPANS_MAX = 100
# 128 bits: tags can neither collide by chance nor be guessed. The whole id stays below the 100 characters that the
# service model allows in responses.
_TAG_CHARS = 32
# The end of an id made for one of several callers. The letter distinguishes it from the UUIDs that foreign ids end in.
_OWNED = re.compile(r"(.+)-u[0-9a-f]{32}")


@dataclass(slots=True, eq=False)
class Session:
    """A session as it is known here. Times are Unix time, in seconds.

    Attributes:
        session_id: Its id.
        target: Its agent.
        called: The id or short name by which a call last named it.
        calls: How many calls were made in it.
        stopping: How many stops of it are in progress or have succeeded; a stop that fails is uncounted.
        stopped_at: When the first of those stops began.
        pauses: The questions for a person that its last call ended with.
        is_claimed: Whether a call is answering ``pauses``, in a book of this process.
        kept: State of the agent's protocol between turns: see ``runtime.protocols.turn``.
        earlier: The spans in which it was open before under the same id.
        generation: How many sessions of the same id were stopped before, in a book that all workers share.
    """

    session_id: str
    target: Target
    called: str = ""
    opened_at: float = field(default_factory=time.time)
    used_at: float = field(default_factory=time.time)
    calls: int = 0
    stopping: int = 0
    stopped_at: float = math.inf
    pauses: Sequence[Pause] = ()
    is_claimed: bool = False
    kept: Mapping[str, Any] = field(default_factory=dict)
    earlier: tuple[tuple[float, float], ...] = ()
    generation: int = 0

    @property
    def agent(self) -> str:
        """The name of its agent."""
        return self.target.agent.name

    @property
    def key(self) -> tuple[str, str]:
        """Agent and id: a caller may use one id with several agents, each with a session of its own."""
        return self.agent, self.session_id

    @property
    def ends_at(self) -> float:
        """When it was stopped, or else when it will time out unless another call is made in it.

        By the service's default timeouts; a runtime may be configured with others.
        """
        return min(self.stopped_at, self.used_at + IDLE_TIMEOUT_S, self.opened_at + SESSION_LIFETIME_S)

    def is_open(self, at: float) -> bool:
        """Tell whether it is open at a given time, if no call is made in it until then."""
        return not self.stopping and self.ends_at > at

    @property
    def spans(self) -> tuple[tuple[float, float], ...]:
        """Begin and end of each time it was open; the last ends when it idles out, if it is not used again."""
        return *self.earlier[-_SPANS_MAX:], (self.opened_at, self.ends_at)


def means_all(text: str) -> bool:
    """Tell whether an argument of stop_session means all sessions. Models write it in capitals, too."""
    return text.strip().lower() == ALL


class SessionNames:
    """Resolves the argument ``session_id`` to the id that is sent.

    A short name gets a keyed hash (HMAC) as its tag, so that "review" is the same session after a restart, even for a
    host that starts a server for every call, but never the "review" of another user of the same runtime. On a server
    with several callers, every id that it makes has a tag, and an id without the caller's own tag is refused.

    Args:
        key: Returns at least 16 bytes; called when an id first needs them.
        owner: The key of the caller's principal; "" on a server that doesn't tell callers apart.
        foreign: Accept ids that were not made here, if there is an owner.
    """

    def __init__(self, key: Callable[[], bytes] = installation_key, *, owner: str = "", foreign: bool = False) -> None:
        self._get_key = key
        self._owner = owner
        self._foreign = foreign

    @cached_property
    def _key(self) -> bytes:
        return self._get_key()

    def resolve(self, text: str, arn: RuntimeArn, *, may_be_new: bool = True) -> str:
        """Return the session id for ``text``: a new one if empty, itself if a full id, a stable one for a name.

        Args:
            text: The argument.
            arn: The runtime that the session is of.
            may_be_new: Whether the call may open a session; a stop may not.

        Raises:
            InvalidRequestError: If it is neither an id nor a name, or an id that isn't the caller's to use.
        """
        text = text.strip()
        if not text and may_be_new:
            new = f"mcp-{uuid.uuid4()}"
            return self._marked(new, arn) if self._owner else new
        if means_all(text):
            raise InvalidRequestError(f"{text!r} is no name for a session: to stop_session it means every one")
        # Models write "null" for omitted arguments.
        if _SHORT_NAME.fullmatch(text) and text.lower() != "null":
            return self._marked(text, arn)
        if len(text) >= SESSION_ID_MIN_CHARS and self._may_use(check_session_id(text, of_harness=arn.is_harness), arn):
            return text
        if not may_be_new:
            raise InvalidRequestError(
                f"not a session: {text!r}; pass the session_id of an earlier result, the short name that you gave, or "
                f"{ALL!r}"
            )
        raise InvalidRequestError(
            f"not a session: {text!r}; leave session_id out for a new one, pass the id from an earlier result, "
            f"or a short name: 1 to {SHORT_NAME_MAX_CHARS} letters, digits, '-' and '_', a letter or digit first"
        )

    def _marked(self, text: str, arn: RuntimeArn) -> str:
        tag = hmac.digest(self._key, f"{self._owner}\n{arn}\n{text}".encode(), "sha256").hex()
        return f"{text}-{'u' if self._owner else ''}{tag[:_TAG_CHARS]}"

    def _may_use(self, session_id: str, arn: RuntimeArn) -> bool:
        """Tell whether the caller may pass an id: made for them and this runtime, or foreign if that is allowed."""
        if not self._owner:
            return True
        made = _OWNED.fullmatch(session_id)
        return self._foreign if made is None else hmac.compare_digest(session_id, self._marked(made[1], arn))
