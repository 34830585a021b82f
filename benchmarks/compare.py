"""What this project and its peers do: each cell of docs/compare.md is what a command prints.

    python -m benchmarks.compare                      prints the table
    python -m benchmarks.compare --write docs         writes it into docs/compare.md
    python -m benchmarks.compare PROBE PEER [WORD]    prints one cell, such as: tools awslabs stop

Nothing is claimed that no command shows. Peers that do not install are left out.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from agentcore_mcp import __version__
from benchmarks.clients import KEYS
from benchmarks.far_side import far_side
from benchmarks.hosted.processes import serving
from benchmarks.peers import PEERS, MissingPeerError, python_of, version_of
from benchmarks.report import write_between_marks as write
from benchmarks.servers import RELAY, SPOKEN, WORDS, Server, awslabs_at, ours, proxy_to
from benchmarks.slow import by_awslabs, by_client, by_our_server, by_proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

OURS = "agentcore-mcp"
SERVERS = (OURS, "awslabs", "mcp-proxy-for-aws")
LIBRARIES = ("bedrock-agentcore", "boto3")
COLUMNS = {
    OURS: "agentcore-mcp",
    "awslabs": PEERS["awslabs"],
    "mcp-proxy-for-aws": PEERS["mcp-proxy-for-aws"],
    "bedrock-agentcore": "bedrock-agentcore, its client",
    "boto3": "boto3",
}
# How each library says what its client offers.
METHODS = {
    OURS: "from agentcore_mcp.runtime import RuntimeClient; names = dir(RuntimeClient)",
    "bedrock-agentcore": "import warnings; warnings.simplefilter('ignore')\n"
    "from bedrock_agentcore.runtime import AgentCoreRuntimeClient as C\n"
    "names = {*dir(C), *C._ALLOWED_DP_METHODS, *C._ALLOWED_CP_METHODS}",
    "boto3": "import boto3; names = dir(boto3.client('bedrock-agentcore', 'us-west-2'))",
}
OPTIONS = {"awslabs": "awslabs.amazon-bedrock-agentcore-mcp-server", "mcp-proxy-for-aws": "mcp-proxy-for-aws"}
PACKAGES = {
    OURS: "agentcore_mcp",
    "awslabs": "awslabs.amazon_bedrock_agentcore_mcp_server",
    "mcp-proxy-for-aws": "mcp_proxy_for_aws",
    "bedrock-agentcore": "bedrock_agentcore",
    "boto3": "boto3",
}
LIMIT_S = 60
NO = "no"
ENVIRON = {**os.environ, **KEYS, "COLUMNS": "200", "NO_COLOR": "1"}


def python(peer: str) -> str:
    return sys.executable if peer == OURS else python_of(peer)


@asynccontextmanager
async def server(peer: str, *settings: str, url: str = "") -> AsyncIterator[Server]:
    """Give a peer's server; what it sends to an agent goes to the far side, or to a URL."""
    async with AsyncExitStack() as stack:
        url = url or stack.enter_context(far_side())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if peer == OURS:
            yield ours(folder, url, *settings)
        elif peer == "awslabs":
            yield awslabs_at(url)
        else:
            bare = await stack.enter_async_context(serving(folder / "bare.log", RELAY, "http", url))
            yield proxy_to(bare.url)


_LISTED: dict[str, list[dict[str, Any]]] = {}


async def listed(peer: str) -> list[dict[str, Any]]:
    if peer not in _LISTED:
        async with server(peer) as one, one.host() as (client, _):
            _LISTED[peer] = [tool.model_dump(mode="json", by_alias=True) for tool in (await client.list_tools()).tools]
    return _LISTED[peer]


async def tools(peer: str, word: str) -> str:
    """Name a server's tools about a session or runtime whose name has a word, such as ``stop``.

    Those of mcp-proxy-for-aws are the tools of the server that it leads to.
    """
    if peer == "mcp-proxy-for-aws":
        return "no tools of its own"
    found = [
        tool["name"]
        for tool in await listed(peer)
        if re.search(word, tool["name"]) and (peer == OURS or "agent_runtime" in json.dumps(tool))
    ]
    return ", ".join(f"`{name}`" for name in found) or NO


async def count(peer: str, _word: str) -> str:
    """Say how many tools there are, and how many characters a model reads of them."""
    if peer == "mcp-proxy-for-aws":
        return "those of the server behind it"
    found = await listed(peer)
    return f"{len(found)}, {len(json.dumps(found, separators=(',', ':'))) / 1000:.0f},000 characters"


async def methods(peer: str, word: str) -> str:
    """Name the methods of a library's client whose name has a word."""
    names = (await run(python(peer), "-c", f"{METHODS[peer]}; print(*sorted(names))")).split()
    return ", ".join(f"`{name}`" for name in names if re.search(word, name) and name[0] != "_") or NO


async def options(peer: str, word: str) -> str:
    """Name the commands and options in a program's help that have a word; awslabs' takes none, and has no help."""
    if peer == "awslabs":
        return "no options"
    program = (
        [sys.executable, "-m", "agentcore_mcp"] if peer == OURS else [str(Path(python(peer)).with_name(OPTIONS[peer]))]
    )
    texts = [await run(*program, "--help")]
    if peer == OURS:
        commands = re.findall(r"^  ([a-z]+)  ", texts[0], re.MULTILINE)
        texts += [await run(*program, command, "--help") for command in commands]
        texts.append("\n".join(f"  {command}  " for command in commands))
    found = {name for text in texts for name in re.findall(r"^  (?:-\w, )?((?:--)?[a-z][a-z-]+)", text, re.MULTILINE)}
    return ", ".join(f"`{name}`" for name in sorted(found) if re.search(word, name)) or NO


async def modules(peer: str, word: str) -> str:
    """Say whether there is a word, such as ``elicit``, in any module of a package."""
    code = (
        f"import importlib.util, pathlib, re; spec = importlib.util.find_spec({PACKAGES[peer]!r})\n"
        "files = pathlib.Path(spec.submodule_search_locations[0]).rglob('*.py')\n"
        f"print(any(re.search({word!r}, file.read_text('utf-8')) for file in files))"
    )
    return "yes" if await run(python(peer), "-W", "ignore", "-c", code) == "True" else NO


async def progress(peer: str, _word: str) -> str:
    """Say how many messages with an agent's words come before the result, of an answer that takes a second."""
    messages: list[str] = []

    async def on_progress(_progress: float, _total: float | None, message: str | None) -> None:
        if WORDS in (message or ""):
            messages.append(message or "")

    async with server(peer) as one, one.host() as (client, _):
        await client.call_tool(one.tool, one.arguments(SPOKEN), progress_callback=on_progress)
    if peer == "mcp-proxy-for-aws":
        return "passed on" if len(messages) > 1 else NO
    return "yes" if len(messages) > 1 else NO


async def words(peer: str, protocol: str) -> str:
    """Ask a local agent of a protocol, and say what the model gets of its answer."""
    command = [sys.executable, "-m", "agentcore_mcp", "local", "--port", "0"]
    command += [] if protocol == "http" else ["--protocol", protocol]
    local = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert local.stdout is not None
        return await _words(peer, protocol, json.loads(await local.stdout.readline()))
    finally:
        local.terminate()
        await local.wait()


async def _words(peer: str, protocol: str, ready: dict[str, Any]) -> str:
    async with AsyncExitStack() as stack:
        if peer == OURS:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            config = folder / "config.toml"
            agent = [f'arn = "{ready["agent_runtime_arn"]}"', f'endpoint_url = "{ready["endpoint_url"]}"']
            agent += [f'protocol = "{protocol}"', "auth = { none = true }"]
            config.write_text("\n".join(["[agents.one]", *agent]), encoding="utf-8")
            one = Server((sys.executable, "-m", "agentcore_mcp", "--config", str(config)))
            arguments: dict[str, Any] = {"prompt": "hello"}
            if protocol == "mcp":
                one = dataclasses.replace(one, tool="call_agent_tool")
                arguments = {"tool": "ask", "arguments": {"prompt": "hello"}}
        else:
            one = awslabs_at(ready["endpoint_url"])
            arguments = {"payload": json.dumps({"prompt": "hello"}), "agent_runtime_arn": ready["agent_runtime_arn"]}
        client, _ = await stack.enter_async_context(one.host())
        result = await client.call_tool(one.tool, arguments)
        text = "".join(getattr(block, "text", "") for block in result.content)
    if result.is_error or re.search(r'\\?"(error|error_type)\\?":|"status": "error"', text):
        return "an error"
    return "raw events" if re.search(r'data: |"jsonrpc"|\\"', text) else "its words"


async def runs(peer: str, _word: str) -> str:
    """Say how often an agent is run that is silent for longer than its caller waits; awslabs takes three minutes."""
    by_server = {OURS: by_our_server, "awslabs": by_awslabs, "mcp-proxy-for-aws": by_proxy}
    times = await (by_server[peer]() if peer in by_server else by_client(peer))
    return "once" if times == 1 else f"{times} times"


async def handoff(peer: str, _word: str) -> str:
    """Say whether the rest of a call can be collected that its host would have given up."""
    if peer != OURS:
        return NO if peer == "awslabs" else await options(peer, "handoff|resume")
    async with server(peer) as one:
        impatient = Server((*one.command, "--handoff-after", "1"))
        async with impatient.host() as (client, _):
            wish = {**SPOKEN, "every_s": 0.3}
            result = await client.call_tool(one.tool, one.arguments(wish))
            handle = (result.structured_content or {}).get("handle", "")
            rest = await client.call_tool(one.tool, {"prompt": "", "handle": handle}) if handle else result
    return "yes" if handle and not rest.is_error else NO


async def refuses(_peer: str, _word: str) -> str:
    """Say whether our hosted server answers 401 to a request without an access token."""
    top = '[server]\npublic_url = "http://127.0.0.1:9/mcp"\nauth = { issuers = ["http://127.0.0.1:9"] }\n'
    agent = '[agents.one]\narn = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/one-0123456789"\n'
    with tempfile.TemporaryDirectory() as name:
        config = Path(name, "company.toml")
        text = f'{top}secret = "{"not-a-real-secret-" * 3}"\n{agent}'
        config.write_text(text, encoding="utf-8")  # noqa: ASYNC240 - nothing waits here
        command = ("-m", "agentcore_mcp", "serve", "--port", "0", "--config", str(config))
        async with serving(Path(name, "log"), *command) as up, httpx2.AsyncClient() as http:
            answer = await http.post(up.url, json={}, headers={"Host": "127.0.0.1:9"})
    return "yes" if answer.status_code == 401 else NO


PROBES: dict[str, Callable[[str, str], Awaitable[str]]] = {
    probe.__name__: probe
    for probe in (tools, count, methods, options, modules, progress, words, runs, handoff, refuses)
}


def everywhere(probe: str, word: str = "", *, peers: tuple[str, ...] = SERVERS) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(peers, (probe, word))


def offered(tool: str, method: str | None = None) -> dict[str, tuple[str, str]]:
    return everywhere("tools", tool) | everywhere("methods", method or tool, peers=LIBRARIES)


ASKING = (OURS, "awslabs")
ROWS: dict[str, dict[str, tuple[str, str]]] = {
    "Tools, and what a model reads of them": everywhere("count"),
    "Asks an agent": offered("^invoke_agent", "^invoke_agent_runtime$"),
    "An agent's words arrive as MCP progress": everywhere("progress"),
    "What the model gets of an HTTP agent": everywhere("words", "http", peers=ASKING),
    "… of an A2A agent, asked in words": everywhere("words", "a2a", peers=ASKING),
    "… of an AG-UI agent, asked in words": everywhere("words", "agui", peers=ASKING),
    "… of a harness, asked in words": everywhere("words", "harness", peers=ASKING),
    "… of an MCP server on AgentCore": everywhere("words", "mcp", peers=ASKING)
    | {"mcp-proxy-for-aws": ("progress", "")},
    "Asks a harness": everywhere("methods", "harness", peers=(OURS, *LIBRARIES)) | {"awslabs": ("tools", "harness")},
    "Runs a command in an agent's session": offered("command", "^invoke_agent_runtime_command$"),
    "Stops a session": offered("^stop", "^stop_runtime_session$"),
    "Creates runtimes": offered("^create_agent_runtime$"),
    "A slow agent is run": everywhere("runs", peers=(*SERVERS, *LIBRARIES)),
    "A call that was handed off is collected later": everywhere("handoff"),
    "Asks the user (elicitation)": everywhere("modules", "[Ee]licit", peers=ASKING),
    "A live view in hosts that show MCP Apps": everywhere("modules", "ui://", peers=ASKING),
    "Serves HTTP": everywhere("options", "^serve$|^--port$"),
    "Refuses a caller without an access token": everywhere("refuses", peers=(OURS,)),
    "A local AgentCore, without an account": everywhere("options", "^local$|^--local$"),
    "Commands for a terminal": everywhere("options", "^(invoke|run|stop|sessions|preview)$"),
    "Writes a host's configuration": everywhere("options", "^install$"),
}


@cache
def _printed(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True, env=ENVIRON)
    return done.stdout.strip()


async def run(*command: str) -> str:
    """Return what a command prints; it is run once, and not on the event loop, which counts the runs of slow agents."""
    return await asyncio.to_thread(_printed, *command)


async def cell(peer: str, probe: str, word: str) -> str:
    """Return what a probe says of a peer, and of one that does not install, why."""
    try:
        return await PROBES[probe](peer, word)
    except MissingPeerError as missing:
        return f"not installed: {missing}"


async def table(rows: dict[str, dict[str, tuple[str, str]]]) -> str:
    """Return the table, its cells found one after the other while those of a slow agent are waited for."""
    lines = ["| | " + " | ".join(COLUMNS.values()) + " | by |", "| --- |" + " --- |" * (len(COLUMNS) + 1)]
    asked = [(peer, *probe) for probes in rows.values() for peer, probe in probes.items()]
    slow = {each: asyncio.create_task(cell(*each)) for each in asked if each[1] == runs.__name__}
    told = {each: await cell(*each) for each in asked if each not in slow}
    told |= {each: await task for each, task in slow.items()}
    for what, probes in rows.items():
        cells = [told[peer, *probes[peer]] if peer in probes else "-" for peer in COLUMNS]
        by = dict.fromkeys(
            f"`{probe} … {word}`".replace(" `", "`").replace("|", "\\|") for probe, word in probes.values()
        )
        lines.append(f"| {what} | " + " | ".join(cells) + f" | {', '.join(by)} |")
    return "\n".join(lines)


def about() -> str:
    """Return the day and the versions."""
    found = [f"agentcore-mcp {__version__}"]
    for name in ("awslabs", "mcp-proxy-for-aws", *LIBRARIES):
        try:
            found.append(f"{PEERS[name]} {version_of(name)}")
        except MissingPeerError as missing:
            found.append(f"{PEERS[name]}: {missing}")
    return f"On {datetime.datetime.now(datetime.UTC).date()}: {', '.join(found)}."


async def main(arguments: list[str]) -> None:
    if arguments[:1] in ([], ["--write"]):
        text = f"{about()}\n\n{await table(ROWS)}"
        print(text)
        if arguments:
            write(Path(arguments[1], "compare.md"), text)
    else:
        probe, peer, *word = arguments
        print(await PROBES[probe](peer, " ".join(word)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
