"""What was looked at, and what was found."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import click

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.server.hints import next_step
from agentcore_mcp.wire.characters import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentcore_mcp.config import Agent

State = Literal["ok", "failed", "skipped"]
_MARKS: dict[State, tuple[str, str]] = {"ok": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("-", "yellow")}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        about: An agent's name, or what else it is about.
        what: What was looked at.
        state: Whether it is as it should be; skipped if that can't be told, or was not asked for.
        detail: What there is.
        next_step: What to do.
    """

    about: str
    what: str
    state: State
    detail: str = ""
    next_step: str = ""


class Report:
    """Shows findings as they come, or all of them as JSON at the end.

    Args:
        as_json: As JSON.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._about = ""
        self.findings: list[Finding] = []

    def add(self, about: str, what: str, state: State, detail: str = "", next_step: str = "") -> None:
        """Note a finding."""
        finding = Finding(about, what, state, detail, next_step)
        self.findings.append(finding)
        if self._as_json:
            return
        if about != self._about:
            self._about = about
            click.secho(f"\n{about}", bold=True)
        mark, colour = _MARKS[state]
        click.echo(f"  {click.style(mark, fg=colour)} {what}{f': {visible(detail)}' if detail else ''}")
        if next_step:
            click.echo(f"    → {visible(next_step)}")

    @contextmanager
    def failing(self, about: str, what: str, agent: Agent | None = None) -> Iterator[None]:
        """Note an error of the block as a finding, and go on."""
        try:
            yield
        except AgentCoreError as error:
            self.add(about, what, "failed", error.message, next_step(error, agent) if agent is not None else "")

    @property
    def failed(self) -> bool:
        """Whether anything is not as it should be."""
        return any(finding.state == "failed" for finding in self.findings)

    def finish(self) -> None:
        """Show what is left to be shown."""
        if self._as_json:
            click.echo(json.dumps([asdict(finding) for finding in self.findings], indent=2, ensure_ascii=False))
            return
        counts = {state: sum(finding.state == state for finding in self.findings) for state in _MARKS}
        click.echo(f"\n{counts['ok']} ok, {counts['failed']} failed, {counts['skipped']} skipped")
