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
            # Until the index is loaded the page does not react to the field.
            expect(page.locator(".md-search-result__meta")).to_have_text("Type to start searching")
            page.get_by_role("textbox", name="Search").fill("model card ibug68")
            found = page.locator(f'a.md-search-result__link[href*="{target}"]').first
            expect(found).to_be_attached()
            found.click()
            expect(page).to_have_url((tmp_path / target).as_uri())
