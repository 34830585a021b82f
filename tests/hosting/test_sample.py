"""The sample agent over a real socket: everything that its help promises."""

from __future__ import annotations

import json
import socket
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from agentcore_mcp.hosting.sample import HELP, app
from tests.support.serving import exchange, http_request, serving
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ERROR = "An error occurred during streaming"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the agent's session."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def port() -> Iterator[int]:
    with serving(app) as port:
        yield port


class Session:
    """One conversation with the agent."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._headers = (("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", str(uuid.uuid4())),)

    def request(self, payload: Any) -> bytes:
        return http_request("POST", "/invocations", json.dumps(payload).encode(), self._headers)

    def say(self, prompt: str) -> list[Any]:
        """Return the events of the streamed answer."""
        head, body = exchange(self._port, self.request({"prompt": prompt})).split(b"\r\n\r\n", 1)
        assert b"text/event-stream" in head
        lines = body.decode().split("\n")
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]

    def hear(self, prompt: str) -> str:
        """Return the words of the streamed answer."""
        return "".join(self.say(prompt))


@pytest.fixture
def session(port: int) -> Session:
    return Session(port)


def test_help_says_all_that_it_can_do(session: Session) -> None:
    assert session.hear("help") == HELP


def test_an_answer_comes_word_by_word(session: Session) -> None:
    assert session.say("count to 3.") == ["1 ", "2 ", "3"]


def test_it_repeats_what_it_does_not_understand_and_what_was_said_before(session: Session) -> None:
    assert 'You said "good morning".' in session.hear("good morning")

    answer = session.hear("how are you?")

    assert 'You said "how are you?"' in answer
    assert '"good morning"' in answer


def test_it_remembers_the_conversation_of_its_session_only(port: int) -> None:
    mine, other = Session(port), Session(port)
    assert mine.hear("What did I say?") == "Nothing yet in this session."
    mine.hear("remember the milk")

    assert mine.hear("what did i say").endswith("remember the milk")
    assert "milk" not in other.hear("what did I say?")


def test_it_sees_the_files_of_its_directory(session: Session, directory: Path) -> None:
    assert session.hear("files") == "My directory is empty."

    (directory / "notes.txt").touch()
    (directory / "data.csv").touch()

    assert session.hear("files") == "data.csv\nnotes.txt"


def test_behind_the_gate_nothing_is_said_before_the_file_is_there(port: int, session: Session, directory: Path) -> None:
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
        connection.sendall(session.request({"prompt": "gate Go.txt"}))
        received = b""
        while b"Go.txt" not in received:
            received += connection.recv(65536)
        (directory / "Go.txt").touch()
        while piece := connection.recv(65536):
            received += piece

    assert received.count(b"data: ") == 2
    assert b"It is here." in received


def test_json_is_one_value_with_the_session(port: int, session: Session) -> None:
    head, body = exchange(port, session.request({"prompt": "json"})).split(b"\r\n\r\n", 1)

    assert b"application/json" in head
    assert json.loads(body).keys() == {"prompt", "session_id", "turn"}


def test_a_long_answer_has_as_many_lines_as_asked_for(session: Session) -> None:
    assert session.hear("long 1000").count("\n") == 1000


def test_slow_and_think_take_their_number_of_seconds(session: Session) -> None:
    assert session.say("slow 1") == ["piece 1 of 1\n"]
    assert session.hear("think 0") == "I have thought about it for 0 seconds."


def test_a_number_that_is_none_counts_as_zero(session: Session) -> None:
    assert session.say("slow down") == []


def test_it_fails_in_the_middle(session: Session) -> None:
    *words, failure = session.say("fail")

    assert "".join(words) == "This begins well, but "
    assert failure == {"error": "you told me to fail", "error_type": "RuntimeError", "message": ERROR}


def test_it_fails_instead_of_answering(port: int, session: Session) -> None:
    answer = exchange(port, session.request({"prompt": "fail now"}))

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.endswith(b'{"error":"you told me to fail now"}')


def test_work_makes_it_busy(port: int, session: Session) -> None:
    session.hear("work 1")

    assert b'"HealthyBusy"' in exchange(port, http_request("GET", "/ping"))


@pytest.mark.parametrize("payload", [None, [], "help", {}, {"prompt": ""}, {"prompt": 1}, {"message": "hi"}])
def test_a_payload_without_a_prompt_gets_an_explanation(port: int, session: Session, payload: Any) -> None:
    answer = exchange(port, session.request(payload))

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"prompt" in answer
