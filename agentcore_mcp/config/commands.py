"""Which commands may be run in an agent's sessions. A command has the power of the runtime's IAM role."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from agentcore_mcp.config.model import Table

Mode = Literal["allow", "off", "ask"]

# The characters by which a command line can run more than one command or redirect it. Wildcards of allowed patterns
# don't match them, so that "git status*" doesn't allow "git status; curl …".
_CHAINING = "; & | < > $ ` ( )"
_ONE_COMMAND = rf"[^{_CHAINING.replace(' ', '')}\n\r]"
_ANYTHING = r"[\s\S]"


class CommandPolicy(Table):
    """What ``run_command`` may do.

    Patterns are compared with the whole command: ``*`` is any text, ``?`` one character, all else is itself. In
    ``allow`` neither of the two matches what chains commands, redirects or substitutes (``; & | < > $ ` ( )`` and line
    ends). ``deny`` guards against accidents, not malice: a shell has many ways to say the same.
    """

    mode: Mode = Field(
        default="allow", description="allow: run; ask: the user confirms each command first; off: no commands"
    )
    allow: tuple[str, ...] = Field(default=(), description="Patterns of the commands that may be run; empty: all")
    deny: tuple[str, ...] = Field(
        default=(), description="Patterns of the commands that may not be run; it takes precedence over allow"
    )
    shell: bool = Field(default=False, description="Run each command through /bin/bash -lc")
    working_directory: str | None = Field(default=None, min_length=1, description="Folder that each command is run in")
    without_elicitation: Literal["refuse", "allow"] = Field(
        default="refuse", description="With mode ask: what happens in a host that can't ask its user"
    )

    def wrapped(self, command: str) -> str:
        """Return a command wrapped in the policy's shell and folder, if it sets them."""
        command = self.first(command)
        if self.shell or self.working_directory is not None:
            return f"/bin/bash {'-lc' if self.shell else '-c'} {shlex.quote(command)}"
        return command

    def first(self, command: str) -> str:
        """Return the first command for a persistent shell, with a change to the policy's folder."""
        folder = self.working_directory
        return command if folder is None else f"cd {shlex.quote(folder)} && {{ {command}\n}}"

    def refusal(self, command: str) -> str:
        """Return why the patterns refuse a command, "" if they allow it; ``mode`` is not checked here."""
        command = command.strip()
        for pattern in self.deny:
            if _matches(pattern, command, _ANYTHING):
                return f"denied are {pattern}"
        if not self.allow or any(_matches(pattern, command, _ONE_COMMAND) for pattern in self.allow):
            return ""
        allowed = f"allowed are {', '.join(self.allow)}"
        if any(_matches(pattern, command, _ANYTHING) for pattern in self.allow):
            return f"{allowed}, each without {_CHAINING} or line ends"
        return allowed


def _matches(pattern: str, command: str, any_char: str) -> bool:
    """Return whether a pattern matches a whole command, in time linear in the command's length.

    A model chooses the command, and could make a backtracking star run forever. So the text between two stars is
    only tried at its first occurrence, in an atomic group: if any match exists, one with that occurrence does.
    """
    first, *others = [
        "".join(any_char if char == "?" else re.escape(char) for char in part) for part in re.split(r"\*+", pattern)
    ]
    between = "".join(f"(?>{any_char}*?{part})" for part in others[:-1])
    end = f"{any_char}*{others[-1]}" if others else ""
    return re.fullmatch(first + between + end, command) is not None


def _from_mode(value: Any) -> Any:
    return {"mode": value} if isinstance(value, str) else value


# `commands = "ask"` in a file is short for a table with only the mode.
Commands = Annotated[CommandPolicy, BeforeValidator(_from_mode, json_schema_input_type=Mode | CommandPolicy)]
