"""The child process of `LocalAgentCore`: reads settings from standard input, and prints one line with the outcome."""

from __future__ import annotations

import json
import pickle
import sys

from agentcore_mcp._logs import log_to_stderr
from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.local.server import serve


def main() -> None:
    """Serve until standard input closes."""
    log_to_stderr()
    settings = pickle.load(sys.stdin.buffer)  # noqa: S301  from its own parent
    try:
        serve(settings, announce=lambda url: _say(settings.announcement(url)), until_stdin_closes=True)
    except ConfigurationError as error:
        _say({"error": error.message})
        sys.exit(1)


def _say(said: object) -> None:
    print(json.dumps(said), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
