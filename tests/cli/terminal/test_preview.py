"""``agentcore-mcp preview`` with websites in sessions of the local AgentCore, seen by clients and a browser."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from click.testing import CliRunner
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from agentcore_mcp.cli import main
from agentcore_mcp.cli.terminal.opened import OpenedSessions
from agentcore_mcp.local import LocalAgentCore
from tests.support.agentcore import Boto, eventually
from tests.support.agents.website import LARGE_BYTES
from tests.support.waiting import WAIT_S
from tests.support.websites import ANY_PORT, free_allowed_port, start_website

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Site:
    """A preview of a website, and the session that it is in."""

    def __init__(self, url: str, boto: Boto, session_id: str, preview: subprocess.Popen[str]) -> None:
        self.url = url
        self.port = int(url.rstrip("/").rpartition(":")[2])
        self.boto, self.session_id, self.preview = boto, session_id, preview

    def get(self, path: str, method: str = "GET", **arguments: Any) -> httpx2.Response:
        return httpx2.request(method, self.url + path, timeout=WAIT_S, **arguments)

    def raw(self, request: str) -> str:
        """Send bytes, and return what comes back, to its end if that closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S) as connection:
            connection.sendall(request.replace("\n", "\r\n").encode("latin-1"))
            pieces = iter(lambda: connection.recv(65_536), b"")
            return (b"".join(pieces) if "Connection: close" in request else next(pieces)).decode("latin-1")


@contextmanager
def _previewing(local: LocalAgentCore, folder: Path, *options: str) -> Iterator[Site]:
    environ = {**local.environ(), "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}

    def call(*arguments: str) -> None:
        result = CliRunner().invoke(main, [*arguments], env=environ)
        assert result.exit_code == 0, result.output

    call("invoke", "--session", "site", "hi")
    port = start_website(lambda line: call("run", "--session", "site", "--", line))
    opened = OpenedSessions(environ).all()[-1]
    keys = local.credentials["aws_access_key_id"], local.credentials["aws_secret_access_key"]
    command = [sys.executable, "-m", "agentcore_mcp", "preview", "site", *(options or ("--to", str(port)))]
    with (
        Boto.of(local, keys=keys) as boto,
        subprocess.Popen(
            command, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as preview,
    ):
        assert preview.stdout is not None
        try:
            yield Site(preview.stdout.readline().strip(), boto, opened.session_id, preview)
        finally:
            preview.send_signal(signal.SIGINT)
            preview.communicate(timeout=WAIT_S)


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAgentCore]:
    with LocalAgentCore(auth="sigv4", allowed_ports=ANY_PORT) as local:
        yield local


@pytest.fixture(scope="module")
def site(local: LocalAgentCore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with _previewing(local, tmp_path_factory.mktemp("site")) as site:
        yield site


def test_a_request_and_its_answer_pass_with_our_credentials_and_without_those_of_the_browser(site: Site) -> None:
    headers = {
        "Authorization": "Bearer x",
        "X-Amz-Date": "x",
        "X-Own": "1",
        "Range": "bytes=0-1",
        "Referer": f"{site.url}a",
    }
    seen = site.get("a%20b/@c?q=a/b+c&x&y=%7e%3d", "PATCH", headers=headers, content=b"abc").json()
    upstream = site.boto.endpoint_url

    assert (seen["method"], seen["target"], seen["bytes"]) == ("PATCH", "/a%20b/@c", 3)
    assert seen["query"] == "q=a%2Fb%20c&x&y=~%3D"
    assert (seen["headers"]["x-own"], seen["headers"]["range"]) == ("1", "bytes=0-1")
    assert seen["headers"]["referer"] == f"{upstream}/a"
    assert not {"authorization", "x-amz-date", "x-amz-content-sha256", "x-aws-proxy-port"} & seen["headers"].keys()
    assert site.get("", "HEAD").content == b""
    assert site.get("x", "HEAD").headers["x-seen"] == "HEAD"
    assert site.get("refused").text == "the website's own refusal"


def test_large_bodies_pass_both_ways(site: Site) -> None:
    body = os.urandom(20_000_000)
    sent = site.get("up", "POST", content=body).json()
    chunked = site.get("up", "PUT", content=iter([body[:10], body[10:]]), headers={"Expect": "100-continue"}).json()

    assert sent["sha256"] == chunked["sha256"] == sha256(body).hexdigest()
    with httpx2.stream("GET", f"{site.url}large", timeout=WAIT_S) as answer:
        assert sum(map(len, answer.iter_raw())) == LARGE_BYTES


def test_events_arrive_while_they_are_sent_and_end_with_the_browser_that_reads_them(site: Site) -> None:
    with httpx2.stream("GET", f"{site.url}events", timeout=WAIT_S) as answer:
        first = next(answer.iter_raw())

    assert first.startswith(b"data: 0")
    eventually(lambda: site.boto.requests(site.session_id)[-1]["state"] != "open")


def test_a_request_that_a_browser_gives_up_ends_before_it_is_answered(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=WAIT_S) as browser:
        browser.sendall(f"GET /silent HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n\r\n".encode())
        eventually(lambda: site.get("waits").json() == ["came"])

    eventually(lambda: site.get("waits").json() == ["came", "left"])


def test_redirects_within_the_website_stay_in_the_preview_and_others_are_the_browser_s(site: Site) -> None:
    upstream = site.boto.endpoint_url
    places = {
        "/login?next=/": "/login?next=/",
        "next": "next",
        f"{upstream}/login": "/login",
        "https://evil.example/x": "https://evil.example/x",
        "//evil.example/x": "//evil.example/x",
        f"{upstream}.evil.example/": f"{upstream}.evil.example/",
    }

    for there, seen in places.items():
        assert site.get("redirect", params={"to": there}).headers["location"] == seen
    assert len(site.boto.requests(site.session_id)) == len({one["id"] for one in site.boto.requests(site.session_id)})


def test_cookies_are_those_of_the_website_alone(site: Site) -> None:
    with httpx2.Client(timeout=WAIT_S) as browser:
        answer = browser.get(f"{site.url}cookies")
        seen = browser.get(f"{site.url}x", headers={"Cookie": "jupyter=secret; one=1; two=2"}).json()["headers"]
        own_name = browser.get(
            f"{site.url}x", headers={"Cookie": "script=1", "Host": f"site.localhost:{site.port}"}
        ).json()["headers"]
        none = browser.get(f"{site.url}x", headers={"Cookie": "jupyter=secret"}).json()["headers"]

    assert answer.headers.get_list("set-cookie") == [
        "one=1; Path=/; SameSite=lax",
        "two=2; Path=/; SameSite=none; Secure",
    ]
    assert not {"strict-transport-security", "keep-alive"} & answer.headers.keys()
    assert (b"x-name", "中é".encode()) in answer.headers.raw
    assert answer.headers.get_list("x-twice") == ["1", "2"]
    assert seen["cookie"] == "one=1; two=2"
    assert own_name["cookie"].startswith("script=1")
    assert "jupyter" not in none.get("cookie", "")


def test_only_pages_of_the_preview_are_answered(site: Site) -> None:
    own = site.url.rstrip("/")
    let_in: list[dict[str, str]] = [
        {"Origin": own},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"},
        {"Host": f"localhost:{site.port}"},
        {"Host": f"a.localhost:{site.port}", "Origin": f"http://a.localhost:{site.port}"},
    ]
    kept_out: list[dict[str, str]] = [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": own.replace("http", "https")},
        {"Origin": f"{own}0"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "empty"},
        {"Host": "evil.example"},
        {"Host": f"127.0.0.1.evil.example:{site.port}"},
        {"Host": "localhost.evil.example"},
    ]
    before = len(site.boto.requests(site.session_id))

    assert [site.get("x", headers=headers).status_code for headers in let_in] == [200] * len(let_in)
    assert [site.get("x", headers=headers).status_code for headers in kept_out] == [403] * len(kept_out)
    crossing = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    assert site.get("x", "POST", headers=crossing).status_code == 403
    assert len(site.boto.requests(site.session_id)) == before + len(let_in)


ATTACKS = [
    "GET /../../../runtimes HTTP/1.1\nHost: {host}\n\n",
    "GET /a/..%2f..%2F..%2fruntimes HTTP/1.1\nHost: {host}\n\n",
    "GET /%2e%2e/x HTTP/1.1\nHost: {host}\n\n",
    "GET /..\\x HTTP/1.1\nHost: {host}\n\n",
    "GET /./x HTTP/1.1\nHost: {host}\n\n",
    "GET http://evil.example/x HTTP/1.1\nHost: {host}\n\n",
    "GET @evil.example/x HTTP/1.1\nHost: {host}\n\n",
    "GET :80/x HTTP/1.1\nHost: {host}\n\n",
    "OPTIONS * HTTP/1.1\nHost: {host}\n\n",
    "CONNECT evil.example:443 HTTP/1.1\nHost: {host}\n\n",
    "GET /x HTTP/1.1\n\n",
    "GET /x HTTP/1.1\nHost: {host}\nHost: evil.example\n\n",
    "POST /x HTTP/1.1\nHost: {host}\nContent-Length: 4\nTransfer-Encoding: chunked\n\n0\n\n",
    "POST /x HTTP/1.1\nHost: {host}\nContent-Length: 4\nContent-Length: 5\n\nabcd",
    "POST /x HTTP/1.1\nHost: {host}\nTransfer-Encoding: xchunked\n\n0\n\n",
    "GET /x HTTP/1.1\nHost: {host}\nX-Bad : 1\n\n",
]


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_what_is_no_plain_request_to_the_website_goes_nowhere(site: Site, attack: str) -> None:
    before = len(site.boto.requests(site.session_id))

    assert site.raw(attack.format(host=f"127.0.0.1:{site.port}")).startswith("HTTP/1.1 4")
    assert len(site.boto.requests(site.session_id)) == before


def test_what_a_website_says_reaches_the_terminal_without_control_characters(
    local: LocalAgentCore, tmp_path: Path
) -> None:
    with _previewing(local, tmp_path) as site:
        answer = site.get("rude")
        assert site.preview.stderr is not None
        told = site.preview.stderr.readline()

    assert (answer.status_code, answer.text) == (403, f"agentcore-mcp preview: {told.removeprefix('agentcore-mcp: ')}")
    assert "]52" in told
    assert told.strip().isprintable()


def test_a_path_that_looks_like_a_host_stays_a_path(site: Site) -> None:
    answer = site.raw(f"GET //evil.example/x HTTP/1.1\nHost: 127.0.0.1:{site.port}\nConnection: close\n\n")

    assert answer.startswith("HTTP/1.1 200")
    assert '"target": "//evil.example/x"' in answer


def test_a_websocket_passes_messages_subprotocol_and_close_both_ways(site: Site) -> None:
    url = f"ws://127.0.0.1:{site.port}/ws?a=/b"
    protocols = [Subprotocol("soap"), Subprotocol("chat")]
    with connect(
        url, origin=Origin(site.url.rstrip("/")), subprotocols=protocols, max_size=None, open_timeout=WAIT_S
    ) as chat:
        for message in ("", "text", b"bytes", "x" * 3_000_000):
            chat.send(message)
            assert chat.recv(timeout=WAIT_S) == message
        chat.send("bye")
        with pytest.raises(ConnectionClosed) as closed:
            chat.recv(timeout=WAIT_S)
    with connect(url, open_timeout=WAIT_S) as leaving:
        leaving.close(4000, "no more")
    with connect(url, open_timeout=WAIT_S):
        pass

    assert chat.subprotocol == "chat"
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4321, "as you wish")
    eventually(lambda: site.get("closed").json()[-2:] == [[4000, "no more"], [1000, ""]])
    for path, origin, status in (("ws", "http://evil.example", 403), ("x/../ws", None, 400), ("none", None, 424)):
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(
                f"ws://127.0.0.1:{site.port}/{path}", origin=Origin(origin) if origin else None, open_timeout=WAIT_S
            ),
        ):
            pass
        assert refused.value.response.status_code == status
        assert refused.value.response.body


def test_a_browser_shows_the_page_with_its_websocket(site: Site, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium")
    profile = f"--user-data-dir={tmp_path}"
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", profile, site.url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            eventually(lambda: site.get("titles").json() != [])
        finally:
            browser.kill()

    assert site.get("titles").json() == ["chat:hello:POST:mine=1"]


def test_the_end_of_the_session_is_told_in_the_browser_and_in_the_terminal(
    local: LocalAgentCore, tmp_path: Path
) -> None:
    with _previewing(local, tmp_path) as site, connect(f"ws://127.0.0.1:{site.port}/ws", open_timeout=WAIT_S) as chat:
        with httpx2.stream("GET", f"{site.url}events", timeout=WAIT_S) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            site.boto.stop(site.session_id)
            with pytest.raises(httpx2.RemoteProtocolError):
                list(pieces)
        with pytest.raises(ConnectionClosed) as closed:
            chat.recv(timeout=WAIT_S)
        told = site.get("")
        site.get("")

    assert told.status_code == 404
    assert "the session has ended" in told.text
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001


def test_where_nothing_listens_or_a_port_is_not_allowed_says_what_to_do(local: LocalAgentCore, tmp_path: Path) -> None:
    with _previewing(local, tmp_path, "--to", "8443") as site:
        not_allowed = site.get("")
    with _previewing(local, tmp_path, "--to", str(free_allowed_port())) as site:
        nobody = site.get("")

    assert (not_allowed.status_code, nobody.status_code) == (403, 424)
    assert "--to names another" in not_allowed.text
    assert "bedrock-agentcore:InvokeAgentRuntimeProxy" in not_allowed.text
    assert "nothing answers in the session" in nobody.text


def test_a_runtime_that_takes_tokens_is_previewed_with_a_token(tmp_path: Path) -> None:
    with LocalAgentCore(auth="jwt", allowed_ports=ANY_PORT) as local, _previewing(local, tmp_path) as site:
        sent = site.get("up", "POST", content=iter([b"a", b"b"])).json()
        with connect(f"ws://127.0.0.1:{site.port}/ws", open_timeout=WAIT_S) as chat:
            chat.send("hi")
            said = chat.recv(timeout=WAIT_S)

    assert (sent["bytes"], said) == (2, "hi")
    assert "authorization" not in sent["headers"]


def test_a_session_without_an_endpoint_says_where_one_comes_from(tmp_path: Path) -> None:
    with LocalAgentCore() as local:
        environ = {**local.environ(), "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}

        def refused(*arguments: str) -> str:
            result = CliRunner().invoke(main, ["preview", *arguments], env=environ)
            assert result.exit_code == 1, result.output
            return result.stderr

        assert CliRunner().invoke(main, ["invoke", "--session", "plain", "hi"], env=environ).exit_code == 0
        assert "ask the agent in it first" in refused("other")
        assert "allowedPorts" in refused()
        assert "unencrypted" in refused("http://example.com/x")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            assert "can't listen on" in refused("plain", "--port", str(taken.getsockname()[1]))


def test_a_list_of_sessions_that_an_earlier_version_wrote_gets_the_endpoints(tmp_path: Path) -> None:
    opened = OpenedSessions({"XDG_STATE_HOME": str(tmp_path)})
    opened.used("arn", "s" * 40, agent="a", called="c")
    with closing(sqlite3.connect(tmp_path / "agentcore-mcp" / "sessions.sqlite")) as database, database:
        database.execute("ALTER TABLE sessions DROP COLUMN endpoint_url")
    opened.used("arn", "s" * 40, agent="a", called="c", endpoint_url="https://example.com")
    opened.used("arn", "s" * 40, agent="a", called="c")

    assert [one.endpoint_url for one in opened.all()] == ["https://example.com"]
