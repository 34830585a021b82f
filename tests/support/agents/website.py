"""A website as an agent may build one, to be started in a session: ``python website.py PORT``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.websockets import WebSocket

PAGE = """\
<!doctype html><title>loading</title><script>
const socket = new WebSocket(`ws://${location.host}/ws`, ["soap", "chat"]);
socket.onopen = () => socket.send("hello");
socket.onmessage = async ({data}) => {
  const seen = await (await fetch("/seen", {method: "POST", body: "x"})).json();
  document.title = `${socket.protocol}:${data}:${seen.method}:${seen.headers.cookie ?? "no cookie"}`;
  await fetch("/titles", {method: "POST", body: document.title});
};
</script>"""
LARGE_BYTES = 30_000_000
# How WebSockets were closed by their clients.
closed: list[list[int | str | None]] = []
# What became of requests that are never answered.
waits: list[str] = []
# What its page became in browsers.
titles: list[str] = []


async def page(_: Request) -> Response:
    answer = HTMLResponse(PAGE)
    answer.set_cookie("mine", "1", domain="example.com")
    return answer


async def seen(request: Request) -> Response:
    size, digest = 0, hashlib.sha256()
    async for piece in request.stream():
        size += len(piece)
        digest.update(piece)
    told = {
        "method": request.method,
        "target": request.scope["raw_path"].decode(),
        "query": request.url.query,
        "headers": dict(request.headers),
        "bytes": size,
        "sha256": digest.hexdigest(),
    }
    return Response("" if request.method == "HEAD" else json.dumps(told), headers={"x-seen": request.method})


async def events(_: Request) -> Response:
    async def stream() -> AsyncIterator[str]:
        for n in range(1000):
            yield f"data: {n}\n\n"
            await asyncio.sleep(0.05)

    return StreamingResponse(stream(), media_type="text/event-stream")


async def silent(request: Request) -> Response:
    waits.append("came")
    while (await request.receive())["type"] != "http.disconnect":
        pass
    waits.append("left")
    return Response()


async def how_waited(_: Request) -> Response:
    return Response(json.dumps(waits))


async def redirect(request: Request) -> Response:
    return RedirectResponse(request.query_params["to"])


async def cookies(_: Request) -> Response:
    answer = PlainTextResponse("set", headers={"strict-transport-security": "max-age=9", "keep-alive": "timeout=5"})
    answer.raw_headers += [(b"x-name", "中é".encode()), (b"x-twice", b"1"), (b"x-twice", b"2")]
    answer.set_cookie("one", "1", domain="127.0.0.1")
    answer.set_cookie("two", "2", secure=True, samesite="none")
    return answer


async def refused(_: Request) -> Response:
    return PlainTextResponse("the website's own refusal", 403)


async def rude(_: Request) -> Response:
    return Response(status_code=403, headers={"x-amzn-errortype": "\x1b]52;c;eA==\x07"})


async def how_closed(_: Request) -> Response:
    return Response(json.dumps(closed))


async def shown(request: Request) -> Response:
    if request.method == "POST":
        titles.append((await request.body()).decode())
    return Response(json.dumps(titles))


async def large(_: Request) -> Response:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(LARGE_BYTES // 100_000):
            yield b"x" * 100_000

    return StreamingResponse(stream())


async def echo(socket: WebSocket) -> None:
    await socket.accept(subprotocol=socket.scope["subprotocols"][-1] if socket.scope["subprotocols"] else None)
    while (message := await socket.receive())["type"] == "websocket.receive":
        match message.get("text"), message.get("bytes"):
            case "bye", _:
                await socket.close(4321, "as you wish")
                return
            case str(text), _:
                await socket.send_text(text)
            case _, data:
                await socket.send_bytes(data or b"")
    closed.append([message["code"], message.get("reason")])


app = Starlette(
    routes=[
        Route("/", page),
        Route("/events", events),
        Route("/silent", silent),
        Route("/waits", how_waited),
        Route("/redirect", redirect),
        Route("/cookies", cookies),
        Route("/refused", refused),
        Route("/rude", rude),
        Route("/large", large),
        Route("/titles", shown, methods=["GET", "POST"]),
        Route("/closed", how_closed),
        WebSocketRoute("/ws", echo),
        Route("/{rest:path}", seen, methods=["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]),
    ]
)

if __name__ == "__main__":
    # As AWS says, on all addresses.
    uvicorn.run(app, host="0.0.0.0", port=int(sys.argv[1]), log_level="warning", ws="websockets-sansio")
