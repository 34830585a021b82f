"""What is quoted of an agent's output when it has exited."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentcore_mcp.local.sandbox.last_words import LastWords

LOG = "import logging, sys\nlogging.basicConfig(level=0, format='%(levelname)s %(message)s')\n"


def _quoted(*lines: str, **environ: str) -> str:
    words = LastWords(environ)
    for line in lines:
        words.hear(line)
    return words.quoted()


def _quoted_of(code: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return _quoted(*ran.stdout.split("\n"))


@pytest.mark.parametrize(
    ("code", "quoted"),
    [
        ("raise ValueError('broken')", "ValueError: broken"),
        ("exec('def (')", "SyntaxError: invalid syntax"),
        ("print('hello', flush=True); raise ValueError('broken')", "ValueError: broken"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        (
            "try:\n    1 / 0\nexcept ArithmeticError as e:\n    raise OSError('no database') from e",
            "OSError: no database",
        ),
        ("import sys; sys.exit('set MODEL_ID')", "set MODEL_ID"),
        ("import sys; sys.exit(3)", ""),
        (LOG + "logging.info('hello'); sys.exit(3)", "INFO hello"),
        (
            LOG + "import atexit; atexit.register(logging.info, 'goodbye'); raise ValueError",
            "ValueError / INFO goodbye",
        ),
    ],
)
def test_the_words_are_those_that_explain_the_end(code: str, quoted: str) -> None:
    assert _quoted_of(code) == quoted


def test_what_follows_a_traceback_is_quoted_with_its_exception() -> None:
    traceback = ["ERROR:    Traceback (most recent call last):", '  File "agent.py", line 1', "OSError: no model", ""]
    farewell = "ERROR:    Application startup failed. Exiting."

    assert _quoted("before", *traceback, farewell) == f"OSError: no model / {farewell}"


def test_the_last_three_lines_are_quoted() -> None:
    assert _quoted("one", "two", "", "  indented", "three", "   ", "four") == "two / three / four"


@pytest.mark.parametrize(
    ("line", "quoted"),
    [
        ("no access with hunter2hunter2", "no access with ***"),
        ("region eu-central-1 is closed", "region eu-central-1 is closed"),
    ],
)
def test_secrets_are_masked(line: str, quoted: str) -> None:
    assert _quoted(line, DB_PASSWORD="hunter2hunter2", MY_TOKEN="is", REGION="eu-central-1") == quoted


def test_each_line_of_a_secret_is_masked() -> None:
    key = "-----BEGIN KEY-----\r\nc2VjcmV0c2VjcmV0\r\nbW9yZXNlY3JldA==\r\n-----END KEY-----\r\n"

    assert _quoted(f"ValueError: no such key: {key!r}", SIGNING_KEY=key).count("***") == 4
    assert _quoted("can't parse:", "c2VjcmV0c2VjcmV0", "bW9yZXNlY3JldA==", SIGNING_KEY=key) == (
        "can't parse: / *** / ***"
    )


@pytest.mark.parametrize("name", ["KEY", "OPENAI_API_KEY", "apiKey", "SSH_KEYS", "KEY_2", "MY_APIKEY", "PGPASSWORD"])
def test_a_variable_whose_name_says_so_is_a_secret(name: str) -> None:
    assert _quoted("no access with production1", **{name: "production1"}) == "no access with ***"


@pytest.mark.parametrize("name", ["MONKEY", "KEYCLOAK_URL", "KEYBOARD", "DONKEYS"])
def test_a_variable_whose_name_only_has_the_letters_of_key_in_it_is_none(name: str) -> None:
    assert _quoted("no access to production1", **{name: "production1"}) == "no access to production1"


def test_a_long_line_is_cut() -> None:
    assert _quoted("x" * 5000) == "x" * 300 + "…"
