"""The live view in Chromium, in a host around the official app-bridge, against the server as a real process."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import pytest_asyncio

from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.wire.eventstream import ContentDelta, ContentStop, encode_command_event
from tests.support.browser import Browser, browser, require_browser
from tests.support.mcp_hosts import MODES, TRANSPORTS, http_server
from tests.support.servers import LAST_CHUNK, Exchange, chunk, chunked, loopback_server
from tests.support.sse import encode_sse
from tests.support.tools import EVENT_STREAM, PREFIX, say_hello
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.servers import LoopbackServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

HANDOFF_S = 0.2
DARK = {
    "--color-background-primary": "#1f1f1e",
    "--color-background-secondary": "#30302e",
    "--color-text-primary": "#faf9f5",
    "--color-text-secondary": "#c2c0b6",
    "--color-border-primary": "#5e5d59",
}
INTERRUPT = {"id": "i1", "reason": "tool_call", "message": "Delete **it**?"}
YES_OR_NO = {"type": "object", "properties": {"approved": {"type": "boolean"}}}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def host() -> AsyncIterator[Browser]:
    require_browser()
    async with browser() as running:
        yield running


class Agent:
    """An agent that says, and a command that prints, what a test puts in, at once."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[Any] = asyncio.Queue()
        self.asked = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.requests: list[tuple[str, Any]] = []

    async def __call__(self, exchange: Exchange) -> None:
        operation = exchange.request.target.rpartition("/")[2].partition("?")[0]
        self.requests.append((operation, json.loads(exchange.request.body or b"{}")))
        self.asked.set()
        if operation == "stopruntimesession":
            await say_hello(exchange)
            return
        await exchange.send(chunked(EVENT_STREAM if operation == "commands" else "text/event-stream"))
        try:
            while (piece := await self._next(exchange)) is not None:
                if isinstance(piece, ContentDelta | ContentStop):
                    await exchange.send(chunk(encode_command_event(piece)))
                else:
                    await exchange.send(chunk(encode_sse(json.dumps(piece))))
            await exchange.send(LAST_CHUNK)
        except ConnectionError:
            self.hung_up.set()

    async def _next(self, exchange: Exchange) -> Any:
        piece, gone = asyncio.create_task(self.pieces.get()), asyncio.create_task(exchange.peer_closed())
        done, pending = await asyncio.wait([piece, gone], return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if piece not in done:
            raise ConnectionResetError
        return piece.result()

    def say(self, *pieces: Any) -> None:
        for piece in pieces:
            self.pieces.put_nowait(piece)

    async def say_late(self, *pieces: Any) -> None:
        """Say them once a call was handed over."""
        if pieces:
            await self.asked.wait()
            await asyncio.sleep(2 * HANDOFF_S)
        self.say(*pieces)


def config(folder: Path, runtime: LoopbackServer, *, handoff_s: float = HANDOFF_S, **others: Any) -> str:
    """Write a configuration, and return the file."""
    agent = {"arn": f"{PREFIX}/solo-0123456789", "endpoint_url": runtime.endpoint_url, "auth": {"none": True}, **others}
    toml = [f"{name} = {json.dumps(value)}" for name, value in agent.items() if not isinstance(value, dict)]
    tables = [
        f"{name} = {{ {', '.join(f'{key} = {json.dumps(one)}' for key, one in value.items())} }}"
        for name, value in agent.items()
        if isinstance(value, dict)
    ]
    file = folder / "config.toml"
    file.write_text("\n".join([f"live_handoff_after = {handoff_s}", "[agents.solo]", *toml, *tables]), encoding="utf-8")
    return str(file)


@asynccontextmanager
async def serving(
    host: Browser, folder: Path, *, transport: str = "http", mode: str = "2026-07-28", **others: Any
) -> AsyncIterator[Agent]:
    """Run a server for a scripted agent, and connect the host to it."""
    agent = Agent()
    async with loopback_server(agent) as runtime:
        file = config(folder, runtime, **others)
        if transport == "stdio":
            command = ["-m", "agentcore_mcp", "--config", file]
            await host.do("connect", command=sys.executable, args=command, env={}, mode=mode)
            yield agent
        else:
            async with http_server("--config", file, env={}) as url:
                await host.do("connect", url=url, mode=mode)
                yield agent


async def quiet(host: Browser) -> None:
    """Check that the page asked nobody for anything, and that nothing went wrong in it."""
    traffic = await host.do("traffic")
    assert {url.split("/", 3)[3] for url in traffic["requests"]} <= {"", "bridge.js", "app", "favicon.ico"}
    assert traffic["problems"] == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_pieces_are_seen_while_the_call_goes_on(host: Browser, tmp_path: Path, transport: str, mode: str) -> None:
    """Each before the next one is produced; how soon is measured by ``python -m benchmarks live``."""
    async with serving(host, tmp_path, transport=transport, mode=mode) as agent:
        result = await host.do("show", tool="invoke_agent", arguments={"prompt": "hi", "session_id": "review"})
        for number in range(5):
            agent.say(f"word{number} ")
            await host.do("until", text=f"word{number}")
        agent.say(None)
        await host.do("until", text="Done")
        told = (await host.do("told"))["told"]

    assert result["structuredContent"]["status"] == "RUNNING"
    assert "has ended: COMPLETED" in told[-1]
    assert "word0 word1 word2 word3 word4" in told[-1]
    await quiet(host)


async def test_a_command_is_shown_in_a_terminal_with_its_end(host: Browser, tmp_path: Path) -> None:
    async with serving(host, tmp_path) as agent:
        await host.do("show", tool="run_command", arguments={"command": "make all"}, width=800)
        agent.say(
            ContentDelta("\x1b[32m==> building\x1b[0m\n"), ContentDelta(stderr="warning: \x1b[1munused\x1b[0m x\n")
        )
        agent.say(*[ContentDelta(f"\rcompiled {percent} %") for percent in range(0, 101, 20)])
        await host.do("until", text="compiled 100 %")
        colours = await host.do(
            "evaluate",
            code="Array.from(document.querySelectorAll('.xterm-rows span'), (one) => [one.textContent, "
            "getComputedStyle(one).color, getComputedStyle(one).fontStyle])",
        )
        agent.say(ContentStop(2, "COMPLETED"), None)
        await host.do("until", text="exit code 2")
        told = (await host.do("told"))["told"][-1]
        sizes = (await host.do("seen"))["sizes"]
        assert await host.do("axe") == []

    styles = {text.strip(): (colour, style) for text, colour, style in colours}
    assert styles["==> building"][1] == "normal"
    assert styles["unused"][1] == styles["x"][1] == "italic"
    assert len({styles[text][0] for text in ("==> building", "unused", "compiled 100 %")}) == 3
    assert "compiled 80" not in str(colours)
    assert "exit code 2" in told
    assert "compiled 100 %" in told
    assert max(height for _, height in sizes) <= 500
    await quiet(host)


async def test_stopping_ends_the_session_and_cancelling_the_call(host: Browser, tmp_path: Path) -> None:
    async with serving(host, tmp_path) as agent:
        result = await host.do("show", tool="invoke_agent", arguments={"prompt": "hi"})
        agent.say("on it")
        await host.do("until", text="on it")
        await host.do("click", name="Cancel")
        await host.do("until", text="the user cancelled this call")
        with anyio.fail_after(WAIT_S):
            await agent.hung_up.wait()
        await host.do("click", name="Stop session")
        await host.do("until", text="Session stopped")
        told = (await host.do("told"))["told"][-1]

    assert [operation for operation, _ in agent.requests] == ["invocations", "stopruntimesession"]
    assert "FAILED" in told
    assert result["structuredContent"]["session_id"] in told


@pytest.mark.parametrize("runs", [True, False])
async def test_a_command_waits_for_its_user(host: Browser, tmp_path: Path, runs: bool) -> None:
    async with serving(host, tmp_path, commands="ask") as agent:
        asked = await host.do("show", tool="run_command", arguments={"command": "rm -rf build\u202e # \u200bx"})
        await host.do("until", text="May this be run")
        shown = await host.text()
        assert await host.do("axe") == []
        await host.picture("approval")
        before = list(agent.requests)
        if runs:
            agent.say(ContentDelta("gone\n"), ContentStop(0, "COMPLETED"), None)
        await host.do("click", name="Run it" if runs else "Don't run it")
        await host.do("until", text="Done" if runs else "Not allowed")
        if not runs:
            assert "did not allow" in (await host.do("told"))["told"][-1]

    assert "rm -rf build\\u202e # \\u200bx" in shown
    assert asked["structuredContent"]["status"] == "UNANSWERED"
    assert before == []
    assert [operation for operation, _ in agent.requests] == (["commands"] if runs else [])
    await quiet(host)


async def test_a_long_command_is_allowed_after_all_of_it_was_shown(host: Browser, tmp_path: Path) -> None:
    command = "\n".join(f"echo {number}" for number in range(100)) + "\nrm -rf /"
    button = "document.querySelector('.ask button')"
    async with serving(host, tmp_path, commands="ask") as agent:
        await host.do("show", tool="run_command", arguments={"command": command})
        await host.do("until", text="Scroll to the end to run it")
        assert await host.do("evaluate", code=f"{button}.disabled")
        assert await host.do("axe") == []
        await host.do("evaluate", code=f"{button}.click()")
        await host.do("evaluate", code="document.querySelector('.ask pre').focus()")
        await host.do("press", key="End")
        agent.say(ContentStop(0, "COMPLETED"), None)
        await host.do("click", name="Run it")
        await host.do("until", text="Done")

    assert [asked["command"] for _, asked in agent.requests] == [command]
    await quiet(host)


async def test_a_long_answer_keeps_its_blocks_whole(host: Browser, tmp_path: Path) -> None:
    lines = [f"line {number:05} {'x' * 60}\n\n" for number in range(2_000)]
    items = [f"- item{number} {'y' * 60}\n\n" for number in range(300)]
    async with serving(host, tmp_path) as agent:
        await host.do("show", tool="invoke_agent", arguments={"prompt": "hi"})
        for begin in range(0, len(lines), 100):
            agent.say(("```\n" if begin == 0 else "") + "".join(lines[begin : begin + 100]))
            await host.do("until", text=lines[begin + 99].strip())
        agent.say("```\n\nbetween **them**\n\n", *items, "after **them**\n\n", None)
        await host.do("until", text="Done")
        code = await host.do(
            "evaluate", code="Array.from(document.querySelectorAll('.words pre'), (one) => one.innerText)"
        )
        shown = await host.do(
            "evaluate", code="['ul', 'li', 'strong'].map((tag) => document.querySelectorAll(`.words ${tag}`).length)"
        )

    assert [block.split() for block in code] == ["".join(lines).split()]
    assert shown == [1, 300, 2]
    await quiet(host)


@pytest.mark.parametrize("schema", [None, YES_OR_NO])
async def test_a_question_of_the_agent_is_answered_in_its_session(
    host: Browser, tmp_path: Path, schema: dict[str, Any] | None
) -> None:
    interrupts = [{**INTERRUPT, **({"responseSchema": schema} if schema else {})}]
    async with serving(host, tmp_path) as agent:
        first = await host.do("show", tool="invoke_agent", arguments={"prompt": "clean up"}, inputLate=True)
        agent.say({"type": "RUN_STARTED", "threadId": "t", "runId": "r"})
        agent.say({"type": "RUN_FINISHED", "outcome": {"type": "interrupt", "interrupts": interrupts}}, None)
        await host.do("until", text="Delete **it**?")
        assert await host.do("axe") == []
        if schema is None:
            await host.do("fill", label="Your answer", text="yes, do")
        await host.picture("question")
        await host.do("click", name="Answer" if schema is None else "approved: true")
        agent.say("deleted", None)
        await host.do("until", text="deleted")
        await host.do("until", text="Done")

    (_, asked), (_, answered) = agent.requests
    assert asked == {"prompt": "clean up"}
    assert answered == {"prompt": "yes, do" if schema is None else '{"approved":true}'}
    assert first["structuredContent"]["status"] == "RUNNING"
    await quiet(host)


HOSTILE = [
    "<script>parent.hacked = window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "![x](https://example.com/x.png) ![y](data:image/png;base64,AAAA) ![z](javascript:window.hacked=1)",
    "<svg onload='window.hacked = 1'><script>window.hacked = 1</script></svg>",
    "[a](javascript:window.hacked=1) [b](JaVaScRiPt:window.hacked=1) [c](&#106;avascript:window.hacked=1)",
    "[d](data:text/html,<script>window.hacked=1</script>) [e](vbscript:x) [f](file:///etc/passwd) [g](blob:x)",
    "[h]( javascript:window.hacked=1) [i](java\tscript:window.hacked=1) <javascript:window.hacked=1>",
    '[j](https://example.com/"onmouseover="window.hacked=1) [k](https://example.com "x\\" onclick=\\"window.hacked=1")',
    "[l]: javascript:window.hacked=1\n\n[l] [m][l]",
    "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe><object data=x></object><embed src=x>",
    "<style>@import 'https://example.com/x.css'; * { background: url(https://example.com/y) }</style>",
    "<base href='https://example.com/'><meta http-equiv=refresh content='0;url=https://example.com'>",
    "<form action='https://example.com'><input name=a><button>Run it</button></form>",
    "```html\n<script>window.hacked = 1</script>\n```",
    "$$\\href{javascript:window.hacked=1}{x}$$ $\\unicode{x}$",
    "| <img src=x onerror=window.hacked=1> | b |\n|---|---|\n| ![](https://example.com/z) | </td> |",
    "\u202emirrored\u202c \u200b\u200bzero \u2066isolate\u2069 \ufeff",
    "&lt;script&gt;window.hacked=1&lt;/script&gt; &#60;img src=x onerror=window.hacked=1&#62;",
    "x" * 200_000,
    "[" * 5_000 + "](" * 5_000,
    "> " * 3_000 + "deep",
    "*" * 20_000 + "_" * 20_000,
    "- " * 500 + "x",
    # Each row would be filled up to the width of the head.
    f"{'|a' * 4_000}|\n{'|-' * 4_000}|\n" + "b\n" * 500,
    "</main></body><script>window.hacked=1</script>",
    "__proto__ constructor [__proto__]: x\n\n[__proto__] [constructor]",
]


async def test_a_hostile_answer_runs_nothing_and_loads_nothing(host: Browser, tmp_path: Path) -> None:
    async with serving(host, tmp_path) as agent:
        await host.do("show", tool="invoke_agent", arguments={"prompt": "<img src=x onerror='window.hacked = 1'>"})
        for number, text in enumerate(HOSTILE):
            # In two halves, as a stream may cut anything.
            agent.say(text[: len(text) // 2], text[len(text) // 2 :], f"\n\nafter{number}.\n\n")
            await host.do("until", text=f"after{number}.")
        links = await host.do("evaluate", code="Array.from(document.querySelectorAll('a'), (one) => one.href)")
        elements = "Array.from(document.querySelectorAll('.words *'))"
        made = await host.do("evaluate", code=f"{elements}.map((one) => one.localName)")
        assert len(made) < 20_000
        attributes = await host.do("evaluate", code=f"{elements}.flatMap((one) => one.getAttributeNames())")
        await host.do("evaluate", code="for (const link of document.querySelectorAll('.words a')) link.click()")
        hacked = await host.do("evaluate", code="typeof window.hacked")
        width = await host.do("evaluate", code="document.documentElement.scrollWidth - innerWidth")
        opened = (await host.do("seen"))["opened"]
        agent.say(None)
        await host.do("until", text="Done")

    assert hacked == "undefined"
    assert all(link.startswith(("https://example.com", "mailto:")) for link in [*links, *opened])
    assert not {"img", "script", "svg", "iframe", "style", "form", "input", "object", "embed", "base", "meta"} & set(
        made
    )
    assert set(attributes) <= {"href", "title", "rel", "class", "start", "style", "tabindex", "dir"}
    assert width <= 0
    await quiet(host)


HOSTILE_OUTPUT = [
    "\x1b]8;;javascript:window.hacked=1\x07click\x1b]8;;\x07",
    "\x1b]8;;https://example.com/x\x07safe\x1b]8;;\x07",
    "\x1b]0;title\x07\x1b]2;title\x07\x1b]52;c;aGk=\x07\x1b]1337;File=inline=1:AAAA\x07",
    "\x1bPq#0;2;0;0;0#0~~@@vv@@~~@@~~$\x1b\\",
    "\x1b[6n\x1b[c\x1b[>c\x1b[?1049h alternate \x1b[?1049l",
    "\x1b[999999999;999999999H\x1b[2J\x1b[3J\x1bc",
    "\x1b[38;5;0m\x1b[8mhidden\x1b[0m",
    "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>",
    "\u202emirrored \u200b zero \ufeff",
    "\x00\x01\x7f\x80\x9b31m",
    "w" * 300_000,
    "\n" * 5_000,
    "\x1b[",
    "\x1b]8;;https://example.com/" + "y" * 100_000,
    "\x07\x1b\\",
    # Repeated as often as they say, each would take minutes to hours.
    *[f"a\x1b[{times}{final}" for final in "bIZLMST@PXE" for times in (2_147_483_647, 99_999_999)],
]


async def test_hostile_output_runs_nothing_and_answers_nothing(host: Browser, tmp_path: Path) -> None:
    async with serving(host, tmp_path) as agent:
        await host.do("show", tool="run_command", arguments={"command": "cat evil"})
        for number, text in enumerate(HOSTILE_OUTPUT):
            agent.say(ContentDelta(text, text), ContentDelta(f"\r\nafter{number}.\r\n"))
            await host.do("until", text=f"after{number}.")
        hacked = await host.do("evaluate", code="typeof window.hacked")
        title = await host.do("evaluate", code="document.title")
        await host.do("evaluate", code="for (const link of document.querySelectorAll('a')) link.click()")
        agent.say(ContentStop(0, "COMPLETED"), None)
        await host.do("until", text="exit code 0")
        opened = (await host.do("seen"))["opened"]

    assert (hacked, title, opened) == ("undefined", "Live view", [])
    await quiet(host)


async def test_a_result_that_is_brought_twice_shows_its_call_once(host: Browser, tmp_path: Path) -> None:
    async with serving(host, tmp_path) as agent:
        result = await host.do("show", tool="invoke_agent", arguments={"prompt": "hi"})
        agent.say("begun ")
        await host.do("until", text="begun")
        await host.do("result", result=result)
        agent.say("ended.", None)
        await host.do("until", text="Done")
        words = await host.do("evaluate", code="document.querySelector('.output').textContent")

    assert words == "begun ended."


@pytest.mark.parametrize(
    ("look", "width", "theme", "variables"),
    [("light", 1200, "light", {}), ("dark", 800, "dark", DARK), ("narrow", 320, "light", {})],
)
async def test_it_fits_and_can_be_read(
    host: Browser, tmp_path: Path, look: str, width: int, theme: str, variables: dict[str, str]
) -> None:
    answer = (
        "The build fails in **one** place, `src/app.ts`:\n\n- a missing export\n- an unused import\n\n"
        "| file | errors |\n|---|--:|\n| src/app.ts | 1 |\n\n```ts\nexport const answer = 42;\n```\n\n"
        "See [the log](https://example.com)."
    )
    tool = {"type": "TOOL_CALL_START", "toolCallId": "t1", "toolCallName": "read_logs"}
    words = {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m"}
    shown = {"width": width, "theme": theme, "variables": variables}
    async with serving(host, tmp_path) as agent:
        await host.do("show", tool="invoke_agent", arguments={"prompt": "Why does the build fail?"}, **shown)
        agent.say({"type": "RUN_STARTED", "threadId": "t", "runId": "r"}, words | {"delta": "Let me look.\n\n"})
        agent.say(tool, {"type": "TOOL_CALL_END", "toolCallId": "t1"}, words | {"delta": answer})
        await host.do("until", text="the log")
        assert await host.do("axe") == []
        await host.picture(f"answer-{look}")
        seen = await host.text()
        beyond = await host.do("evaluate", code="document.documentElement.scrollWidth - innerWidth")
        agent.say(None)
        await host.do("until", text="Done")
        heights = [height for _, height in (await host.do("seen"))["sizes"]]
        await host.do("show", tool="run_command", arguments={"command": "make all"}, **shown)
        agent.say(
            ContentDelta("\x1b[32m==> building\x1b[0m src/app.ts\n"), ContentDelta(stderr="src/app.ts:3: error\n")
        )
        agent.say(ContentDelta("\r[####################----] 83 %"))
        await host.do("until", text="83 %")
        await host.picture(f"command-{look}")
        beyond += await host.do("evaluate", code="document.documentElement.scrollWidth - innerWidth")
        agent.say(ContentStop(1, "COMPLETED"), None)
        await host.do("until", text="exit code 1")

    assert "read_logs" in seen
    assert max(heights) <= 500
    assert beyond <= 0


async def test_it_can_be_used_by_keyboard_alone(host: Browser, tmp_path: Path) -> None:
    async with serving(host, tmp_path) as agent:
        await host.do("show", tool="run_command", arguments={"command": "sleep 9"})
        agent.say(ContentDelta("zzz\n"))
        await host.do("until", text="zzz")
        reached = []
        for _ in range(7):
            await host.do("press", key="Tab")
            reached.append(
                await host.do("evaluate", code="document.activeElement.innerText || document.activeElement.ariaLabel")
            )
        while reached[-1] != "Cancel":
            await host.do("press", key="Shift+Tab")
            reached.append(await host.do("evaluate", code="document.activeElement.innerText"))
        await host.do("press", key="Enter")
        await host.do("until", text="the user cancelled this call")

    assert {"Cancel", "Stop session"} <= set(reached)


async def test_a_host_that_lets_it_call_nothing_or_tells_its_model_nothing_is_no_problem(
    host: Browser, tmp_path: Path
) -> None:
    async with serving(host, tmp_path) as agent:
        await host.do("show", tool="invoke_agent", arguments={"prompt": "hi"}, capabilities={})
        await host.do("until", text="can't go on here")
        agent.say(None)

    await quiet(host)


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({"content": [{"type": "text", "text": "it broke <b>"}], "isError": True}, "it broke <b>"),
        ({"content": [{"type": "text", "text": "hello\n\n[session_id: abc]"}]}, "hello"),
        ({"content": [], "structuredContent": {"status": "COMPLETED", "text": "", "session_id": "s"}}, "Done"),
        ({"content": []}, "Done"),
    ],
)
async def test_whatever_a_host_passes_on_is_shown(
    host: Browser, tmp_path: Path, result: dict[str, Any], shown: str
) -> None:
    async with serving(host, tmp_path) as agent:
        agent.say("hi", None)
        await host.do("show", tool="invoke_agent", arguments={"prompt": "hi"})
        await host.do("result", result=result)
        await host.do("until", text=shown)


async def test_thousands_of_small_pieces_are_shown_as_soon_as_they_have_come(host: Browser, tmp_path: Path) -> None:
    async with serving(host, tmp_path) as agent:
        await host.do("show", tool="invoke_agent", arguments={"prompt": "hi"})
        agent.say("begun ")
        await host.do("until", text="begun")
        began_at = time.time()
        agent.say(*[f"**word{number}** and\n\n" for number in range(3_000)], None)
        seen_after_s = await host.do("until", text="word2999") - began_at
        await host.do("until", text="Done")
        blocks = await host.do("evaluate", code="document.querySelectorAll('.words strong').length")

    assert blocks == 3_000
    assert seen_after_s < 20


@pytest.mark.parametrize("commands", ["allow", "ask"])
async def test_a_command_in_a_shell_that_stays_is_typed_into(host: Browser, tmp_path: Path, commands: str) -> None:
    with LocalAgentCore(app="tests.support.agents.probe:app") as local:
        agent = f'arn = "{local.agent_runtime_arn}"\nendpoint_url = "{local.endpoint_url}"\nauth = {{ none = true }}'
        toml = f'live_handoff_after = {HANDOFF_S}\n[agents.solo]\n{agent}\ncommands = "{commands}"\n'
        (tmp_path / "config.toml").write_text(toml, encoding="utf-8")
        async with http_server("--config", str(tmp_path / "config.toml"), env={}) as url:
            await host.do("connect", url=url, mode="2026-07-28")
            command = "read -p 'Your name? ' name; echo \"Hello, $name.\"; sleep 60"
            await host.do("show", tool="run_command", arguments={"command": command, "shell": "main"})
            if commands == "ask":
                await host.do("click", name="Run it")
            await host.do("until", text="Your name?")
            await host.do("fill", label="Type into the shell main", text="Anna")
            await host.do("click", name="Send")
            if commands == "ask":
                await host.do("until", text="May this be typed into the shell main")
                await host.do("click", name="Run it")
            await host.do("until", text="Hello, Anna.")
            assert await host.do("axe") == []
            await host.do("click", name="Ctrl-C")
            await host.do("until", text="exit code 130")
            told = (await host.do("told"))["told"][-1]

    assert "Hello, Anna." in told
    await quiet(host)
