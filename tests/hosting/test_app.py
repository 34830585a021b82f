"""What an app promises beyond the bytes of its answers: it stays reachable, it cleans up, it survives its handlers."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import re
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from agentcore_mcp.hosting import BedrockAgentCoreApp, BedrockAgentCoreContext, PingStatus
from agentcore_mcp.hosting.app import default_host
from agentcore_mcp.hosting.logs import LOGGER_NAME
from tests.support.serving import exchange, http_request, serving
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from starlette.requests import Request

# The threads that anyio gives to blocking code, all of which handlers may occupy.
HANDLER_THREADS = 40

PING = http_request("GET", "/ping")


def ask(payload: Any = None, **headers: str) -> bytes:
    return http_request("POST", "/invocations", json.dumps(payload).encode(), tuple(headers.items()))


def app_of(handler: Callable[..., Any]) -> BedrockAgentCoreApp:
    app = BedrockAgentCoreApp()
    app.entrypoint(handler)
    return app


def body_of(answer: bytes) -> bytes:
    return answer.split(b"\r\n\r\n", 1)[1]


def events_of(answer: bytes) -> list[Any]:
    lines = answer.decode().split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def read_until(connection: socket.socket, text: bytes) -> None:
    received = b""
    while text not in received:
        piece = connection.recv(65536)
        assert piece, received
        received += piece


def test_ping_answers_while_an_async_handler_blocks() -> None:
    entered, release = threading.Event(), threading.Event()

    async def handler(payload: Any) -> bool:
        entered.set()
        return release.wait(WAIT_S)

    with serving(app_of(handler)) as port, ThreadPoolExecutor() as clients:
        answer = clients.submit(exchange, port, ask())
        assert entered.wait(WAIT_S)

        assert b'"Healthy"' in exchange(port, PING)

        release.set()
        assert body_of(answer.result(WAIT_S)) == b"true"


def test_ping_answers_while_an_async_generator_blocks() -> None:
    entered, release = threading.Event(), threading.Event()

    async def handler(payload: Any) -> AsyncIterator[bool]:
        entered.set()
        yield release.wait(WAIT_S)

    with serving(app_of(handler)) as port, ThreadPoolExecutor() as clients:
        answer = clients.submit(exchange, port, ask())
        assert entered.wait(WAIT_S)

        assert b'"Healthy"' in exchange(port, PING)

        release.set()
        assert events_of(answer.result(WAIT_S)) == [True]


def test_ping_answers_while_every_handler_thread_is_blocked() -> None:
    entered, release = threading.Semaphore(0), threading.Event()

    def handler(payload: Any) -> bool:
        entered.release()
        return release.wait(WAIT_S)

    with serving(app_of(handler)) as port, ThreadPoolExecutor(HANDLER_THREADS + 5) as clients:
        answers = [clients.submit(exchange, port, ask()) for _ in range(HANDLER_THREADS + 5)]
        for _ in range(HANDLER_THREADS):
            assert entered.acquire(timeout=WAIT_S)

        assert b'"Healthy"' in exchange(port, PING)

        release.set()
        assert {body_of(answer.result(WAIT_S)) for answer in answers} == {b"true"}


class _Laborious:
    """A value that takes its time to become plain, as a lazy result that is fetched only then."""

    def __init__(self) -> None:
        self.entered, self.release = threading.Event(), threading.Event()

    def model_dump(self) -> dict[str, bool]:
        self.entered.set()
        return {"released": self.release.wait(WAIT_S)}


def _laborious(value: Any) -> Any:
    return value


async def _laborious_async(value: Any) -> Any:
    return value


def _laborious_pieces(value: Any) -> Iterator[Any]:
    yield value


async def _laborious_async_pieces(value: Any) -> AsyncIterator[Any]:
    yield value


@pytest.mark.parametrize("kind", [_laborious, _laborious_async, _laborious_pieces, _laborious_async_pieces])
def test_ping_answers_while_a_value_becomes_json(kind: Any) -> None:
    value = _Laborious()

    with serving(app_of(lambda payload: kind(value))) as port, ThreadPoolExecutor() as clients:
        answer = clients.submit(exchange, port, ask())
        assert value.entered.wait(WAIT_S)

        assert b'"Healthy"' in exchange(port, PING)

        value.release.set()
        assert b'{"released": true}' in answer.result(WAIT_S)


def test_the_first_piece_is_on_the_line_before_the_second_exists() -> None:
    release = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def handler(payload: Any) -> AsyncIterator[str]:
        loops.append(asyncio.get_running_loop())
        yield "first"
        await release.wait()
        yield "second"

    with serving(app_of(handler)) as port, socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
        connection.sendall(ask())
        read_until(connection, b'data: "first"\n\n')
        loops[0].call_soon_threadsafe(release.set)
        read_until(connection, b'data: "second"\n\n')


async def _silent(first: str, closed: threading.Event) -> AsyncIterator[str]:
    try:
        yield first
        await asyncio.sleep(3600)
    finally:
        closed.set()


async def _talking(first: str, closed: threading.Event) -> AsyncIterator[str]:
    try:
        while True:
            yield first
    finally:
        closed.set()


def _talking_in_threads(first: str, closed: threading.Event) -> Iterator[str]:
    try:
        while True:
            yield first
    finally:
        closed.set()


@pytest.mark.parametrize("generator", [_silent, _talking, _talking_in_threads])
def test_a_client_that_goes_away_ends_the_generator(generator: Any) -> None:
    closed = threading.Event()

    with serving(app_of(lambda payload: generator("first", closed))) as port:
        with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
            connection.sendall(ask())
            read_until(connection, b"first")

        assert closed.wait(WAIT_S)
        assert b'"Healthy"' in exchange(port, PING)


def test_a_client_that_goes_away_from_a_blocked_generator_holds_up_nobody() -> None:
    release, closed = threading.Event(), threading.Event()

    async def handler(payload: Any) -> AsyncIterator[str]:
        if payload == "next":
            yield "next"
            return
        try:
            yield "first"
            release.wait(WAIT_S)
            yield "nobody reads this"
        finally:
            closed.set()

    with serving(app_of(handler)) as port:
        with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
            connection.sendall(ask())
            read_until(connection, b"first")
        assert b'"Healthy"' in exchange(port, PING)
        release.set()

        assert events_of(exchange(port, ask("next"))) == ["next"]
        assert closed.wait(WAIT_S)


def test_a_generator_may_hold_a_timeout_open_across_its_pieces() -> None:
    """It runs in one task from beginning to end, as agents with open MCP clients need it."""

    async def handler(payload: Any) -> AsyncIterator[int]:
        async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
            for n in range(3):
                task = tasks.create_task(asyncio.sleep(0, n))
                yield await task

    with serving(app_of(handler)) as port:
        assert events_of(exchange(port, ask())) == [0, 1, 2]


def _exiting(payload: Any) -> None:
    sys.exit(3)


async def _exiting_async(payload: Any) -> None:
    sys.exit(3)


def _exiting_in_a_stream(payload: Any) -> Iterator[int]:
    yield 1
    sys.exit(3)


async def _exiting_in_an_async_stream(payload: Any) -> AsyncIterator[int]:
    yield 1
    sys.exit(3)


@pytest.mark.parametrize("handler", [_exiting, _exiting_async, _exiting_in_a_stream, _exiting_in_an_async_stream])
def test_sys_exit_in_a_handler_is_an_error_and_not_the_end(handler: Any) -> None:
    with serving(app_of(handler)) as port:
        for _ in range(2):
            assert b"the handler raised SystemExit(3)" in exchange(port, ask())


def test_sys_exit_while_a_stream_that_nobody_reads_is_cleaned_up_is_an_error_and_not_the_end() -> None:
    failures: list[str] = []
    failed = threading.Event()

    class Failures(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info:
                failures.append(str(record.exc_info[1]))
                failed.set()

    def handler(payload: Any) -> Iterator[str]:
        try:
            while True:
                yield "first"
        finally:
            sys.exit(3)

    app = app_of(handler)
    listener = Failures()
    app.logger.addHandler(listener)
    try:
        with serving(app) as port:
            with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
                connection.sendall(ask())
                read_until(connection, b"first")

            assert failed.wait(WAIT_S)
            assert b'"Healthy"' in exchange(port, PING)
    finally:
        app.logger.removeHandler(listener)
    assert failures == ["the handler raised SystemExit(3)"]


class _Panic(BaseException):
    """What extensions written in Rust raise when they panic."""


def _panicking(payload: Any) -> None:
    raise _Panic("at the disco")


async def _panicking_async(payload: Any) -> None:
    raise _Panic("at the disco")


async def _panicking_in_an_async_stream(payload: Any) -> AsyncIterator[int]:
    yield 1
    raise _Panic("at the disco")


@pytest.mark.parametrize("handler", [_panicking, _panicking_async, _panicking_in_an_async_stream])
def test_what_no_handler_is_expected_to_raise_is_told_like_any_error(handler: Any) -> None:
    with serving(app_of(handler)) as port:
        assert b"the handler raised _Panic('at the disco')" in exchange(port, ask())


async def _cancelled(payload: Any) -> None:
    raise asyncio.CancelledError


async def _cancelled_in_a_stream(payload: Any) -> AsyncIterator[int]:
    yield 1
    raise asyncio.CancelledError


@pytest.mark.parametrize("handler", [_cancelled, _cancelled_in_a_stream])
def test_a_cancellation_from_within_is_an_error_and_not_silence(handler: Any) -> None:
    with serving(app_of(handler)) as port:
        assert b"the handler was cancelled from within" in exchange(port, ask())


_colour: ContextVar[str] = ContextVar("colour")


def _colours(payload: Any) -> Iterator[list[str | None]]:
    _colour.set("red")
    yield [_colour.get(), BedrockAgentCoreContext.get_session_id()]
    yield [_colour.get(), BedrockAgentCoreContext.get_session_id()]


async def _async_colours(payload: Any) -> AsyncIterator[list[str | None]]:
    for piece in _colours(payload):
        yield piece


@pytest.mark.parametrize("handler", [_colours, _async_colours])
def test_what_a_generator_puts_into_a_context_variable_stays_there(handler: Any) -> None:
    with serving(app_of(handler)) as port:
        answer = exchange(port, ask(**{"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": "s-1"}))

    assert events_of(answer) == [["red", "s-1"], ["red", "s-1"]]


def test_an_error_text_with_a_lone_surrogate_is_still_an_answer() -> None:
    """The published package fails to write this one; JSON has an escape for it."""

    def handler(payload: Any) -> None:
        raise ValueError("half an emoji: \ud83d")

    with serving(app_of(handler)) as port:
        answer = exchange(port, ask())

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert json.loads(body_of(answer)) == {"error": "half an emoji: \ud83d"}


@pytest.mark.parametrize("body", [b"[" * 100_000, b"1" * 5000], ids=["too deep", "too long a number"])
def test_json_that_python_refuses_to_read_is_invalid_json(body: bytes) -> None:
    with serving(app_of(lambda payload: payload)) as port:
        answer = exchange(port, http_request("POST", "/invocations", body))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body_of(answer))["error"] == "Invalid JSON"


def test_a_debug_app_hands_on_payloads_that_are_no_objects() -> None:
    app = BedrockAgentCoreApp(debug=True)
    app.entrypoint(lambda payload: payload)

    with serving(app) as port:
        assert body_of(exchange(port, ask([1]))) == b"[1]"


def test_an_unhashable_debug_action_is_an_unknown_one() -> None:
    app = BedrockAgentCoreApp(debug=True)

    with serving(app) as port:
        answer = exchange(port, ask({"_agent_core_app_action": ["ping_status"]}))

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_an_unknown_debug_action_may_be_no_text() -> None:
    with serving(BedrockAgentCoreApp(debug=True)) as port:
        answer = exchange(port, ask({"_agent_core_app_action": "\ud83d"}))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body_of(answer)) == {"error": "Unknown action: \ud83d"}


def test_a_debug_action_that_waits_for_the_agents_own_check_holds_up_nobody() -> None:
    entered, release = threading.Event(), threading.Event()
    app = BedrockAgentCoreApp(debug=True)
    app.entrypoint(lambda payload: payload)

    @app.ping
    def check() -> PingStatus:
        entered.set()
        release.wait(WAIT_S)
        return PingStatus.HEALTHY_BUSY

    with serving(app) as port, ThreadPoolExecutor() as clients:
        status = clients.submit(exchange, port, ask({"_agent_core_app_action": "ping_status"}))
        assert entered.wait(WAIT_S)

        assert body_of(exchange(port, ask("hello"))) == b'"hello"'

        release.set()
        assert b'"HealthyBusy"' in status.result(WAIT_S)


@pytest.mark.parametrize("raised", [False, True])
def test_an_answer_with_a_status_of_its_own_is_logged_with_it_as_bad_as_it_is(
    caplog: pytest.LogCaptureFixture, raised: bool
) -> None:
    def handler(status: int) -> PlainTextResponse:
        if raised:
            raise HTTPException(status, "because")
        return PlainTextResponse("because", status)

    levels = {201: "INFO", 399: "INFO", 400: "WARNING", 499: "WARNING", 500: "ERROR", 599: "ERROR"}
    with serving(app_of(handler)) as port, caplog.at_level(logging.INFO):
        for status in levels:
            assert exchange(port, ask(status)).startswith(b"HTTP/1.1 %d " % status)

    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == LOGGER_NAME]
    assert [level for level, _ in lines] == list(levels.values())
    for status, (_, line) in zip(levels, lines, strict=True):
        assert re.fullmatch(rf"answered {status} after \d\.\d{{3}} s{': because' if raised else ''}", line)


def test_a_client_that_goes_away_while_it_sends_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    head = http_request("POST", "/invocations", b"12")[:-1]

    with serving(app_of(lambda payload: payload)) as port, caplog.at_level(logging.INFO):
        with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
            connection.sendall(head)
            assert b'"Healthy"' in exchange(port, PING)  # by now the app reads
        deadline = time.monotonic() + WAIT_S
        while "gone away" not in caplog.text:
            assert time.monotonic() < deadline
            exchange(port, PING)

    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_a_debug_action_lists_the_running_tasks() -> None:
    app = BedrockAgentCoreApp(debug=True)
    app.add_async_task("indexing", {"files": 3})

    with serving(app) as port:
        info = json.loads(body_of(exchange(port, ask({"_agent_core_app_action": "job_status"}))))

    assert info["active_count"] == 1
    assert info["running_jobs"][0]["name"] == "indexing"
    assert 0 <= info["running_jobs"][0]["duration"] < WAIT_S


def test_an_async_handler_behind_a_decorator_that_is_not_async_is_awaited() -> None:
    """The published package answers with the coroutine's ``str()``."""

    async def handler(payload: Any) -> list[Any]:
        return [payload, threading.current_thread().name]

    with serving(app_of(lambda payload: handler(payload))) as port:  # noqa: PLW0108 - hides that it is async
        assert json.loads(body_of(exchange(port, ask(1)))) == [1, "agentcore-worker"]


def test_the_lifespan_spans_the_time_the_app_serves() -> None:
    story: list[str] = []

    @asynccontextmanager
    async def lifespan(app: BedrockAgentCoreApp) -> AsyncIterator[dict[str, str]]:
        story.append("up")
        yield {"model": "loaded"}
        story.append("down")

    app = BedrockAgentCoreApp(lifespan=lifespan)
    app.entrypoint(lambda payload, context: [context.request.state.model, *story])

    with serving(app) as port:
        assert json.loads(body_of(exchange(port, ask()))) == ["loaded", "up"]

    assert story == ["up", "down"]


def test_an_app_is_a_starlette_app_and_takes_further_routes() -> None:
    app = BedrockAgentCoreApp()

    async def version(request: Request) -> PlainTextResponse:
        return PlainTextResponse("1.2.3")

    app.router.routes.append(Route("/version", version))

    with serving(app) as port:
        assert body_of(exchange(port, http_request("GET", "/version"))) == b"1.2.3"


def test_decorators_give_back_what_they_decorate() -> None:
    app = BedrockAgentCoreApp()

    def handler(payload: Any) -> None:
        """Decorated."""

    assert app.entrypoint(handler) is handler
    assert app.ping(handler) is handler
    assert app.websocket(handler) is handler
    assert app.handlers == {"main": handler}


def test_an_entrypoint_can_run_the_app() -> None:
    app = BedrockAgentCoreApp()

    @app.entrypoint
    def handler(payload: Any) -> None:
        """Decorated."""

    assert str(inspect.signature(handler.run)) == "(port=8080, host=None)"  # type: ignore[attr-defined]


def test_the_port_is_the_one_that_agentcore_calls() -> None:
    assert inspect.signature(BedrockAgentCoreApp.run).parameters["port"].default == 8080


def test_an_app_serves_everyone_in_a_container_and_only_this_machine_elsewhere(tmp_path: Path) -> None:
    marker = tmp_path / ".dockerenv"
    assert default_host({}, marker) == "127.0.0.1"
    assert default_host({"DOCKER_CONTAINER": "1"}, marker) == "0.0.0.0"

    marker.touch()

    assert default_host({}, marker) == "0.0.0.0"


async def test_an_async_task_makes_the_app_busy_while_it_runs() -> None:
    app = BedrockAgentCoreApp()

    @app.async_task
    async def work(n: int) -> tuple[int, PingStatus, dict[str, Any]]:
        return n, app.get_current_ping_status(), app.get_async_task_info()

    number, status, info = await work(7)

    assert (number, status) == (7, PingStatus.HEALTHY_BUSY)
    assert [job["name"] for job in info["running_jobs"]] == ["work"]
    assert work.__name__ == "work"
    assert app.get_current_ping_status() is PingStatus.HEALTHY
    assert app.get_async_task_info() == {"active_count": 0, "running_jobs": []}


async def test_an_async_task_that_fails_is_over_too() -> None:
    app = BedrockAgentCoreApp()

    @app.async_task
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await work()

    assert app.get_current_ping_status() is PingStatus.HEALTHY


def test_only_an_async_function_can_be_an_async_task() -> None:
    with pytest.raises(ValueError, match="needs an async function"):
        BedrockAgentCoreApp().async_task(time.sleep)


def test_a_background_task_started_by_a_handler_outlives_its_answer() -> None:
    app = BedrockAgentCoreApp()
    release = threading.Event()
    running: set[asyncio.Task[None]] = set()

    @app.async_task
    async def work() -> None:
        await asyncio.to_thread(release.wait, WAIT_S)

    @app.entrypoint
    async def handler(payload: Any) -> str:
        running.add(asyncio.create_task(work()))
        await asyncio.sleep(0)
        return "started"

    with serving(app) as port:
        assert body_of(exchange(port, ask())) == b'"started"'
        assert b'"HealthyBusy"' in exchange(port, PING)

        release.set()

        deadline = time.monotonic() + WAIT_S
        while b'"Healthy"' not in exchange(port, PING):
            assert time.monotonic() < deadline
