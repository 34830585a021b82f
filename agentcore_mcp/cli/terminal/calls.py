"""One call from a terminal: its agent, its session, and the record of it."""

from __future__ import annotations

import sys
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import anyio
import click

from agentcore_mcp.cli.options import settings_for
from agentcore_mcp.cli.terminal.opened import OpenedSessions
from agentcore_mcp.errors import AgentCoreError, ConfigurationError, ConnectError, CredentialsError, InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from agentcore_mcp.cli.terminal.naming import Where
    from agentcore_mcp.config import Settings
    from agentcore_mcp.server.agents import Agents, Target

INTERRUPTED = 130
# Errors after which no new session exists.
_NOT_SENT = (ConfigurationError, ConnectError, CredentialsError, InvalidRequestError)


@dataclass(slots=True)
class OneCall:
    """One call, and the session that it is made in."""

    target: Target
    agents: Agents
    session_id: str
    called: str
    opened: OpenedSessions

    def note(self, endpoint_url: str | None = None) -> None:
        """Remember the session."""
        agent, called = self.target.agent, self.called or self.session_id
        with _lenient():
            self.opened.used(
                str(agent.arn), self.session_id, agent=agent.name, called=called, endpoint_url=endpoint_url
            )

    def forget(self) -> None:
        """Forget the session."""
        with _lenient():
            self.opened.forget(str(self.target.agent.arn), self.session_id)

    def answered(self, session_id: str, endpoint_url: str | None = None) -> None:
        """Remember the session in the response, which may differ from the requested one, and its endpoint."""
        if session_id != self.session_id:
            self.forget()
            self.session_id = session_id
        self.note(endpoint_url)


@contextmanager
def _lenient() -> Iterator[None]:
    """Only warn if sessions can't be remembered; the call is made anyway."""
    try:
        yield
    except AgentCoreError as error:
        warn_once(error.message)


@cache
def warn_once(text: str) -> None:
    """Print a warning to standard error, once per text."""
    click.echo(f"agentcore-mcp: {text}", err=True)


def make(where: Where, work: Callable[[OneCall], Awaitable[int]]) -> None:
    """Make a call, and exit with its exit code."""
    calls: list[OneCall] = []

    async def main(settings: Settings) -> int:
        async with _opened(settings, where) as call:
            calls.append(call)
            return await work(call)

    with settings_for(where.agent, quiet=True) as settings:
        try:
            code = anyio.run(main, settings)
        except KeyboardInterrupt:
            code = INTERRUPTED
            for call in calls:
                _offer_to_stop(settings, call)
    sys.exit(code)


@asynccontextmanager
async def _opened(settings: Settings, where: Where) -> AsyncIterator[OneCall]:
    from agentcore_mcp.server.agents import Agents
    from agentcore_mcp.server.hints import next_step
    from agentcore_mcp.server.sessions import SessionNames

    if where.go_on and where.session:
        raise ConfigurationError("--continue and --session name a session each; pass one of them")
    opened = OpenedSessions()
    async with aclosing(Agents(settings)) as agents:
        target = await agents.named(where.which)
        arn = target.agent.arn
        before: list[str] = []
        with _lenient():
            before = [one.session_id for one in opened.all() if one.arn == str(arn)]
        if where.go_on and not before:
            raise ConfigurationError(
                f"no session of {target.agent.name} is open that was opened here; leave --continue out"
            )
        session_id = before[-1] if where.go_on else SessionNames().resolve(where.session, arn)
        is_new = session_id not in before
        call = OneCall(target, agents, session_id, where.session.strip(), opened)
        call.note()
        try:
            yield call
        except AgentCoreError as error:
            if is_new and isinstance(error, _NOT_SENT):
                call.forget()
            told = [f"{error.message} (session {call.session_id})", next_step(error, target.agent)]
            raise click.ClickException("\n".join(filter(None, told))) from error
        if is_new and sys.stderr.isatty():
            click.echo(f"[session {call.called or call.session_id}: --continue goes on in it]", err=True)


def _offer_to_stop(settings: Settings, call: OneCall) -> None:
    """Ask whether to stop the session of an interrupted call, whose work continues otherwise."""
    from agentcore_mcp.cli.terminal.sessions import stop_here

    if sys.stdin.isatty():
        click.echo(err=True)
        try:
            wanted = click.confirm(f"The work in session {call.called or call.session_id} goes on. Stop it?", err=True)
        except click.Abort:  # Ctrl-C or Ctrl-D: no answer is no
            click.echo(err=True)
            wanted = False
        if wanted:
            anyio.run(stop_here, settings, [call.session_id], [call.target.agent.name])
            return
    click.echo(f"what runs in the session goes on: agentcore-mcp stop {call.session_id}", err=True)
