"""Agents as their authors write them, each a function of the SDK it is written with, and requests to them.

One table for both judges: the published package, which says what the right bytes are, and ours.
"""

from __future__ import annotations

import asyncio
import functools
import json
import warnings
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

import agentcore_mcp.hosting as ours_package
from tests.support.serving import http_request

with warnings.catch_warnings():
    # The published package's own deprecations are its own business.
    warnings.simplefilter("ignore")
    import bedrock_agentcore as published_package
    from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

_NAMES = ("BedrockAgentCoreApp", "BedrockAgentCoreContext", "RequestContext", "PingStatus")

OURS = SimpleNamespace(**{name: getattr(ours_package, name) for name in _NAMES})
PUBLISHED = SimpleNamespace(**{name: getattr(published_package, name) for name in _NAMES})

AGENTS: dict[str, Callable[[Any], Any]] = {}


def agent(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
    AGENTS[build.__name__] = build
    return build


def hosting(sdk: Any, handler: Any, **options: Any) -> Any:
    app = sdk.BedrockAgentCoreApp(**options)
    app.entrypoint(handler)
    return app


# Every kind of callable


@agent
def function(sdk: Any) -> Any:
    return hosting(sdk, lambda payload: {"got": payload, "Größe": "naïve — 漢字 \u2028"})


@agent
def coroutine(sdk: Any) -> Any:
    async def handler(payload: Any) -> Any:
        await asyncio.sleep(0)
        return [payload, None, True, 1.5]

    return hosting(sdk, handler)


@agent
def generator(sdk: Any) -> Any:
    def handler(payload: Any) -> Iterator[Any]:
        yield "first"
        yield payload

    return hosting(sdk, handler)


@agent
def async_generator(sdk: Any) -> Any:
    async def handler(payload: Any) -> AsyncIterator[Any]:
        yield "first"
        await asyncio.sleep(0)
        yield payload

    return hosting(sdk, handler)


@agent
def empty_generator(sdk: Any) -> Any:
    async def handler(payload: Any) -> AsyncIterator[Any]:
        for piece in tuple[str]():
            yield piece

    return hosting(sdk, handler)


async def _three(payload: Any) -> AsyncIterator[Any]:
    for n in range(3):
        yield n


@agent
def coroutine_that_returns_an_async_generator(sdk: Any) -> Any:
    async def handler(payload: Any) -> Any:
        return _three(payload)

    return hosting(sdk, handler)


@agent
def function_that_returns_an_async_generator(sdk: Any) -> Any:
    return hosting(sdk, lambda anything: _three(anything))  # noqa: PLW0108 - not async itself


@agent
def coroutine_that_returns_a_generator(sdk: Any) -> Any:
    async def handler(payload: Any) -> Any:
        return (n for n in range(3))

    return hosting(sdk, handler)


@agent
def partial_function(sdk: Any) -> Any:
    return hosting(sdk, functools.partial(lambda extra, payload: [extra, payload], "extra"))


@agent
def partial_async_generator(sdk: Any) -> Any:
    async def handler(extra: Any, payload: Any) -> AsyncIterator[Any]:
        yield extra
        yield payload

    return hosting(sdk, functools.partial(handler, "extra"))


class _Bot:
    async def __call__(self, payload: Any) -> Any:
        return ["called", payload]

    async def ask(self, payload: Any, context: Any) -> Any:
        return ["asked", context.session_id]

    async def stream(self, payload: Any, context: Any) -> AsyncIterator[Any]:
        yield ["streamed", context.session_id]


@agent
def callable_object(sdk: Any) -> Any:
    return hosting(sdk, _Bot())


@agent
def partial_of_a_callable_object(sdk: Any) -> Any:
    return hosting(sdk, functools.partial(_Bot()))


@agent
def bound_method(sdk: Any) -> Any:
    return hosting(sdk, _Bot().ask)


@agent
def bound_async_generator(sdk: Any) -> Any:
    return hosting(sdk, _Bot().stream)


@agent
def builtin_without_a_signature(sdk: Any) -> Any:
    return hosting(sdk, min)


class _Station:
    async def __call__(self, payload: Any, context: Any) -> AsyncIterator[Any]:
        yield payload
        yield context.session_id

    @classmethod
    def of_the_class(cls, payload: Any) -> Any:
        return [cls.__name__, payload]

    @staticmethod
    async def of_nobody(payload: Any, context: Any) -> Any:
        return ["static", context.session_id]

    half_called = functools.partialmethod(lambda self, extra, payload: [extra, payload], "extra")


@agent
def async_generator_object(sdk: Any) -> Any:
    return hosting(sdk, _Station())


@agent
def class_method(sdk: Any) -> Any:
    return hosting(sdk, _Station.of_the_class)


@agent
def static_method(sdk: Any) -> Any:
    return hosting(sdk, _Station().of_nobody)


@agent
def partial_method(sdk: Any) -> Any:
    return hosting(sdk, _Station().half_called)


def _decorated(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        return function(*args, **options)

    return wrapper


@agent
def decorated_generator(sdk: Any) -> Any:
    return hosting(sdk, _decorated(_Bot().stream))


@agent
def handler_of_any_arguments(sdk: Any) -> Any:
    return hosting(sdk, lambda *args: len(args))


@agent
def registered_twice(sdk: Any) -> Any:
    app = hosting(sdk, lambda payload: "first")
    app.entrypoint(lambda payload: "second")
    return app


@agent
def nothing(sdk: Any) -> Any:
    return sdk.BedrockAgentCoreApp()


# What a handler can know


@agent
def context(sdk: Any) -> Any:
    def handler(payload: Any, context: Any) -> Any:
        return [context.session_id, context.request_headers, context.request.url.path.rsplit("/", 1)[-1]]

    return hosting(sdk, handler)


@agent
def context_under_another_name(sdk: Any) -> Any:
    return hosting(sdk, lambda payload, ctx="default": [payload, ctx])


@agent
def context_by_keyword_only(sdk: Any) -> Any:
    return hosting(sdk, lambda payload, *, context: context.session_id)


@agent
def context_and_more(sdk: Any) -> Any:
    return hosting(sdk, lambda event, context, more="default": [event, context.session_id, more])


@agent
def the_request_again(sdk: Any) -> Any:
    async def handler(payload: Any, context: Any) -> Any:
        request = context.request
        return [(await request.body()).decode(), await request.json(), request.method, await request.is_disconnected()]

    return hosting(sdk, handler)


@agent
def context_variables_in_tasks(sdk: Any) -> Any:
    seen = sdk.BedrockAgentCoreContext.get_session_id

    async def inner() -> Any:
        return seen()

    async def handler(payload: Any) -> Any:
        return [await asyncio.create_task(inner()), await asyncio.to_thread(seen)]

    return hosting(sdk, handler)


@agent
def context_variables(sdk: Any) -> Any:
    here = sdk.BedrockAgentCoreContext

    async def handler(payload: Any) -> AsyncIterator[Any]:
        for _ in range(2):
            yield [
                here.get_session_id(),
                here.get_request_id() if "x-own-id" in (here.get_request_headers() or {}) else None,
                here.get_request_headers(),
                here.get_workload_access_token(),
                here.get_oauth2_callback_url(),
            ]

    return hosting(sdk, handler)


class _Stamp:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["user"] = "alice"
        await self.app(scope, receive, send)


@agent
def middleware(sdk: Any) -> Any:
    return hosting(sdk, lambda payload, context: context.request.state.user, middleware=[Middleware(_Stamp)])


class _Timing(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        request.state.user = "bob"
        response: Response = await call_next(request)
        response.headers["X-Timing"] = "fast"
        return response


@agent
def middleware_around_a_stream(sdk: Any) -> Any:
    async def handler(payload: Any, context: Any) -> AsyncIterator[Any]:
        yield context.request.state.user
        yield payload

    return hosting(sdk, handler, middleware=[Middleware(_Timing)])


@agent
def cross_origin(sdk: Any) -> Any:
    return hosting(sdk, lambda payload: payload, middleware=[Middleware(CORSMiddleware, allow_origins=["*"])])


# Answers of their own, and failures


@agent
def json_response(sdk: Any) -> Any:
    return hosting(sdk, lambda payload: JSONResponse({"missing": payload}, 404, {"X-Own": "yes"}))


@agent
def text_response(sdk: Any) -> Any:
    return hosting(sdk, lambda payload: PlainTextResponse("plain", 503))


@agent
def streaming_response(sdk: Any) -> Any:
    return hosting(sdk, lambda payload: StreamingResponse(iter(["a", "b"]), media_type="text/csv"))


@agent
def redirect(sdk: Any) -> Any:
    return hosting(sdk, lambda payload: RedirectResponse("/elsewhere"))


@agent
def no_content(sdk: Any) -> Any:
    return hosting(sdk, lambda payload: Response(status_code=204))


@agent
def cookie(sdk: Any) -> Any:
    def handler(payload: Any) -> Any:
        response = Response(b"\x00\xff", 201, media_type="application/octet-stream")
        response.set_cookie("seen", "1")
        return response

    return hosting(sdk, handler)


@agent
def async_streaming_response(sdk: Any) -> Any:
    async def handler(payload: Any) -> Any:
        return StreamingResponse((str(n) async for n in _three(payload)), 206, media_type="text/event-stream")

    return hosting(sdk, handler)


def _raising(error: BaseException) -> Any:
    def handler(payload: Any) -> Any:
        raise error

    return handler


@agent
def failure(sdk: Any) -> Any:
    return hosting(sdk, _raising(ValueError('kaputt: "Größe" \u2028')))


@agent
def failure_without_a_text(sdk: Any) -> Any:
    return hosting(sdk, _raising(KeyError()))


@agent
def not_found(sdk: Any) -> Any:
    return hosting(sdk, _raising(HTTPException(404, "no such thing")))


@agent
def overloaded(sdk: Any) -> Any:
    return hosting(sdk, _raising(HTTPException(503)))


@agent
def unprocessable(sdk: Any) -> Any:
    return hosting(sdk, _raising(HTTPException(422, {"fields": ["ü"]})))  # type: ignore[arg-type] # FastAPI's may


@agent
def failures_in_a_group(sdk: Any) -> Any:
    return hosting(sdk, _raising(ExceptionGroup("two\nlines", [ValueError("a"), KeyError("b")])))


@agent
def next_of_nothing(sdk: Any) -> Any:
    return hosting(sdk, lambda payload: next(iter(())))


@agent
def next_of_nothing_async(sdk: Any) -> Any:
    async def handler(payload: Any) -> Any:
        return next(iter(()))

    return hosting(sdk, handler)


@agent
def next_of_nothing_in_a_generator(sdk: Any) -> Any:
    def handler(payload: Any) -> Iterator[Any]:
        yield 1
        yield next(iter(()))

    return hosting(sdk, handler)


@agent
def next_of_nothing_in_an_async_generator(sdk: Any) -> Any:
    async def handler(payload: Any) -> AsyncIterator[Any]:
        yield 1
        yield next(iter(()))

    return hosting(sdk, handler)


@agent
def wrong_signature(sdk: Any) -> Any:
    def handler() -> Any:
        return None

    return hosting(sdk, handler)


@agent
def failure_in_a_generator(sdk: Any) -> Any:
    def handler(payload: Any) -> Iterator[Any]:
        yield 1
        raise LookupError('lost "it"')

    return hosting(sdk, handler)


@agent
def failure_in_an_async_generator(sdk: Any) -> Any:
    async def handler(payload: Any) -> AsyncIterator[Any]:
        yield 1
        raise HTTPException(404, "mid-stream")

    return hosting(sdk, handler)


@agent
def failure_before_the_first_piece(sdk: Any) -> Any:
    async def handler(payload: Any) -> AsyncIterator[Any]:
        if payload is not None:
            raise ValueError(payload)
        yield

    return hosting(sdk, handler)


# Values that JSON has no form for


@dataclass
class _Point:
    x: int = 1
    tags: list[str] = field(default_factory=lambda: ["a"])


@dataclass
class _Moment:
    at: datetime = datetime(2026, 1, 2, tzinfo=UTC)


class _Model(BaseModel):
    name: str = "model"
    point: _Point = _Point()


class _Timed(BaseModel):
    at: datetime = datetime(2026, 1, 2, tzinfo=UTC)


class _Opaque:
    def __repr__(self) -> str:
        return 'Opaque("ü")'


class _Mute:
    def __repr__(self) -> str:
        raise RuntimeError("nothing to say")


class _Broken(BaseModel):
    def model_dump(self, **options: Any) -> Any:
        raise RuntimeError("broken")


class _Colour(Enum):
    RED = 1


class _Size(str, Enum):  # noqa: UP042 - its str() differs from a StrEnum's
    SMALL = "small"


class _Pair(NamedTuple):
    a: Any
    b: Any


def _deep(depth: int) -> Any:
    value: Any = {1}
    for _ in range(depth):
        value = {"in": value}
    return value


ODD_VALUES: tuple[Any, ...] = (
    None,
    "words",
    "",
    b"bytes",
    (1, (2,)),
    {"set": {1}, "none": None, 5: "five"},
    {(1, 2): "a tuple as a key"},
    frozenset({1}),
    datetime(2026, 1, 2, tzinfo=UTC),
    {"at": datetime(2026, 1, 2, tzinfo=UTC)},
    [_Point(), {"point": _Point()}, {_Moment().at}],
    _Point,
    _Moment(),
    _Model(),
    [_Model()],
    _Timed(),
    _Broken(),
    _Opaque(),
    _Mute(),
    [_Mute()],
    _Colour.RED,
    _Size.SMALL,
    {_Size.SMALL: _Colour.RED},
    _Pair(1, {2}),
    UUID(int=5),
    Decimal("1.50"),
    PurePosixPath("/a"),
    Counter("aab"),
    deque([1]),
    range(3),
    timedelta(days=1),
    ValueError("as a value"),
    "data: x\n\n\r\x85\u2028",
    {None: 1, True: 2, 1.5: 3},
    _deep(40),
    _deep(80),
    10**30,
)


@agent
def odd_value(sdk: Any) -> Any:
    return hosting(sdk, lambda payload: ODD_VALUES[payload])


@agent
def odd_values_streamed(sdk: Any) -> Any:
    async def handler(payload: Any) -> AsyncIterator[Any]:
        for value in ODD_VALUES:
            yield value

    return hosting(sdk, handler)


# Health


def _pinging(sdk: Any, check: Callable[[], Any]) -> Any:
    app = hosting(sdk, lambda payload: None)
    app.ping(check)
    return app


@agent
def ping_busy(sdk: Any) -> Any:
    return _pinging(sdk, lambda: sdk.PingStatus.HEALTHY_BUSY)


@agent
def ping_in_words(sdk: Any) -> Any:
    return _pinging(sdk, lambda: "HealthyBusy")


@agent
def ping_nonsense(sdk: Any) -> Any:
    return _pinging(sdk, lambda: "Sleepy")


@agent
def ping_undecided(sdk: Any) -> Any:
    return _pinging(sdk, lambda: None)


@agent
def ping_failing(sdk: Any) -> Any:
    app = _pinging(sdk, lambda: 1 / 0)
    app.add_async_task("in the background")
    return app


@agent
def forced(sdk: Any) -> Any:
    app = _pinging(sdk, lambda: sdk.PingStatus.HEALTHY)
    app.force_ping_status(sdk.PingStatus.HEALTHY_BUSY)
    return app


@agent
def debugging(sdk: Any) -> Any:
    return hosting(sdk, lambda payload: "not an action", debug=True)


@dataclass(frozen=True)
class Exchange:
    """One request to one agent; ``name`` says both."""

    agent: str
    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        body = self.body.decode("utf-8", "replace")[:30]
        return "-".join(filter(None, [self.agent, self.method, self.path, body, *dict(self.headers)]))[:80]

    def request(self, sdk: str) -> bytes:
        return http_request(self.method, f"/{sdk}/{self.agent}{self.path}", self.body, self.headers)


def _ask(agent: str, payload: Any = "hello", **headers: str) -> Exchange:
    fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Exchange(agent, "POST", "/invocations", json.dumps(payload).encode(), fields)


_PAYLOADS: tuple[Any, ...] = ({"prompt": "hi"}, [], None, "ü", 1.5)
_PREFIX = "X_Amzn_Bedrock_AgentCore_Runtime_"
_PLATFORM_HEADERS = {
    f"{_PREFIX}Session_Id": "session-of-at-least-thirty-three-characters",
    f"{_PREFIX}Request_Id": "request-1",
    "WorkloadAccessToken": "older-token",
    "OAuth2CallbackUrl": "https://example.com/back",
    "X_Own_Id": "1",
}

_PREFLIGHT = (("Origin", "https://example.com"), ("Access-Control-Request-Method", "POST"))

EXCHANGES = [
    *[_ask(name) for name in AGENTS if not name.startswith(("ping", "debug", "odd_value"))],
    *[_ask("odd_value", index) for index in range(len(ODD_VALUES))],
    _ask("odd_values_streamed"),
    *[_ask("function", payload) for payload in _PAYLOADS],
    _ask("bound_method", **_PLATFORM_HEADERS),
    _ask("context", **_PLATFORM_HEADERS),
    _ask("context_variables", **_PLATFORM_HEADERS),
    _ask("context_variables", **_PLATFORM_HEADERS, X_Amz_Bedrock_AgentCore_Identity_WAT="newer-token"),
    _ask("context", authorization="Bearer x", Cookie="a=b", X_Amz_Date="now", X_Tenant="t", baggage="a=1"),
    _ask("context", AUTHORIZATION="Bearer x", **{f"{_PREFIX}Custom_Color": "red", f"{_PREFIX}User_Id": "u"}),
    Exchange("function", "POST", "/invocations", b""),
    Exchange("function", "POST", "/invocations", b'{"open": '),
    Exchange("function", "POST", "/invocations", b"\xff\xfe\xfd"),
    Exchange("function", "POST", "/invocations", '{"ü": 1}'.encode("latin-1")),
    Exchange("function", "POST", "/invocations", '"wide"'.encode("utf-16")),
    Exchange("nothing", "POST", "/invocations", b"no json"),
    Exchange("function", "POST", "/invocations", b'\xef\xbb\xbf{"a": 1}'),
    Exchange("function", "POST", "/invocations", b'{"a": 1, "a": 2} '),
    Exchange("function", "POST", "/invocations", b'"' + b"z" * 2_000_000 + b'"'),
    Exchange("function", "HEAD", "/ping"),
    Exchange("cross_origin", "OPTIONS", "/invocations", headers=_PREFLIGHT),
    Exchange("cross_origin", "POST", "/invocations", b"1", headers=_PREFLIGHT[:1]),
    Exchange("function", "GET", "/invocations"),
    Exchange("function", "POST", "/ping"),
    Exchange("function", "GET", "/elsewhere"),
    *[Exchange(name, "GET", "/ping") for name in AGENTS if name.startswith(("ping", "forced", "nothing"))],
    *[
        _ask("debugging", {"_agent_core_app_action": action})
        for action in ("force_busy", "ping_status", "force_healthy", "ping_status", "clear_forced_status")
    ],
    _ask("debugging", {"_agent_core_app_action": "job_status"}),
    _ask("debugging", {"_agent_core_app_action": "explode"}),
    _ask("debugging", {"_agent_core_app_action": ""}),
    _ask("function", {"_agent_core_app_action": "force_busy"}),
    Exchange("debugging", "GET", "/ping"),
]
