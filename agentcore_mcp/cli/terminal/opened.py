"""The sessions that were opened from this machine's terminals: AWS lists none, and a forgotten one costs money."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentcore_mcp.config.installation import state_folder
from agentcore_mcp.errors import AgentCoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

# The longest that the service lets a session live, on a capacity provider.
_LIFE_MAX_S = 14 * 86_400
_TABLE = """\
CREATE TABLE IF NOT EXISTS sessions (
  arn TEXT, session_id TEXT, agent TEXT, called TEXT, place TEXT, opened_at REAL, used_at REAL,
  endpoint_url TEXT, PRIMARY KEY (arn, session_id))"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was opened and not stopped. Times are Unix time, in seconds.

    Attributes:
        arn: Its runtime.
        session_id: Its id.
        agent: The agent's name at the time.
        called: Its short name, or its id without one.
        place: The folder that it was opened from.
        endpoint_url: The URL of its endpoint, if it has one.
    """

    arn: str
    session_id: str
    agent: str
    called: str
    place: str
    opened_at: float
    used_at: float
    endpoint_url: str | None = None


class OpenedSessions:
    """Sessions in a small database in the user's state folder; any number of processes may use it at once.

    Args:
        environ: The environment, which determines the folder.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._path = state_folder(environ) / "sessions.sqlite"

    def used(self, arn: str, session_id: str, *, agent: str, called: str, endpoint_url: str | None = None) -> None:
        """Record a call before it is made, as an interrupted one may have opened the session; later, its endpoint."""
        now = time.time()
        with self._database() as database:
            database.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "called = excluded.called, used_at = excluded.used_at, "
                "endpoint_url = coalesce(excluded.endpoint_url, endpoint_url)",
                # The path as the user sees it.
                (arn, session_id, agent, called, os.getcwd(), now, now, endpoint_url),  # noqa: PTH109
            )

    def forget(self, arn: str, session_id: str) -> None:
        """Forget a session: it was stopped, or never opened."""
        with self._database() as database:
            database.execute("DELETE FROM sessions WHERE arn = ? AND session_id = ?", (arn, session_id))

    def all(self, named: Collection[str] = (), agents: Collection[str] = ()) -> list[Opened]:
        """Return the sessions with these ids or short names and these agents, if given; the most recently used last."""
        with self._database() as database:
            database.execute("DELETE FROM sessions WHERE used_at < ?", (time.time() - _LIFE_MAX_S,))
            every = [Opened(*row) for row in database.execute("SELECT * FROM sessions ORDER BY used_at")]
        ours = [one for one in every if not agents or one.agent in agents]
        return [one for one in ours if not named or one.session_id in named or one.called in named]

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            # Accessible to their owner only.
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            with closing(sqlite3.connect(self._path)) as database, database:
                database.execute(_TABLE)
                with suppress(sqlite3.OperationalError):  # the column exists, unless an earlier version made the table
                    database.execute("ALTER TABLE sessions ADD endpoint_url TEXT")
                yield database
        except (OSError, sqlite3.Error) as error:
            raise AgentCoreError(
                f"can't remember sessions in {self._path}: {error}; XDG_STATE_HOME may name another folder"
            ) from error
