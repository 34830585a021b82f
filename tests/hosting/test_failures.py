"""Whatever a handler raises is a JSON answer or the stream's last event, and the app goes on."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from starlette.exceptions import HTTPException
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from agentcore_mcp.hosting import BedrockAgentCoreApp
from agentcore_mcp.hosting.failures import contained, text_of
from tests.support.serving import exchange, http_request, serving
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class _Panic(BaseException):
    """What extensions written in Rust raise when they panic."""


class _MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError("nothing to say")


class _BlankError(Exception):
    def __repr__(self) -> str:
        raise _Panic

    __str__ = __repr__


class _MutePanic(BaseException):
    def __repr__(self) -> str:
        raise SystemExit(3)


@dataclass(frozen=True)
class _FrozenError(Exception):
    code: int


CANCELLED = "the handler was cancelled from within"
ERRORS: dict[str, tuple[BaseException, str]] = {
    "cancelled": (asyncio.CancelledError("by whom"), CANCELLED),
    "cancelled future": (concurrent.futures.CancelledError(), ""),
    "generator exit": (GeneratorExit(), "the handler raised GeneratorExit()"),
    "exit": (SystemExit(3), "the handler raised SystemExit(3)"),
    "interrupt": (KeyboardInterrupt(), "the handler raised KeyboardInterrupt()"),
    "panic": (_Panic("at the disco"), "the handler raised _Panic('at the disco')"),
    "group": (BaseExceptionGroup("all", [_Panic(1)]), "the handler raised BaseExceptionGroup('all', [_Panic(1)])"),
    "no str()": (_MuteError(), "<_MuteError, whose str() raised ValueError>"),
    "no repr()": (_BlankError(), "<_BlankError, whose str() raised _Panic>"),
    "a panic without repr()": (_MutePanic(), "the handler raised <_MutePanic, whose repr() raised SystemExit>"),
    "frozen": (_FrozenError(3), "3"),
    "memory": (MemoryError("all of it"), "all of it"),
}


def _function(error: BaseException) -> Any:
    raise error


async def _coroutine(error: BaseException) -> Any:
    await asyncio.sleep(0)
    raise error


def _generator(error: BaseException) -> Iterator[int]:
    yield 1
    raise error


async def _async_generator(error: BaseException) -> AsyncIterator[int]:
    yield 1
    raise error


async def _cancelling(error: BaseException) -> Any:
    """Cancel everything, as clean-up code does that takes the loop for its own."""
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(WAIT_S)
    raise error


async def _cancelling_in_a_stream(error: BaseException) -> AsyncIterator[int]:
    yield 1
    await _cancelling(error)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = BedrockAgentCoreApp()
    kinds = {kind.__name__: kind for kind in (_function, _coroutine, _generator, _async_generator)}
    kinds |= {kind.__name__: kind for kind in (_cancelling, _cancelling_in_a_stream)}

    @app.entrypoint
    def handler(payload: list[str]) -> Any:
        kind, error = payload
        return kinds[kind](ERRORS[error][0])

    with serving(app) as port:
        yield port
        assert b'"Healthy"' in exchange(port, http_request("GET", "/ping"))


def _ask(port: int, *payload: str) -> tuple[int, Any]:
    """Return the status and the JSON of the answer, or the last event of the stream."""
    answer = exchange(port, http_request("POST", "/invocations", json.dumps(payload).encode()))
    head, body = answer.split(b"\r\n\r\n", 1)
    if b"text/event-stream" in head:
        first, body = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: ")]
        assert first == b"1"
        assert answer.endswith(b"\r\n0\r\n\r\n")  # it has not been cut
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("kind", ["_function", "_coroutine"])
@pytest.mark.parametrize("error", ERRORS)
def test_what_a_handler_raises_is_a_json_answer(port: int, kind: str, error: str) -> None:
    status, answer = _ask(port, kind, error)

    expected = ERRORS[error][1]
    if (kind, error) == ("_coroutine", "cancelled future"):
        expected = CANCELLED  # asyncio can't tell the two
    assert (status, answer) == (500, {"error": expected})


@pytest.mark.parametrize("kind", ["_generator", "_async_generator"])
@pytest.mark.parametrize("error", ERRORS)
def test_what_a_generator_raises_is_the_last_event(port: int, kind: str, error: str) -> None:
    status, event = _ask(port, kind, error)

    raised, expected = ERRORS[error]
    name = type(raised).__name__ if isinstance(raised, Exception) else "RuntimeError"
    if (kind, error) == ("_async_generator", "cancelled future"):
        name, expected = "RuntimeError", CANCELLED
    message = "An error occurred during streaming"
    assert (status, event) == (200, {"error": expected, "error_type": name, "message": message})


def test_a_handler_that_cancels_all_tasks_gets_an_answer(port: int) -> None:
    assert _ask(port, "_cancelling", "panic") == (500, {"error": CANCELLED})
    assert _ask(port, "_cancelling_in_a_stream", "panic")[1]["error"] == CANCELLED


@pytest.mark.parametrize("detail", [{"at": {1}}, {"score": float("nan")}, _MuteError(), {"half": "\ud83d"}])
def test_an_http_exception_may_have_any_detail(detail: Any) -> None:
    app = BedrockAgentCoreApp()

    @app.entrypoint
    def handler(payload: Any) -> None:
        raise HTTPException(422, detail)

    with serving(app) as port:
        answer = exchange(port, http_request("POST", "/invocations", b"null"))

    assert answer.startswith(b"HTTP/1.1 422 ")
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])


@pytest.mark.parametrize("error", ["cancelled", "exit", "panic", "no str()", "frozen"])
def test_what_a_websocket_handler_raises_closes_the_connection_alone(error: str) -> None:
    app = BedrockAgentCoreApp()

    @app.websocket
    async def handler(websocket: Any, context: Any) -> None:
        await websocket.accept()
        raise ERRORS[error][0]

    with serving(app) as port:
        for _ in range(2):
            with (
                connect(f"ws://127.0.0.1:{port}/ws", open_timeout=WAIT_S) as client,
                pytest.raises(ConnectionClosed) as closed,
            ):
                client.recv(WAIT_S)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1011


async def test_the_tasks_own_cancellation_is_left_alone() -> None:
    async def waiting() -> None:
        with contained():
            await asyncio.sleep(WAIT_S)

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_text_is_what_str_returns_unless_that_fails() -> None:
    assert text_of(5) == "5"
    assert text_of(_MuteError()) == "<_MuteError, whose str() raised ValueError>"
