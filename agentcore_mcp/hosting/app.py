"""``BedrockAgentCoreApp``: turns a Python function into an agent that AgentCore can host.

It wires the parts together: ``invocation`` calls the handler, ``streaming`` encodes its values, ``health`` determines
the status for ``/ping``, ``context`` tells a handler about its request. An agent written for the published SDK needs
only its imports changed. It then answers with the same bytes, except where docs/hosting.md says why not.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from agentcore_mcp.hosting.context import enter_request, request_scope
from agentcore_mcp.hosting.failures import contained, text_of
from agentcore_mcp.hosting.health import Health, PingStatus
from agentcore_mcp.hosting.invocation import invoke
from agentcore_mcp.hosting.logs import app_logger
from agentcore_mcp.hosting.streaming import EventStream, JSONAnswer
from agentcore_mcp.hosting.telemetry import trace_context
from agentcore_mcp.hosting.worker import WorkerLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.middleware import Middleware
    from starlette.requests import Request
    from starlette.types import Lifespan, Receive, Scope, Send
    from starlette.websockets import WebSocket

Function = TypeVar("Function", bound="Callable[..., Any]")

# AgentCore's service contract: it calls this port.
DEFAULT_PORT = 8080
# Docker puts this file into every container.
_CONTAINER_MARKER = Path("/.dockerenv")
# A debug app answers a payload with this key itself. Not for production: any caller could keep a session alive.
_DEBUG_ACTION = "_agent_core_app_action"
_WS_INTERNAL_ERROR = 1011  # RFC 6455, 7.4.1


class BedrockAgentCoreApp(Starlette):
    """An ASGI application around one handler: ``POST /invocations``, ``GET /ping`` and the WebSocket ``/ws``.

    Attributes:
        handlers: The registered handler, under ``"main"``.
        logger: Where the app logs; JSON lines on stderr unless configured otherwise.
    """

    def __init__(
        self,
        debug: bool = False,
        lifespan: Lifespan[Any] | None = None,
        middleware: Sequence[Middleware] | None = None,
    ) -> None:
        """Make an app; nothing runs yet.

        Args:
            debug: Log in detail, show tracebacks, and answer payloads with ``_agent_core_app_action``: ``ping_status``,
                ``job_status``, ``force_healthy``, ``force_busy`` or ``clear_forced_status``.
            lifespan: Starlette's lifespan context manager, entered before the app serves and left afterwards.
            middleware: Starlette middleware; handlers find what it adds to ``request.state`` in ``context.request``.
        """
        super().__init__(
            debug=debug,
            routes=[
                Route("/invocations", self._handle_invocation, methods=["POST"]),
                Route("/ping", self._handle_ping, methods=["GET"]),
                WebSocketRoute("/ws", self._handle_websocket),
            ],
            lifespan=lifespan,
            middleware=middleware,
        )
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.logger = app_logger(debug=debug)
        self._websocket_handler: Callable[..., Any] | None = None
        self._health = Health(self.logger)
        self._worker = WorkerLoop()
        # A thread of its own: forty blocked handlers occupy all of anyio's.
        self._ping_thread = CapacityLimiter(1)

    def entrypoint(self, func: Function) -> Function:
        """Register the handler of ``POST /invocations``: any callable taking ``payload``, or ``payload, context``.

        A value it returns is the answer, as JSON. What it yields, as a generator or async generator, is streamed as
        server-sent events. A Starlette response goes out as it is; an ``HTTPException`` keeps its status.
        """
        self.handlers["main"] = func
        with suppress(AttributeError):  # bound methods and built-ins take no attributes
            func.run = lambda port=DEFAULT_PORT, host=None: self.run(port, host)  # type: ignore[attr-defined]
        return func

    def ping(self, func: Function) -> Function:
        """Register a function that decides the status: it returns a ``PingStatus``, or None to leave it to the app."""
        self._health.check = func
        return func

    def websocket(self, func: Function) -> Function:
        """Register the async handler of ``/ws``, which takes ``websocket, context`` and accepts the connection itself.

        Unlike other handlers it runs on the server's loop, where its socket lives: what it calls must not block.
        """
        self._websocket_handler = func
        return func

    def async_task(self, func: Function) -> Function:
        """Count every run of an async function as a background task, during which the status is ``HealthyBusy``."""
        if not any(map(inspect.iscoroutinefunction, (func, type(func).__call__))):
            raise ValueError(f"@async_task needs an async function, not {func!r}")
        name = getattr(func, "__name__", type(func).__name__)

        @functools.wraps(func)
        async def tracked(*args: Any, **kwargs: Any) -> Any:
            task_id = self.add_async_task(name)
            try:
                return await func(*args, **kwargs)
            except Exception:
                self.logger.exception("background task %s has failed (id %s)", name, task_id)
                raise
            finally:
                self.complete_async_task(task_id)

        return tracked  # type: ignore[return-value]

    def add_async_task(self, name: str, metadata: dict[str, Any] | None = None) -> int:  # noqa: ARG002
        """Count a background task as running until ``complete_async_task`` is called with the id returned here.

        ``metadata`` is ignored, as in the published package.
        """
        return self._health.add_task(name)

    def complete_async_task(self, task_id: int) -> bool:
        """Count a background task as finished; False if it was not running."""
        return self._health.complete_task(task_id)

    def get_async_task_info(self) -> dict[str, Any]:
        """Return ``active_count`` and ``running_jobs``, a list of ``name`` and ``duration`` in seconds."""
        return self._health.task_info()

    def get_current_ping_status(self) -> PingStatus:
        """Return the status: the forced one, else that of the ``@ping`` function, else by the running tasks."""
        return self._health.status()

    def force_ping_status(self, status: PingStatus) -> None:
        """Answer pings with this status until ``clear_forced_ping_status``."""
        self._health.force(status)

    def clear_forced_ping_status(self) -> None:
        """Let the status follow the agent again."""
        self._health.force(None)

    def run(self, port: int = DEFAULT_PORT, host: str | None = None, **kwargs: Any) -> None:
        """Serve with uvicorn until told to stop.

        Args:
            port: The port; AgentCore calls 8080.
            host: The address; None means all of them in a container, where AgentCore calls from outside, and
                127.0.0.1 elsewhere.
            **kwargs: Further options of ``uvicorn.run``, which win over the app's own.
        """
        import uvicorn

        options = {"host": host or default_host(), "port": port, "access_log": self.debug}
        uvicorn.run(self, **{**options, "log_level": "info" if self.debug else "warning", **kwargs})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        with request_scope():
            await super().__call__(scope, receive, send)

    async def _handle_invocation(self, request: Request) -> Response:
        context = enter_request(request)
        started = time.monotonic()
        try:
            payload = await request.json()
        except UnicodeDecodeError as error:
            return self._refuse("Invalid encoding", error)
        except (ValueError, RecursionError) as error:
            return self._refuse("Invalid JSON", error)
        except ClientDisconnect:
            self.logger.info("the client has gone away before its payload was complete")
            return Response(status_code=400)
        if self.debug and isinstance(payload, dict) and (action := payload.get(_DEBUG_ACTION)):
            return JSONAnswer(*await to_thread.run_sync(self._health.act, action, limiter=self._ping_thread))
        handler = self.handlers.get("main")
        if handler is None:
            self.logger.error("the app has no @entrypoint")
            return JSONAnswer({"error": "No entrypoint defined"}, 500)
        self.logger.debug("calling %s", getattr(handler, "__name__", type(handler).__name__))
        detail = ""
        try:
            with trace_context(request.headers):
                result = await invoke(handler, payload, context, worker=self._worker)
        except HTTPException as error:
            result, detail = JSONAnswer({"error": error.detail}, error.status_code), f": {text_of(error.detail)}"
        except Exception as error:
            self.logger.exception("the handler failed after %.3f s", time.monotonic() - started)
            return JSONAnswer({"error": text_of(error)}, 500)
        after_s = time.monotonic() - started
        if not isinstance(result, Response):
            self.logger.info("streaming the answer after %.3f s", after_s)
            return EventStream(result, self.logger)
        status = result.status_code
        level = logging.INFO if status < 400 else logging.WARNING if status < 500 else logging.ERROR
        self.logger.log(level, "answered %d after %.3f s%s", status, after_s, detail)
        return result

    async def _handle_ping(self, request: Request) -> Response:  # noqa: ARG002 - Starlette passes it
        report = await to_thread.run_sync(self._health.report, limiter=self._ping_thread)
        self.logger.debug("ping: %s", report["status"])
        return JSONAnswer(report)

    async def _handle_websocket(self, websocket: WebSocket) -> None:
        context = enter_request(websocket)
        if self._websocket_handler is None:
            self.logger.error("the app has no @websocket handler")
            await websocket.close(code=_WS_INTERNAL_ERROR)
            return
        try:
            with trace_context(websocket.headers), contained():
                await self._websocket_handler(websocket, context)
        except WebSocketDisconnect:
            self.logger.debug("the client has closed the WebSocket")
        except Exception:
            self.logger.exception("the WebSocket handler failed")
            with suppress(RuntimeError, WebSocketDisconnect):  # closed already, by the handler or the client
                await websocket.close(code=_WS_INTERNAL_ERROR)

    def _refuse(self, error: str, cause: Exception) -> Response:
        self.logger.warning("refused a request: %s: %s", error, cause)
        return JSONAnswer({"error": error, "details": str(cause)}, status_code=400)


def default_host(environ: Mapping[str, str] = os.environ, marker: Path = _CONTAINER_MARKER) -> str:
    """Return the address to serve on: all of them inside a container, which has its own network; else loopback."""
    return "0.0.0.0" if marker.exists() or environ.get("DOCKER_CONTAINER") else "127.0.0.1"  # noqa: S104 - on purpose
