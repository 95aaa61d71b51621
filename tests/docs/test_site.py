import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_search_works_in_pages_that_are_opened_from_the_disk(start_chromium, tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with start_chromium() as browser:
        page = browser.new_page()
        for source, target in (("index.html", "models/ibug68.html"), ("models/ibug68.html", "models/ibug68.html")):
            page.goto((tmp_path / source).as_uri())
            field = page.get_by_role("textbox", name="Search")
            field.focus()  # loads the index
            expect(page.locator(".md-search-result__meta")).to_have_text("Type to start searching")
            field.press_sequentially("model card ibug68")  # the page reacts to keys, not to a new value
            found = page.locator(f'a.md-search-result__link[href*="{target}"]').first
            expect(found).to_be_attached()
            found.click()
            expect(page).to_have_url((tmp_path / target).as_uri())
