"""The documentation site builds, asks no other host for anything, and leads to each of its pages within two clicks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pytest

import agentcore_mcp
from agentcore_mcp import runtime
from tests.support.waiting import WAIT_S

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
# Attributes by which a page loads something, and not only leads to it.
LOADS = {"src", "srcset", "data", "poster", "action"}
LEADS = {"canonical", "next", "prev", "alternate"}


class Page(HTMLParser):
    """What a built page loads, where its tabs and its text lead, and which anchors it has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given["id"]} if "id" in given else set()
        self.loads += [value for name, value in given.items() if name in LOADS]
        if tag == "link" and given.get("rel") not in LEADS:
            self.loads.append(given["href"])
        if tag == "article" or given.get("class") == "md-tabs":
            self._inside.append(tag)
        if tag == "a" and self._inside and "href" in given:
            self.leads.append(given["href"])

    def handle_endtag(self, tag: str) -> None:
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, as strictly as `.ci/run` does."""
    pytest.importorskip("material", reason="needs the extra docs")
    target = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return target


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Read the built pages, by their paths; that of errors is for web servers to show."""
    return {
        path.relative_to(site).as_posix(): Page(path.read_text("utf-8"))
        for path in site.rglob("*.html")
        if path.name != "404.html"
    }


def test_no_page_loads_anything_from_another_host(site: Path, pages: dict[str, Page]) -> None:
    foreign = re.compile(r"(?:https?:)?//")
    loaded = {(name, url) for name, page in pages.items() for url in page.loads}
    styled = {
        (path.name, url)
        for path in site.rglob("*.css")
        for url in re.findall(r"(?:url\(|@import\s)[\s\"']*([^\s\"')]+)", path.read_text("utf-8"))
    }

    assert len(loaded) > len(pages)
    assert [(name, url) for name, url in loaded | styled if foreign.match(url)] == []


def test_each_page_is_at_most_two_clicks_away(pages: dict[str, Page]) -> None:
    """By the tabs at the top and the links of the text."""
    reached = {"index.html"}
    for _ in range(2):
        reached |= {urldefrag(urljoin(name, link)).url for name in reached & set(pages) for link in pages[name].leads}

    assert set(pages) - reached == set()


def test_each_public_name_has_its_place_in_the_reference(pages: dict[str, Page]) -> None:
    anchors = {anchor for name, page in pages.items() if name.startswith("reference/") for anchor in page.anchors}

    usual = {f"agentcore_mcp.{name}" for name in agentcore_mcp.__all__}
    others = {f"agentcore_mcp.runtime.{name}" for name in set(runtime.__all__) - set(agentcore_mcp.__all__)}

    assert usual | others <= anchors


def test_the_first_page_begins_with_the_command_that_the_readme_has() -> None:
    (command,) = re.findall(r"```sh\n(.*?)```", (DOCS / "index.md").read_text("utf-8"), re.DOTALL)

    assert re.sub(r"\s*\\\n\s*", " ", command) in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("script", ["options", "rooms"])
def test_what_is_made_from_the_code_is_not_stale(script: str) -> None:
    check = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "--check"]
    run = subprocess.run(check, capture_output=True, text=True, timeout=WAIT_S, check=False)

    assert (run.returncode, run.stderr) == (0, "")


def test_links_between_the_sources_lead_to_files_of_the_repository() -> None:
    """A code host follows them without the site."""
    links = [
        (path, link)
        for path in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"]
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
        if "://" not in link
    ]

    assert len(links) > 30
    assert [(path.name, link) for path, link in links if not (path.parent / link).exists()] == []
