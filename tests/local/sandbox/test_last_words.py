"""What is quoted of an agent's output when it has exited."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentcore_mcp.local.sandbox.last_words import LastWords

GROUP = "raise ExceptionGroup('many', [ValueError('one'), ExceptionGroup('inner', [KeyError('two')])])"
CHAIN = "try:\n    1 / 0\nexcept ArithmeticError as error:\n    raise RuntimeError('no database') from error"
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
        (CHAIN, "ZeroDivisionError: division by zero / RuntimeError: no database"),
        (
            GROUP,
            "ExceptionGroup: many (2 sub-exceptions) / ExceptionGroup: inner (1 sub-exception) / KeyError: 'two'",
        ),
        ("import sys; sys.exit('set MODEL_ID')", "set MODEL_ID"),
        ("import sys; sys.exit(3)", ""),
        (LOG + "logging.info('hello'); sys.exit(3)", "INFO hello"),
        (LOG + "print('disk is full', flush=True); logging.info('goodbye')", "disk is full"),
        (LOG + "import atexit; atexit.register(logging.info, 'goodbye'); raise ValueError", "ValueError"),
        (LOG + "logging.error('the log level INFO is not known')", "ERROR the log level INFO is not known"),
    ],
)
def test_the_words_are_those_that_explain_the_end(code: str, quoted: str) -> None:
    assert _quoted_of(code) == quoted


def test_what_follows_a_traceback_is_quoted_with_its_exception() -> None:
    traceback = ["ERROR:    Traceback (most recent call last):", '  File "agent.py", line 1', "OSError: no model", ""]
    farewell = "ERROR:    Application startup failed. Exiting."

    assert _quoted(*traceback, farewell) == f"OSError: no model / {farewell}"
    assert _quoted(*traceback, *["one", "two", "three", "four"]) == "OSError: no model / three / four"


def test_a_syntax_error_needs_no_head() -> None:
    assert (
        _quoted('  File "agent.py", line 1', "    def (", "        ^", "SyntaxError: invalid") == "SyntaxError: invalid"
    )


def test_a_traceback_that_was_survived_long_ago_explains_nothing() -> None:
    traceback = ["Traceback (most recent call last):", '  File "agent.py", line 1', "TimeoutError: try again"]

    assert _quoted(*traceback, *map(str, range(30))) == "27 / 28 / 29"


def test_a_routine_line_of_a_json_log_is_not_quoted_where_there_is_another() -> None:
    assert _quoted("out of memory", '{"level": "INFO", "message": "shutting down"}') == "out of memory"


@pytest.mark.parametrize(
    ("line", "quoted"),
    [
        ("no access with hunter2hunter2", "no access with ***"),
        ("region eu-central-1 is closed", "region eu-central-1 is closed"),
        ("api_key=sk-12345678 is wrong", "api_key=*** is wrong"),
        ('{"password": "abc123", "user": "me"}', '{"password": "***", "user": "me"}'),
        ("Authorization: Bearer abc.def.123", "Authorization: Bearer ***"),
        ("sent Bearer abcdefghijk", "sent ***"),
        ("can't reach postgres://me:pass@db/orders", "can't reach postgres://***@db/orders"),
        ("key AKIAIOSFODNN7EXAMPLE is inactive", "key *** is inactive"),
        ("invalid token: expected a name", "invalid token: expected a name"),
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
