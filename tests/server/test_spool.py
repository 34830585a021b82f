"""The whole of a long output."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agentcore_mcp.errors import AgentCoreError
from agentcore_mcp.server.output import Output
from agentcore_mcp.server.spool import Spool, SpoolFolder


def test_everything_can_be_read_in_pages_that_cut_no_character() -> None:
    text = "".join(chr(code) for code in (0x61, 0xE4, 0x20AC, 0x1F600)) * 500
    with SpoolFolder() as folder:
        spool = Spool(folder)
        spool.append(text[:700])
        spool.append(text[700:])
        pages: list[str] = []
        offset = 0
        while offset < spool.kept_bytes:
            page, offset = spool.read(offset, 77)
            pages.append(page)

    assert "".join(pages) == text
    assert all(len(page) <= 77 for page in pages)


def test_an_offset_inside_a_character_means_the_one_after_it() -> None:
    with SpoolFolder() as folder:
        spool = Spool(folder)
        spool.append("€uro")

        assert spool.read(1, 10) == ("uro", 6)


def test_what_is_over_the_limit_is_counted_and_not_kept() -> None:
    with SpoolFolder() as folder:
        spool = Spool(folder, max_bytes=10)
        spool.append("0123456")
        spool.append("789abc")

        assert spool.read(0, 100) == ("0123456789", 10)
        assert (spool.kept_bytes, spool.dropped_bytes) == (10, 3)


def test_the_folder_is_private_made_when_needed_and_removed_at_the_end() -> None:
    with SpoolFolder() as folder:
        spool = Spool(folder)
        first = folder.new_file()
        spool.append("x" * 100_000)

        assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
        assert list(first.parent.iterdir())
        spool.close()
        assert not list(first.parent.iterdir())
    assert not first.parent.exists()


# A killed server, as far as its folder goes: it makes one with a file in it, says where, and waits for the end.
SERVER = """
import sys
from agentcore_mcp.server.spool import Spool, SpoolFolder
folder = SpoolFolder()
Spool(folder).append("x" * 100_000)
print(folder.new_file().parent, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing tells there whether a folder is in use")
def test_the_folder_of_a_killed_server_is_removed_by_the_next_and_no_other() -> None:
    def server() -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", SERVER], stdin=-1, stdout=-1, text=True)

    def folder_of(process: subprocess.Popen[str]) -> Path:
        assert process.stdout is not None
        return Path(process.stdout.readline().strip())

    with server() as killed, server() as running:
        try:
            abandoned, used = folder_of(killed), folder_of(running)
            killed.kill()
            killed.wait(20)
            with SpoolFolder() as too_soon:
                too_soon.new_file()
                assert abandoned.exists()
            for path in (abandoned, used):
                os.utime(path, (0, 0))
            with SpoolFolder() as folder, SpoolFolder() as other:
                here = folder.new_file().parent
                os.utime(here, (0, 0))
                other.new_file()

                assert not abandoned.exists()
                assert list(used.iterdir())
                assert here.exists()
        finally:
            killed.kill()
            running.kill()
    shutil.rmtree(used)


def test_a_text_that_one_result_shows_whole_needs_no_file() -> None:
    with SpoolFolder() as folder:
        output = Output(Spool(folder), 10)
        output.add("0123456789")

        assert output.text() == "0123456789"
        assert output.spool.kept_bytes == 0

        output.add("ab")
        assert output.omitted_chars == 2
        assert output.spool.read(0, 100)[0] == "0123456789ab"


def test_the_next_result_shows_what_came_since_and_the_spool_has_all() -> None:
    with SpoolFolder() as folder:
        output = Output(Spool(folder), 10)
        output.add("first")
        output.begin_next()
        output.add("second")

        assert output.text() == "second"
        assert output.spool.read(0, 100)[0] == "firstsecond"


def test_a_limit_inside_a_character_is_before_it_and_nothing_is_kept_after_it() -> None:
    with SpoolFolder() as folder:
        spool = Spool(folder, max_bytes=4)
        spool.append("€€")
        spool.append("a")

        assert spool.read(0, 100) == ("€", 3)
        assert (spool.kept_bytes, spool.dropped_bytes) == (3, 4)


class FullFolder(SpoolFolder):
    """On a disk that takes nothing."""

    def new_file(self) -> Path:
        return Path("/dev/full")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk at hand")
def test_what_a_full_disk_does_not_take_is_counted_and_the_output_goes_on() -> None:
    spool = Spool(FullFolder())
    for _ in range(3):
        spool.append("x" * 100_000)

    assert (spool.kept_bytes, spool.dropped_bytes) == (0, 300_000)
    assert spool.read(0, 10)[0] == ""


def test_what_cannot_be_read_any_more_is_said() -> None:
    with SpoolFolder() as folder:
        spool = Spool(folder)
        spool.append("x" * 100_000)
        (folder.new_file().parent / "1").unlink()

        with pytest.raises(AgentCoreError, match="can't be read: No such file"):
            spool.read(0, 10)


@pytest.mark.parametrize("offset", [5, 100, 2**62, 2**63, 10**30])
def test_past_the_end_there_is_nothing_and_reading_goes_on_at_the_end(offset: int) -> None:
    with SpoolFolder() as folder:
        spool = Spool(folder)
        spool.append("hello")

        assert spool.read(offset, 10) == ("", 5)
