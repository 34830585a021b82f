"""The key of an installation: made once, kept for its user alone, and no reason to fail."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from agentcore_mcp.config.installation import KEY_BYTES, installation_key
from tests.support.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("variable", "below"), [("XDG_STATE_HOME", ""), ("LOCALAPPDATA", ""), ("HOME", ".local/state")]
)
def test_it_is_made_once_and_only_its_user_can_read_it(variable: str, below: str, tmp_path: Path) -> None:
    environ = {variable: str(tmp_path)}
    folder = tmp_path / below / "agentcore-mcp"

    key = installation_key(environ)

    assert len(key) == KEY_BYTES
    assert installation_key(environ) == key
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [(file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) for file in folder.iterdir()] == [(key, 0o600)]


class Together(dict[str, str]):
    """An environment that lets as many as look into it go on at the same moment."""

    def __init__(self, many: int, folder: Path) -> None:
        super().__init__(XDG_STATE_HOME=str(folder))
        self._barrier = threading.Barrier(many, timeout=WAIT_S)

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        self._barrier.wait()
        return super().get(key, default)


def test_servers_that_start_at_once_have_the_same(tmp_path: Path) -> None:
    many = 16
    with ThreadPoolExecutor(many) as threads:
        for number in range(20):
            environ = Together(many, tmp_path / str(number))
            keys = list(threads.map(installation_key, [environ] * many))

            assert len(set(keys)) == 1
            assert [file.name for file in (tmp_path / str(number) / "agentcore-mcp").iterdir()] == ["installation.key"]


def test_a_relative_folder_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    installation_key({"XDG_STATE_HOME": "state", "HOME": str(tmp_path / "home")})

    assert [entry.name for entry in tmp_path.iterdir()] == ["home"]


def test_one_that_is_cut_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    installation_key(environ)
    file = tmp_path / "agentcore-mcp" / "installation.key"
    file.write_bytes(b"short")

    assert installation_key(environ) != installation_key(environ)
    assert f"{file} has 5 bytes, and a key has 32; remove it" in caplog.text


def test_without_a_folder_to_keep_it_in_it_lasts_for_the_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    environ = {"XDG_STATE_HOME": str(tmp_path / "file")}

    assert installation_key(environ) != installation_key(environ)
    assert "mean the same only until this server ends" in caplog.text
