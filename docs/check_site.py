"""Check the built site: `mkdocs build --strict -d SITE && python docs/check_site.py SITE`.

A browser must load nothing from other hosts, and the API page must describe all public names.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

# Attributes whose address a browser loads; the link of a <a> or of <link rel="canonical"> is not loaded.
LOADED = {
    **dict.fromkeys(("script", "img", "iframe", "source", "video", "audio", "embed"), "src"),
    **dict.fromkeys(("image", "use"), "href"),
    "object": "data",
}
NOT_LOADED = {"canonical", "next", "prev", "alternate"}
FOREIGN = re.compile(r"(?:https?:)?//")
STYLE_ADDRESS = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")
API_NAME = re.compile(r"^::: (\S+)|^ {8}- (\w+)", re.MULTILINE)


class Page(HTMLParser):
    """The addresses of other hosts that a browser would load for a page, and the ids of the page."""

    def __init__(self, html: str):
        super().__init__()
        self.foreign: list[str] = STYLE_ADDRESS.findall(html)
        self.ids: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the addresses and the id of a tag."""
        values = {key: value or "" for key, value in attrs}
        self.ids.add(values.get("id", ""))
        address = values.get(LOADED.get(tag, ""), "")
        if tag == "link" and values.get("rel") not in NOT_LOADED:
            address = values.get("href", "")
        if FOREIGN.match(address):
            self.foreign.append(address)


def find_problems(site: Path) -> list[str]:
    """Return what is wrong with a built site."""
    problems = []
    for path in sorted(site.rglob("*.html")):
        page = Page(path.read_text(encoding="utf-8"))
        problems += [f"{path.relative_to(site)} loads {address}" for address in page.foreign]
    for path in sorted(site.rglob("*.css")):
        found = STYLE_ADDRESS.findall(path.read_text(encoding="utf-8"))
        problems += [f"{path.relative_to(site)} loads {address}" for address in found]
    api = Page((site / "api.html").read_text(encoding="utf-8"))
    module = ""
    for named, member in API_NAME.findall(Path(__file__).with_name("api.md").read_text(encoding="utf-8")):
        module = named or module
        if member and f"{module}.{member}" not in api.ids:
            problems.append(f"api.html does not describe {module}.{member}")
    return problems


if __name__ == "__main__":
    if found := find_problems(Path(sys.argv[1])):
        sys.exit("\n".join(found))
