"""Record docs/images/annotate.webp, an animation of `facelattice annotate`: `python docs/record_annotate.py`.

It needs the packages of the extra "dev" and Chromium. The images are views of the example photo, whose points are
known. The page and the training are real; the animation leaves out the time of the training.
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from chromium import open_page
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, ViewportSize, expect

from facelattice import geometry
from facelattice.image_io import load_image, save_image

ROOT = Path(__file__).parents[1]
PATH = ROOT / "docs" / "images" / "annotate.webp"
NAMES = ("left_eye", "right_eye", "nose_tip", "left_mouth", "right_mouth")
MIRROR = [1, 0, 2, 4, 3]  # the points of NAMES in a mirrored image
POINTS = np.array([(203.5, 111), (239, 110.5), (223, 126.5), (206.5, 143.5), (240, 142.5)])  # in the example photo
FACE = np.array([179, 80, 271, 178])  # its box in the example photo
ROLLS = (-14, 10, 22, -24, 6, -4, 18, -20)  # of the views, degrees; every second one is mirrored
SIDE = 320  # of a view, pixels
NUM_ANNOTATED = 6  # views before the training
EPOCHS = 10
VIEWPORT: ViewportSize = {"width": 1000, "height": 590}
WIDTH = 800  # of the animation, pixels
CAPTION = 30  # height of the caption, pixels
STEP = 60  # of the moved mouse, milliseconds
TIMEOUT = 300_000  # milliseconds


class Recording:
    """Screenshots of a page with a mouse pointer and a caption, and how long each is shown."""

    def __init__(self, page: Page):
        self.page, self.caption, self.mouse = page, "", np.array([700.0, 480.0])
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []  # milliseconds

    def add(self, duration: int) -> None:
        """Add the present state of the page."""
        screen = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        scale = WIDTH / screen.width
        screen = screen.resize((WIDTH, round(screen.height * scale)), Image.Resampling.LANCZOS)
        frame = Image.new("RGB", (WIDTH, screen.height + CAPTION), (28, 31, 38))
        frame.paste(screen)
        draw = ImageDraw.Draw(frame)
        draw.text((12, screen.height + 6), self.caption, (240, 240, 240), ImageFont.load_default(16))
        x, y = self.mouse * scale
        arrow = [(0, 0), (0, 17), (4, 13.5), (7, 20), (10, 18.5), (7, 12.5), (12, 12.5)]
        draw.polygon([(x + dx, y + dy) for dx, dy in arrow], (255, 255, 255), (0, 0, 0))
        if self.frames and frame.tobytes() == self.frames[-1].tobytes():
            self.durations[-1] += duration
            return
        self.frames.append(frame)
        self.durations.append(duration)

    def move(self, x: float, y: float, steps: int) -> None:
        """Move the mouse, and record it in steps that get shorter; without steps it is not recorded."""
        start, end = self.mouse, np.array([x, y])
        for t in np.linspace(0, 1, steps + 1)[1:]:
            self.place_mouse(start + (end - start) * (1 - (1 - t) ** 2))
            self.page.wait_for_timeout(50)  # until the page is drawn
            self.add(STEP)
        self.place_mouse(end)

    def place_mouse(self, position: np.ndarray) -> None:
        """Move the mouse at once."""
        self.mouse = position
        self.page.mouse.move(*position)

    def save(self, path: Path) -> None:
        """Write an animated WebP file that repeats."""
        first, *others = self.frames
        first.save(path, save_all=True, append_images=others, duration=self.durations, loop=0, quality=60, method=6)


class Annotator:
    """Works in the page like a person who knows where the points are."""

    def __init__(self, recording: Recording, address: str, truth: dict[str, np.ndarray]):
        self.recording, self.page, self.address, self.truth = recording, recording.page, address, truth

    def open_image(self) -> tuple[np.ndarray, np.ndarray]:
        """Wait until an image with a face is shown, and return its suggested and its true points (N, 2)."""
        message = self.page.locator("#message")
        expect(message).to_contain_text(re.compile(r"\.png: one face, suggested"))
        index = self.page.evaluate("location.hash.slice(1)")
        (face,) = self.page.request.get(f"{self.address}api/images/{index}").json()["faces"]
        self.page.wait_for_timeout(150)
        return np.array(face["points"]), self.truth[str(message.text_content()).partition(":")[0]]

    def drag(self, start: np.ndarray, end: np.ndarray, steps: int) -> None:
        """Drag a point of the image, in a number of recorded steps to the point and with it."""
        self.recording.move(*self.to_screen(start), steps)
        self.page.mouse.down()
        self.recording.move(*self.to_screen(end), steps)
        self.page.mouse.up()
        expect(self.page.locator("#saved")).to_have_text("Saved")

    def to_screen(self, point: np.ndarray) -> np.ndarray:
        """Return the place on the screen of a point of a view that is fitted into the page."""
        box = self.page.locator("#view").bounding_box()
        assert box is not None
        size = np.array([box["width"], box["height"]])
        scale = (size.min() - 16) / SIDE
        return np.array([box["x"], box["y"]]) + size / 2 + (point + 0.5 - SIDE / 2) * scale

    def press_done(self) -> None:
        """Press D, and wait for the next image."""
        before = str(self.page.locator("#message").text_content()).partition(":")[0]
        self.page.keyboard.press("d")
        expect(self.page.locator("#message")).to_have_text(re.compile(rf"^(?!.*{before}).*\.png:"))


def main() -> None:
    """Annotate, train, and look at the suggestions of the new model."""
    with TemporaryDirectory() as folder:
        truth = write_views(Path(folder, "photos"))
        with start_annotate(folder) as address, open_page(address, VIEWPORT, TIMEOUT) as page:
            recording = Recording(page)
            record_loop(recording, Annotator(recording, address, truth))
    recording.save(PATH)
    print(
        f"{len(recording.frames)} frames, {sum(recording.durations) / 1000:.1f} s, {PATH.stat().st_size / 1000:.0f} kB"
    )


def record_loop(recording: Recording, annotator: Annotator) -> None:
    """Record the loop: two images in detail, others in passing, the training, and the suggestions of the new model."""
    page = recording.page
    points, truth = annotator.open_image()
    recording.caption = "1. The page suggests points: at first the mean shape, in the detected face."
    recording.add(1400)
    recording.caption = "2. Drag the points to their places. A magnifier shows what is under the mouse."
    annotator.drag(points[2], truth[2], steps=8)
    for k in (0, 1, 3, 4):
        annotator.drag(points[k], truth[k], steps=2)
    recording.caption = "3. Press D: the image is done, and the next one is shown."
    recording.add(300)
    for i in range(1, NUM_ANNOTATED):
        annotator.press_done()
        points, truth = annotator.open_image()
        recording.add(600 if i == 1 else 200)
        for k in range(len(points)):
            annotator.drag(points[k], truth[k], steps=1 if i == 1 else 0)
        recording.add(150)
    annotator.press_done()
    annotator.open_image()
    recording.caption = "4. Train on the images that are done (the waiting time is cut here)."
    recording.move(*center(page, "#open-training"), steps=3)
    page.click("#open-training")
    page.fill("#epochs", str(EPOCHS))
    recording.move(*center(page, "#start"), steps=3)
    recording.add(300)
    page.click("#start")
    expect(page.locator("#training-state")).to_contain_text("epoch")
    bar, epoch = page.locator("#training-bar"), None
    while epoch != str(EPOCHS):
        expect(bar).not_to_have_attribute("value", str(epoch))
        epoch = bar.get_attribute("value")
        recording.add(100)
    expect(page.locator("#training-state")).to_contain_text("is finished")
    recording.add(900)
    recording.move(*center(page, "#training [data-close]"), steps=2)
    page.click("#training [data-close]")
    recording.caption = "5. The new model suggests the points of the other images. Correct them, or press D."
    expect(page.locator("#images")).to_contain_text("±")  # the suggestions of the new model are there
    page.locator("#images [aria-current=true]").dispatch_event("click")
    expect(page.locator("#message")).to_contain_text("suggested by points")
    annotator.open_image()
    recording.add(1300)
    annotator.press_done()
    annotator.open_image()
    recording.add(1300)


def center(page: Page, selector: str) -> tuple[float, float]:
    """Return the middle of an element on the screen."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def write_views(folder: Path) -> dict[str, np.ndarray]:
    """Write views of the example photo, and return their points (N, 2) by file name."""
    photo, truth = load_image(ROOT / "examples" / "astronaut.jpg"), {}
    for i, roll in enumerate(ROLLS):
        is_mirrored = i % 2 == 1
        matrix = geometry.crop_transform(FACE, SIDE, 1.6 + 0.1 * (i % 4), roll, is_mirrored)
        name = f"{folder.name}/photo-{i + 1}.png"
        save_image(folder.parent / name, geometry.warp(photo, matrix, SIDE))
        truth[name] = geometry.apply(matrix, POINTS[MIRROR] if is_mirrored else POINTS)
    return truth


@contextlib.contextmanager
def start_annotate(folder: str) -> Iterator[str]:
    """Start `facelattice annotate` in a folder, and return the address of its page."""
    command = [sys.executable, "-m", "facelattice", "annotate", "photos", "--points", ",".join(NAMES), "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            yield server.stderr.readline().split("    ")[0]
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
