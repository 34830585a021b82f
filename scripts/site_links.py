"""Links between the site's pages and the rest of the repository, written so that they work on a code host, too.

mkdocs calls it as a hook.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
# Files outside of docs/ that are pages of the site, or have one in their place.
_PAGES = {"SECURITY.md": "security.md", "README.md": "index.md"}
_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./|docs/)[^)#]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add SECURITY.md, which is not in docs/ because code hosts look for it at the root."""
    files.append(File.generated(config, "security.md", content=(ROOT / "SECURITY.md").read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs'
    """Let links out of docs/ lead to pages of the site, or be plain text where the site has no such page."""
    # SECURITY.md is made a page beside those of docs/, and stands above them in the repository.
    folder = ROOT if page.file.src_uri == "security.md" else (ROOT / "docs" / page.file.src_uri).parent

    def of_site(link: re.Match[str]) -> str:
        text, target, anchor = link.groups(default="")
        path = (folder / target).resolve().relative_to(ROOT).as_posix()
        wanted = _PAGES.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
        if wanted is None:
            return text
        return f"[{text}]({posixpath.relpath(wanted, posixpath.dirname(page.file.src_uri) or '.')}{anchor})"

    return _LINK.sub(of_site, markdown)
