"""The doctor's findings, and their report as text or JSON."""

from __future__ import annotations

import json
from contextlib import contextmanager
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


class Report:
    """Shows findings as they come, or all of them as JSON at the end.

    Args:
        as_json: Whether to print JSON.

    Attributes:
        about: What the next findings are about: an agent's name, or something else.
        findings: The checks, each with its ``state``: "skipped" if it can't be determined, or was not requested.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._shown_about = ""
        self.about = ""
        self.findings: list[dict[str, str]] = []

    def add(self, what: str, state: State, detail: str = "", next_step: str = "") -> None:
        """Add a finding: ``detail`` describes it, and ``next_step`` says what to do."""
        finding = {"about": self.about, "what": what, "state": state, "detail": detail, "next_step": next_step}
        self.findings.append(finding)
        if self._as_json:
            return
        if self.about != self._shown_about:
            self._shown_about = self.about
            click.secho(f"\n{self.about}", bold=True)
        mark, colour = _MARKS[state]
        lines = [visible(line) for line in f"{what}{': ' if detail else ''}{detail}".split("\n")]
        click.echo(f"  {click.style(mark, fg=colour)} " + "\n    ".join(lines))
        if next_step:
            click.echo(f"    → {visible(next_step)}")

    @contextmanager
    def failing(self, what: str, agent: Agent | None = None) -> Iterator[None]:
        """Record an error of the block as a finding, and continue."""
        try:
            yield
        except AgentCoreError as error:
            self.add(what, "failed", error.message, next_step(error, agent) if agent is not None else "")

    def finish(self) -> bool:
        """Print the JSON or the totals; return whether no check failed."""
        counts = {state: sum(finding["state"] == state for finding in self.findings) for state in _MARKS}
        if self._as_json:
            click.echo(json.dumps(self.findings, indent=2, ensure_ascii=False))
        else:
            click.echo(f"\n{counts['ok']} ok, {counts['failed']} failed, {counts['skipped']} skipped")
        return not counts["failed"]
