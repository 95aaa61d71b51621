"""Make docs/images/annotate.jpg, a screenshot of `facelattice annotate`: `python docs/annotate_screenshot.py`.

It needs the packages of the extra "dev" and Chromium. The images are views of the example photo.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from facelattice.image_io import load_image, save_image

ROOT = Path(__file__).parents[1]
NAMES = "left_eye,right_eye,nose_tip,left_mouth,right_mouth"
POINTS = [(203.5, 111), (239, 110.5), (223, 126.5), (206.5, 143.5), (240, 142.5)]  # in the example photo


def main() -> None:
    """Annotate one view by mouse and keyboard, and take the picture while a point of the next one is moved."""
    photo = load_image(ROOT / "examples" / "astronaut.jpg")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        for i in range(6):
            shift = np.array([[1.0, 0, -90 - 9 * i], [0, 1, -20 - 5 * i]])
            save_image(Path(folder, "photos", f"view-{i}.jpg"), cv2.warpAffine(photo, shift, (280, 240)))
        command = [sys.executable, "-m", "facelattice", "annotate", "photos", "--points", NAMES, "--port", "0"]
        with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            address = server.stderr.readline().split("    ")[0]
            path = shutil.which("chromium") or shutil.which("google-chrome")
            page = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]).new_page(
                viewport={"width": 1200, "height": 700}
            )
            page.set_default_timeout(60_000)
            expect.set_options(timeout=60_000)
            page.goto(address)
            expect(page.locator("#message")).to_contain_text("view-0")
            page.keyboard.press("Delete")
            page.keyboard.press("a")
            box = page.locator("#view").bounding_box()
            assert box is not None
            scale = min((box["width"] - 16) / 280, (box["height"] - 16) / 240)
            left, top = box["x"] + (box["width"] - 280 * scale) / 2, box["y"] + (box["height"] - 240 * scale) / 2
            for x, y in POINTS:
                page.mouse.click(left + (x - 90 + 0.5) * scale, top + (y - 20 + 0.5) * scale)
            page.keyboard.press("d")
            page.keyboard.press("v")
            expect(page.locator("#message")).to_contain_text("view-1")
            page.mouse.move(left + (POINTS[2][0] - 99 + 0.5) * scale, top + (POINTS[2][1] - 25 + 0.5) * scale)
            page.mouse.down()
            page.mouse.move(left + (POINTS[2][0] - 97) * scale, top + (POINTS[2][1] - 24) * scale, steps=3)
            page.wait_for_timeout(500)
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.save(ROOT / "docs" / "images" / "annotate.jpg", quality=85)
            server.terminate()


if __name__ == "__main__":
    main()
