"""Chromium for the scripts that record pages."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright


@contextlib.contextmanager
def open_page(address: str, viewport: ViewportSize, timeout: int) -> Iterator[Page]:
    """Open a page in Chromium.

    Args:
        address: Address of the page.
        viewport: Width and height in pixels.
        timeout: Time that each step may take, in milliseconds.
    """
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=viewport)
        page.set_default_timeout(timeout)
        expect.set_options(timeout=timeout)
        page.goto(address)
        yield page
        browser.close()
