"""Hooks of mkdocs: pages that lie elsewhere in the repository, and links that lead out of docs/.

Links in the pages are relative paths, so that they also work on GitHub and in an editor.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
SOURCE = "https://github.com/facelattice/facelattice/blob/main/"
# Files of the repository that are pages of the site, and their paths in it.
PAGES = {
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    **{
        f"src/facelattice/models/{path.name}": f"models/{path.name}"
        for path in ROOT.glob("src/facelattice/models/*.md")
    },
}
LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(#[^)\s]*)?(?=\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie outside docs/."""
    for source, path in PAGES.items():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let links lead to the pages of the site, and to GitHub for other files."""
    path = page.file.src_uri
    source = next((source for source, target in PAGES.items() if target == path), f"docs/{path}")

    def rewrite(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        anchor = match[2] or ""
        site = target.removeprefix("docs/") if target.startswith("docs/") else PAGES.get(target)
        if site is None:
            return SOURCE + target + anchor
        return posixpath.relpath(site, posixpath.dirname(path) or ".") + anchor

    return LINK.sub(rewrite, markdown)
