"""Shells that stay, from Python: authentication, connections that are cut, and shells that are taken over."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from websockets.asyncio.server import ServerConnection, serve

from agentcore_mcp import AgentCoreRuntimeClient
from agentcore_mcp.errors import InvalidRequestError, ResponseTimeoutError, ServiceError, StreamInterruptedError
from agentcore_mcp.local.agentcore import LocalAgentCore
from agentcore_mcp.local.callers.sigv4 import LOCAL_KEYS
from agentcore_mcp.runtime import (
    BearerAuth,
    ContentDelta,
    ContentStart,
    ContentStop,
    NoAuth,
    RuntimeClient,
    RuntimeWebSocket,
    SigV4Auth,
    connect,
)
from agentcore_mcp.runtime.retries import Retries
from agentcore_mcp.runtime.websocket.opening import open_shell
from agentcore_mcp.runtime.websocket.shells import RuntimeShell, ShellPrompt
from agentcore_mcp.wire.shells import frames
from agentcore_mcp.wire.shells.marks import keys
from tests.support.agentcore import new_session_id
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

PROBE = "tests.support.agents.probe:app"
AT_ONCE = Retries(first_pause_s=0.01)


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(app=PROBE, idle_timeout_s=60) as local:
        yield local


def local_keys() -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials(LOCAL_KEYS.access_key_id, LOCAL_KEYS.secret_access_key)
    return session


class Wire:
    """Passes bytes on to a server, and can be cut."""

    def __init__(self, endpoint_url: str) -> None:
        self._target = urlsplit(endpoint_url).port
        self._writers: list[asyncio.StreamWriter] = []
        self.endpoint_url = ""

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, to_server]
        await asyncio.gather(self._pass(reader, to_server), self._pass(upstream, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Wire]:
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.endpoint_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self.cut()


async def ran(shell: RuntimeShell, command: str, **arguments: Any) -> tuple[str, int, str]:
    """Run a command, and return what it printed, its exit code and its status."""
    text = ""
    async with asyncio.timeout(WAIT_S):
        async for event in shell.run(command, **arguments):
            match event:
                case ContentDelta(stdout):
                    text += stdout
                case ContentStop(code, status):
                    return text, code, status
    raise AssertionError(f"no end came after {text!r}")


@pytest.mark.parametrize(
    ("auth", "flow"),
    [("sigv4", lambda _: SigV4Auth(local_keys())), ("jwt", lambda local: BearerAuth(local.token()))],
)
async def test_a_shell_is_opened_with_the_clients_credentials(auth: Any, flow: Callable[[LocalAgentCore], Any]) -> None:
    with LocalAgentCore(app=PROBE, auth=auth) as guarded:
        client = RuntimeClient(endpoint_url=guarded.endpoint_url, auth=flow(guarded))
        async with open_shell(client, guarded.agent_runtime_arn, "main") as shell:
            assert await ran(shell, "echo hello; exit 3") == ("hello\nexit\n", 3, "COMPLETED")
        with pytest.raises(ServiceError):
            stranger = RuntimeClient(endpoint_url=guarded.endpoint_url, auth=BearerAuth("not-a-real-token"))
            async with open_shell(stranger, guarded.agent_runtime_arn, "main"):
                pass


async def test_a_shell_is_opened_by_presigned_urls() -> None:
    with LocalAgentCore(app=PROBE, auth="sigv4") as guarded:
        sdk = AgentCoreRuntimeClient(session=local_keys(), endpoint_url=guarded.endpoint_url)
        session_id = new_session_id()

        def connection() -> Any:
            url = sdk.generate_presigned_url(guarded.agent_runtime_arn, session_id, shell_id="main")
            return connect(url)

        async with RuntimeShell(connection) as shell:
            assert await ran(shell, "X=1") == ("", 0, "COMPLETED")
        async with RuntimeShell(connection) as shell:
            assert not shell.is_new
            assert await ran(shell, "echo $X") == ("1\n", 0, "COMPLETED")


@pytest.mark.parametrize("length", [1, 3_000], ids=["a little", "more than is kept"])
async def test_a_connection_that_is_cut_is_made_again_and_nothing_is_lost_or_repeated(
    local: LocalAgentCore, length: int
) -> None:
    command = f"for i in $(seq 200); do printf '%s %0{length}d\\n' $i 0; done; read go; echo $go; false"
    async with Wire(local.endpoint_url).open() as wire:
        client = RuntimeClient(endpoint_url=wire.endpoint_url, auth=NoAuth(), retries=AT_ONCE)
        async with asyncio.timeout(WAIT_S), open_shell(client, local.agent_runtime_arn, "main") as shell:
            text, end = "", None
            async for event in shell.run(command, timeout_s=30):
                match event:
                    case ContentDelta(stdout):
                        text += stdout
                        if text.endswith(f"200 {'0' * length}\n"):
                            wire.cut()
                            for _ in range(2):
                                # Not before it is connected again.
                                asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(_type(shell)))
                    case ContentStop():
                        end = event

    expected = "".join(f"{i} {'0' * length}\n" for i in range(1, 201)) + "went\n"
    assert (text, end) == (expected, ContentStop(1, "COMPLETED"))


async def test_a_connection_may_be_cut_more_than_once(local: LocalAgentCore) -> None:
    async with Wire(local.endpoint_url).open() as wire:
        client = RuntimeClient(endpoint_url=wire.endpoint_url, auth=NoAuth(), retries=AT_ONCE)
        async with asyncio.timeout(WAIT_S), open_shell(client, local.agent_runtime_arn, "main") as shell:
            text = ""
            async for event in shell.run("for i in 1 2 3; do echo line $i; read x; done", timeout_s=30):
                if isinstance(event, ContentDelta):
                    text += event.stdout
                    if event.stdout.endswith("\n"):
                        wire.cut()
                        # Not before it is connected again.
                        asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(_type(shell)))

    assert text == "line 1\nline 2\nline 3\n"


async def _type(shell: RuntimeShell) -> None:
    await shell.type(keys("went"))


async def test_output_that_may_be_missing_after_a_cut_is_told(local: LocalAgentCore) -> None:
    async with Wire(local.endpoint_url).open() as wire:
        client = RuntimeClient(endpoint_url=wire.endpoint_url, auth=NoAuth(), retries=AT_ONCE)
        async with asyncio.timeout(WAIT_S), open_shell(client, local.agent_runtime_arn, "main") as shell:
            text, end = "", None
            async for event in shell.run("echo begun; sleep 1; seq 300000; echo end", timeout_s=30):
                match event:
                    case ContentDelta(stdout):
                        if not text:
                            wire.cut()
                            # All is printed before the connection is there again.
                            await asyncio.sleep(3)
                        text += stdout
                    case ContentStop():
                        end = event

    assert text.startswith("begun\n\n[the connection was cut and made again; output may be missing here]\n")
    assert text.endswith("\n300000\nend\n")
    assert end == ContentStop(0, "COMPLETED")


async def test_a_shell_that_another_client_takes_over_is_left_to_it(local: LocalAgentCore) -> None:
    client = RuntimeClient(endpoint_url=local.endpoint_url, auth=NoAuth())
    session_id = new_session_id()
    async with (
        asyncio.timeout(WAIT_S),
        open_shell(client, local.agent_runtime_arn, "main", session_id=session_id) as one,
    ):
        with pytest.raises(StreamInterruptedError, match="another client has connected to this shell"):
            async for event in one.run("read -p 'go? ' x; echo $x"):
                if isinstance(event, ShellPrompt):
                    assert event.line == "go? "
                    other = open_shell(client, local.agent_runtime_arn, "main", session_id=session_id)
                    async with other as two:
                        # It has the shell from here on.
                        events = two.resume()
                        await anext(events)
                        await two.type(keys("yes"))
                        ends = [event async for event in events]
                        assert ends[-1] == ContentStop(0, "COMPLETED")


async def test_a_command_that_is_resumed_ends_with_its_own_mark(local: LocalAgentCore) -> None:
    client = RuntimeClient(endpoint_url=local.endpoint_url, auth=NoAuth())
    session_id = new_session_id()
    mark = r"printf '\033]133;%s;aid=%032d\007'"
    command = f"{mark} C 1; read -p 'go? ' x; {mark} 'D;0' 1; {mark} 'A;9' 2; echo after; false"
    async with asyncio.timeout(WAIT_S):
        async with (
            open_shell(client, local.agent_runtime_arn, "main", session_id=session_id) as shell,
            aclosing(shell.run(command)) as events,
        ):
            while not isinstance(await anext(events), ShellPrompt):
                pass
        async with open_shell(client, local.agent_runtime_arn, "main", session_id=session_id) as shell:
            events = shell.resume()
            await anext(events)
            await shell.type(keys("yes"))
            seen = [event async for event in events]

    assert "".join(event.stdout for event in seen if isinstance(event, ContentDelta)).endswith("after\n")
    assert seen[-1] == ContentStop(1, "COMPLETED")


async def test_a_command_that_is_never_silent_holds_up_no_later_connection(local: LocalAgentCore) -> None:
    client = RuntimeClient(endpoint_url=local.endpoint_url, auth=NoAuth())
    arn, session_id = local.agent_runtime_arn, new_session_id()
    async with asyncio.timeout(WAIT_S), open_shell(client, arn, "main", session_id=session_id) as shell:
        events = shell.run("while echo ha; do sleep 0.1; done")
        assert isinstance(await anext(events), ContentStart)
        await events.aclose()
    async with asyncio.timeout(WAIT_S), open_shell(client, arn, "main", session_id=session_id) as shell:
        with pytest.raises(InvalidRequestError, match="an earlier command still runs"):
            await ran(shell, "echo no")
        async with aclosing(shell.resume()) as events:
            assert isinstance(await anext(events), ContentStart)
            assert isinstance(await anext(events), ContentDelta)
        await shell.end()

        assert await ran(shell, "echo free") == ("free\n", 0, "COMPLETED")


async def test_the_prompt_of_a_shell_in_the_shell_does_not_end_a_command(local: LocalAgentCore) -> None:
    client = RuntimeClient(endpoint_url=local.endpoint_url, auth=NoAuth())
    async with asyncio.timeout(WAIT_S), open_shell(client, local.agent_runtime_arn, "main") as shell:
        assert (await ran(shell, "export PS1"))[1:] == (0, "COMPLETED")
        text, *_ = await ran(shell, "echo 'echo in' | dash -i; echo out")

    assert text.endswith("out\n")


async def test_a_shell_of_a_session_that_is_stopped_is_gone(local: LocalAgentCore) -> None:
    client = RuntimeClient(endpoint_url=local.endpoint_url, auth=NoAuth(), retries=AT_ONCE)
    session_id = new_session_id()
    async with (
        asyncio.timeout(WAIT_S),
        open_shell(client, local.agent_runtime_arn, "main", session_id=session_id) as shell,
    ):
        with pytest.raises(StreamInterruptedError):
            async for event in shell.run("echo begun; sleep 60"):
                if isinstance(event, ContentDelta):
                    await client.stop_session(local.agent_runtime_arn, session_id=session_id)


async def test_a_shell_that_is_given_up_before_it_answers_is_left() -> None:
    opened, left = asyncio.Event(), asyncio.Event()

    async def silent(socket: ServerConnection) -> None:
        await socket.wait_closed()
        left.set()

    @asynccontextmanager
    async def connection() -> AsyncIterator[RuntimeWebSocket]:
        async with connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as websocket:
            opened.set()
            yield websocket

    async with asyncio.timeout(WAIT_S), serve(silent, "127.0.0.1", 0) as server:
        shell = RuntimeShell(connection)
        entering = asyncio.ensure_future(shell.__aenter__())
        await opened.wait()
        entering.cancel()
        await asyncio.wait([entering])
        assert entering.cancelled()
        await left.wait()


async def test_a_connection_on_which_no_shell_answers_is_told_and_left() -> None:
    left = asyncio.Event()

    async def silent(socket: ServerConnection) -> None:
        await socket.wait_closed()
        left.set()

    async with asyncio.timeout(WAIT_S), serve(silent, "127.0.0.1", 0) as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ResponseTimeoutError, match=r"the shell said nothing for 0\.1 s"):
            async with RuntimeShell(lambda: connect(address), open_timeout_s=0.1):
                pass
        await left.wait()


class Counted(RuntimeWebSocket):
    """A connection that tells when so many frames have been sent from now on."""

    def __init__(self, socket: RuntimeWebSocket) -> None:
        self.session_id, self._socket = socket.session_id, socket
        self.left, self.sent = 0, asyncio.Event()
        self.is_closed = False

    async def receive_bytes(self) -> bytes:
        return await self._socket.receive_bytes()

    async def send_bytes(self, data: bytes) -> None:
        await self._socket.send_bytes(data)
        self.is_closed |= data == frames.CLOSE
        self.left -= 1
        if self.left == 0:
            self.sent.set()
            # A cancellation comes here.
            await asyncio.sleep(0)


@pytest.mark.parametrize("frames", range(1, 6))
@pytest.mark.parametrize("command", ["sleep 60", f": {'x' * 60_000}; sleep 60"], ids=["short", "long"])
async def test_a_run_can_be_cancelled_at_any_moment_and_leaves_the_shell_free(
    local: LocalAgentCore, command: str, frames: int
) -> None:
    sdk = AgentCoreRuntimeClient(session=local_keys(), endpoint_url=local.endpoint_url)
    url = sdk.generate_presigned_url(local.agent_runtime_arn, new_session_id(), shell_id="main")
    sockets: list[Counted] = []

    @asynccontextmanager
    async def connection() -> AsyncIterator[RuntimeWebSocket]:
        async with connect(url) as socket:
            sockets.append(Counted(socket))
            yield sockets[-1]

    async with asyncio.timeout(WAIT_S), RuntimeShell(connection) as shell:
        assert await ran(shell, "X=kept") == ("", 0, "COMPLETED")
        sockets[0].left = frames
        running = asyncio.ensure_future(ran(shell, command, timeout_s=2))
        sent = asyncio.ensure_future(sockets[0].sent.wait())
        await asyncio.wait([running, sent], return_when=asyncio.FIRST_COMPLETED)
        sent.cancel()
        running.cancel()
        await asyncio.wait([running, sent])
        await shell.end()
        after = await ran(shell, "echo $X")

    # Bash itself may exit, rarely, where ^C arrives while it begins a command.
    assert after == ("kept\n" if len(sockets) == 1 else "\n", 0, "COMPLETED")
    assert not sockets[0].is_closed


async def test_a_ctrl_c_just_before_a_command_does_not_end_that(local: LocalAgentCore) -> None:
    client = RuntimeClient(endpoint_url=local.endpoint_url, auth=NoAuth())
    async with asyncio.timeout(WAIT_S), open_shell(client, local.agent_runtime_arn, "main") as shell:
        for i in range(20):
            await shell.type(keys("^C"))
            assert (await ran(shell, f"echo {i}"))[0].endswith(f"{i}\n")


async def test_a_shell_that_exits_before_a_command_begins_is_begun_again(local: LocalAgentCore) -> None:
    client = RuntimeClient(endpoint_url=local.endpoint_url, auth=NoAuth())
    async with asyncio.timeout(WAIT_S), open_shell(client, local.agent_runtime_arn, "main") as shell:
        # It ends where it would read the next command.
        assert await ran(shell, "exec </dev/null") == ("", 0, "COMPLETED")
        assert await ran(shell, "echo next", first="echo first") == ("first\n", 0, "COMPLETED")


async def test_a_shell_that_has_exited_between_two_commands_is_begun_again() -> None:
    """It may say so, and close the connection, before anything is sent to it."""
    said = [
        [frames.connected("main", reconnected=True), frames.stdout(b"$ "), frames.exited(0, None)],
        [frames.connected("main", reconnected=False)],
    ]
    closed, taken = asyncio.Event(), asyncio.Event()

    async def shell_host(socket: ServerConnection) -> None:
        for frame in (now := said.pop(0)):
            await socket.send(frame)
        if len(now) > 1:
            await socket.close()
            closed.set()
            return
        async for message in socket:
            if b"__agentcore_mark A" in bytes(message[1:] if isinstance(message, bytes) else b""):
                taken.set()

    @asynccontextmanager
    async def connection() -> AsyncIterator[RuntimeWebSocket]:
        async with connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as websocket:
            await closed.wait()
            yield websocket

    async with asyncio.timeout(WAIT_S), serve(shell_host, "127.0.0.1", 0) as server, RuntimeShell(connection) as shell:
        command = asyncio.ensure_future(ran(shell, "echo next"))
        await asyncio.wait([command, asyncio.ensure_future(taken.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert taken.is_set()
        command.cancel()


async def test_another_shell_than_bash_takes_commands_too(local: LocalAgentCore) -> None:
    client = RuntimeClient(endpoint_url=local.endpoint_url, auth=NoAuth())
    async with open_shell(client, local.agent_runtime_arn, "main") as shell:
        # Dash takes bash's place, and a command that is ended gets its prompt again.
        _, _, status = await ran(shell, "exec dash -i", timeout_s=1)
        assert status == "TIMED_OUT"
        assert await ran(shell, "echo 'no end") == (
            "dash: 1: eval: Syntax error: Unterminated quoted string\n",
            2,
            "COMPLETED",
        )
        assert await ran(shell, "echo $0; X=1; false") == ("dash\n", 1, "COMPLETED")
        assert (await ran(shell, "sleep 60", timeout_s=1))[1:] == (130, "TIMED_OUT")
        assert await ran(shell, "echo $X") == ("1\n", 0, "COMPLETED")
