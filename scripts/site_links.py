"""Links between the site's pages and the rest of the repository, written so that they work on a code host, too.

mkdocs calls it as a hook.
"""

from __future__ import annotations

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
_OUTSIDE = {"../SECURITY.md": "security.md", "../README.md": "index.md"}
_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./|docs/)[^)#]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add SECURITY.md, which is not in docs/ because code hosts look for it at the root."""
    files.append(File.generated(config, "security.md", content=(ROOT / "SECURITY.md").read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs'
    """Let links out of docs/ lead to pages of the site, or be plain text where the site has no such page."""
    return _LINK.sub(_of_site, markdown)


def _of_site(link: re.Match[str]) -> str:
    text, target, anchor = link.groups(default="")
    page = _OUTSIDE.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
    return text if page is None else f"[{text}]({page}{anchor})"
