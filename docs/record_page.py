"""Take docs/images/page.jpg, a screenshot of the page of `facelattice serve`: `python docs/record_page.py`.

It needs the packages of the extra "dev" and Chromium.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from chromium import open_page
from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect

ROOT = Path(__file__).parents[1]
PATH = ROOT / "docs" / "images" / "page.jpg"
VIEWPORT: ViewportSize = {"width": 1280, "height": 720}
NUM_STEPS = 31  # of the key N, to the nose tip
TIMEOUT = 60_000  # milliseconds


def main() -> None:
    """Open the example photo, and show the neighbors of the nose tip."""
    with start_server() as address, open_page(address, VIEWPORT, TIMEOUT) as page:
        show_neighbors(page)
        screen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    screen.save(PATH, quality=90)


def show_neighbors(page: Page) -> None:
    """Select the nose tip of the example photo."""
    page.set_input_files("#files", str(ROOT / "examples" / "astronaut.jpg"))
    expect(page.locator("#message")).to_have_text("One face.")
    page.click("[data-tool=neighbors]")
    page.focus("#view")
    for _ in range(NUM_STEPS):
        page.keyboard.press("n")
    page.keyboard.press("f")  # fits the face
    expect(page.locator("#details")).to_contain_text("Edge weights of nose_tip")
    page.wait_for_timeout(500)  # until the view has moved


@contextlib.contextmanager
def start_server() -> Iterator[str]:
    """Start `facelattice serve`, and return the address of its page."""
    command = [sys.executable, "-m", "facelattice", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            yield next(word for line in server.stderr for word in line.split() if word.startswith("http"))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
