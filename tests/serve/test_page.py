"""The web page in headless Chromium: photos, camera, paint, edge weights, downloads, and error messages."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Error, Page, Route, expect, sync_playwright

from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
pytestmark = pytest.mark.browser

TIMEOUT = 30_000  # milliseconds


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """A second of the moving photo, as a file that Chromium uses as its camera."""
    folder = tmp_path_factory.mktemp("camera")
    photo = cv2.imread(str(PHOTO))
    with open(folder / "clip.mjpeg", "wb") as file:
        for i in range(20):
            view = np.ascontiguousarray(photo[10 + i : 250 + i, 60 + 2 * i : 380 + 2 * i])
            file.write(cv2.imencode(".jpg", view)[1].tobytes())
    return folder / "clip.mjpeg"


@pytest.fixture(scope="module")
def launch(tmp_path_factory):
    """Start Chromium with arguments, and with a HOME of its own, as it writes there."""
    environment = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}
    with sync_playwright() as playwright:

        def start(*arguments: str) -> Browser:
            path = shutil.which("chromium") or shutil.which("google-chrome")
            try:
                arguments = ("--no-sandbox", "--disable-gpu", *arguments)
                return playwright.chromium.launch(executable_path=path, args=arguments, env=environment)
            except Error:
                pytest.skip("needs Chromium: playwright install chromium")

        yield start


@pytest.fixture(scope="module")
def browser(launch, clip):
    fake = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    browser = launch(*fake, f"--use-file-for-fake-video-capture={clip}")
    yield browser
    browser.close()


@pytest.fixture
def token_address(start_server, tmp_path) -> Iterator[str]:
    """The address of a server with the token "secret"."""
    (tmp_path / "token.txt").write_text("secret\n", encoding="utf-8")
    with start_server("--token-file", str(tmp_path / "token.txt")) as (_, address):
        yield address


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1180, "height": 900}, accept_downloads=True)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request", lambda request: request.url.startswith((address, "blob:", "data:")) or problems.append(request.url)
    )
    page.goto(address)
    yield page
    context.close()
    assert problems == []  # no error in the page, and no request to another host


def expect_message(page: Page, text: str) -> None:
    expect(page.locator("#message")).to_have_text(text, timeout=TIMEOUT)


def canvas(page: Page) -> np.ndarray:
    """A screenshot of the view, RGB."""
    data = page.locator("#view").screenshot()
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def pixel(page: Page, x: int, y: int) -> list[int]:
    """The color, RGB, of a pixel of the photo in the view."""
    return page.evaluate("([x, y]) => [...view.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)", [x, y])


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """The position on the screen of a pixel of the 512-px photo."""
    box = page.locator("#view").bounding_box()
    scale = box["width"] / 512
    return box["x"] + x * scale, box["y"] + y * scale


def test_sample_and_its_edge_weights(page):
    expect(page.locator("#model option")).not_to_have_count(0)
    page.click("#sample")
    expect_message(page, "One face.")
    expect(page.locator("#empty")).to_be_hidden()
    expect(page.locator("#times")).to_contain_text("to find faces and points")
    page.check("input[value=edges]")
    page.mouse.click(*at(page, 223, 126))
    expect(page.locator("#edge-weights")).to_contain_text("Edge weights of nose_tip")
    shares = [int(text.rstrip(" %")) for text in page.locator("#edge-weights td:nth-child(2)").all_inner_texts()]
    assert 95 <= sum(shares) <= 105
    page.hover("#view", position={"x": 20, "y": 20})
    expect(page.locator("#tip")).to_be_hidden()
    page.mouse.move(*at(page, 223, 126))
    expect(page.locator("#tip")).to_contain_text("30 nose_tip, expected error")


def test_photos_are_chosen_by_mouse_and_points_by_keyboard(page, tmp_path):
    wall = tmp_path / "wall.png"
    cv2.imwrite(str(wall), np.full((200, 300, 3), 120, np.uint8))
    page.set_input_files("#files", [str(PHOTO), str(wall)])
    expect_message(page, "One face.")
    page.locator("#photos button").nth(1).click()
    expect_message(page, "No face was found in this image.")
    page.locator("#photos button").nth(0).click()
    expect_message(page, "One face.")
    page.focus("#view")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#message")).to_contain_text("0 left_jaw_0, expected error")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#message")).to_contain_text("67 ")


def test_slider_hides_points_with_a_large_expected_error(page):
    page.click("#sample")
    expect_message(page, "One face.")
    with_points = canvas(page)
    page.locator("#limit").fill("0.5")
    expect(page.locator("#limit-value")).to_have_text("0.5 %")
    without = canvas(page)
    assert (np.abs(with_points.astype(int) - without).max(2) > 60).sum() > 150


def test_paint_over_the_mouth_raises_the_expected_error(page):
    page.click("#sample")
    expect_message(page, "One face.")
    before = page.locator("#faces td").nth(3).inner_text()
    page.check("input[value=paint]")
    page.mouse.move(*at(page, 200, 145))
    page.mouse.down()
    page.mouse.move(*at(page, 250, 148), steps=5)
    page.mouse.up()
    expect(page.locator("#faces td").nth(3)).not_to_have_text(before, timeout=TIMEOUT)
    assert float(page.locator("#faces td").nth(3).inner_text().rstrip(" %")) > float(before.rstrip(" %"))
    page.click("#clear")
    expect(page.locator("#faces td").nth(3)).to_have_text(before, timeout=TIMEOUT)


def test_camera(page):
    page.click("#camera")
    expect(page.locator("#times")).to_contain_text("frames/s", timeout=TIMEOUT)
    expect_message(page, "One face.")
    expect(page.locator("#camera")).to_have_attribute("aria-pressed", "true")
    page.click("#camera")
    expect(page.locator("#camera")).to_have_attribute("aria-pressed", "false")


def test_downloads(page, tmp_path):
    page.click("#sample")
    expect_message(page, "One face.")
    got: dict[str, Path] = {}
    for kind in ("json", "csv", "pts", "png", "crops"):
        with page.expect_download() as download:
            page.click(f"[data-save={kind}]")
        got[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(got[kind])
    assert [path.name for path in got.values()] == [
        "sample.json", "sample.csv", "sample.pts", "sample_faces.png", "sample_0.png"
    ]  # fmt: skip
    (face,) = json.loads(got["json"].read_text(encoding="utf-8"))["faces"]
    assert (len(face["points"]), len(face["expected_errors"]), "edge_weights" in face) == (68, 68, False)
    assert got["csv"].read_text(encoding="utf-8").startswith("image,face,score,x0")
    assert got["pts"].read_text(encoding="utf-8").startswith("version: 1")
    assert load_image(got["png"]).shape == (512, 512, 3)
    assert load_image(got["crops"]).shape == (256, 256, 3)


def test_crops_of_several_faces_are_one_file(page, tmp_path):
    photo = cv2.imread(str(PHOTO))
    cv2.imwrite(str(tmp_path / "zwei Köpfe.png"), np.hstack([photo, photo[:, ::-1]]))
    page.set_input_files("#files", str(tmp_path / "zwei Köpfe.png"))
    expect_message(page, "2 faces.")
    with page.expect_download() as waiting:
        page.click("[data-save=crops]")
    assert waiting.value.suggested_filename == "zwei Köpfe_crops.zip"
    waiting.value.save_as(tmp_path / "crops.zip")
    with zipfile.ZipFile(tmp_path / "crops.zip") as crops:
        assert crops.testzip() is None
        assert crops.namelist() == ["zwei Köpfe_0.png", "zwei Köpfe_1.png"]
        for name in crops.namelist():
            assert load_image(Image.open(io.BytesIO(crops.read(name)))).shape == (256, 256, 3)


def test_error_messages(page, tmp_path):
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    (tmp_path / "broken.jpg").write_bytes(PHOTO.read_bytes()[:50])
    page.set_input_files("#files", str(tmp_path / "notes.txt"))
    expect_message(page, "notes.txt is not an image.")
    page.set_input_files("#files", str(tmp_path / "broken.jpg"))
    expect_message(page, "broken.jpg cannot be read: it is damaged, or this browser does not support its format.")
    with open(tmp_path / "large.jpg", "wb") as file:
        file.truncate(61_000_000)
    page.set_input_files("#files", str(tmp_path / "large.jpg"))
    expect_message(page, "large.jpg is larger than 60 MB. Make it smaller first.")
    page.route("**/v1/align*", lambda route: route.abort())
    page.click("#sample")
    expect_message(page, "The server does not respond. Is facelattice serve still running?")


def test_missing_camera(launch, address):
    browser = launch()
    page = browser.new_page()
    page.goto(address)
    page.click("#camera")
    expect_message(page, "No camera was found.")
    browser.close()


def test_denied_camera(launch, clip, address):
    browser = launch(
        "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={clip}", "--deny-permission-prompts"
    )
    page = browser.new_page()
    page.goto(address)
    page.click("#camera")
    expect_message(page, "Access to the camera was denied. Allow it for this page in the browser.")
    expect(page.locator("#camera")).to_have_attribute("aria-pressed", "false")
    browser.close()


def test_accessible_names(page):
    page.click("#sample")
    expect_message(page, "One face.")
    expect(page.locator("main")).to_match_aria_snapshot("""
      - main:
        - region "Image":
          - button "Open photos"
          - button "Sample"
          - button "Camera"
          - application /Arrow keys select a point/
          - group "Open photos":
            - button "sample.jpg" [pressed]
          - status: One face.
        - region "Settings and results":
          - combobox "Model"
          - slider /Maximum expected error/
          - group "Tool":
            - radio "Name a point" [checked]
            - radio "Show edge weights"
            - radio "Paint over the face"
          - button "Clear the paint" [disabled]
          - checkbox "Point numbers"
          - table:
            - rowgroup:
              - row "face score size expected error yaw, pitch, roll"
          - group "Downloads":
            - button "JSON"
            - button "CSV"
            - button ".pts"
            - button "Image"
            - button "Crops"
    """)


def test_color_schemes_and_narrow_screens(page):
    backgrounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        backgrounds.append(page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))
    assert backgrounds[0] != backgrounds[1]
    page.set_viewport_size({"width": 360, "height": 740})
    page.click("#sample")
    expect_message(page, "One face.")
    assert page.locator("html").evaluate("html => html.scrollWidth") <= 360  # no horizontal scrolling


def test_points_of_a_large_photo_are_in_its_own_pixels(page, tmp_path):
    large = cv2.resize(cv2.imread(str(PHOTO)), None, fx=4, fy=4)
    cv2.imwrite(str(tmp_path / "large.jpg"), large)
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    page.set_input_files("#files", [str(tmp_path / "large.jpg"), str(tmp_path / "notes.txt")])
    expect_message(page, "One face. notes.txt is not an image.")
    (face,) = FaceAligner()(tmp_path / "large.jpg")
    got = {}
    for kind in ("json", "csv", "pts"):
        with page.expect_download() as waiting:
            page.click(f"[data-save={kind}]")
        got[kind] = waiting.value.path().read_text(encoding="utf-8")
    points = np.array(json.loads(got["json"])["faces"][0]["points"])
    assert np.abs(points - face.points).mean() < 0.02 * (face.box[2] - face.box[0])
    row = got["csv"].splitlines()[1].split(",")
    np.testing.assert_allclose(np.array(row[3:], float).reshape(-1, 2), points)
    x, y = map(float, got["pts"].splitlines()[3].split())
    np.testing.assert_allclose([x - 1, y - 1], points[0])


def test_wrong_token_and_canceled_dialog(browser, token_address):
    page = browser.new_page()
    page.goto(token_address)
    expect(page.locator("#token-dialog")).to_be_visible()
    expect(page.locator("#token-wrong")).to_be_hidden()
    page.keyboard.press("Escape")
    expect_message(page, "This server needs a token.")
    page.click("#sample")
    page.fill("#token", "guess")
    page.keyboard.press("Enter")
    expect(page.locator("#token-wrong")).to_be_visible()
    page.fill("#token", "secret")
    page.keyboard.press("Enter")
    expect_message(page, "One face.")
    page.close()


def test_paint_by_keyboard_stays_with_its_photo(page, tmp_path):
    page.set_input_files("#files", str(PHOTO))
    expect_message(page, "One face.")
    page.set_input_files("#files", str(PHOTO))  # the same photo again
    expect(page.locator("#photos button")).to_have_count(2)
    expect_message(page, "One face.")
    clean = canvas(page)
    page.focus("#view")
    page.keyboard.press("ArrowRight")
    page.check("input[value=paint]")
    page.focus("#view")
    page.keyboard.press("Enter")
    expect_message(page, "One face.")
    assert (np.abs(canvas(page).astype(int) - clean).max(2) > 60).sum() > 150
    expect(page.locator("#clear")).to_be_enabled()
    page.locator("#photos button").nth(0).click()
    expect(page.locator("#clear")).to_be_disabled()
    page.locator("#photos button").nth(1).click()
    expect(page.locator("#clear")).to_be_enabled()


def test_edge_weights_are_requested_when_they_are_shown(page):
    asked: list[str] = []
    page.on("request", lambda request: "align" in request.url and asked.append(request.url.split("edge_weights=")[1]))
    expect(page.locator("#limit-value")).to_have_text("no limit")
    page.locator("#limit").fill("10")
    page.locator("#limit").fill("20")
    expect(page.locator("#limit-value")).to_have_text("no limit")
    page.click("#sample")
    expect_message(page, "One face.")
    page.check("input[value=edges]")
    page.mouse.click(*at(page, 223, 126))
    expect(page.locator("#edge-weights")).to_contain_text("Edge weights of nose_tip", timeout=TIMEOUT)
    assert asked == ["false", "true"]


def test_edge_weights_are_requested_for_earlier_photos_and_during_a_request(page, tmp_path):
    (tmp_path / "again.jpg").write_bytes(PHOTO.read_bytes())
    held: list[Route] = []
    page.route("**/v1/align*", lambda route: route.continue_() if held else held.append(route))
    page.click("#sample")
    expect_message(page, "Finding faces ...")
    while not held:
        page.wait_for_timeout(50)
    page.check("input[value=edges]")  # before the response
    held[0].continue_()
    expect_message(page, "One face.")
    page.mouse.click(*at(page, 223, 126))
    expect(page.locator("#edge-weights")).to_contain_text("Edge weights of nose_tip", timeout=TIMEOUT)
    page.check("input[value=name]")
    page.set_input_files("#files", str(tmp_path / "again.jpg"))
    expect_message(page, "One face.")
    page.locator("#photos button").nth(0).click()
    page.check("input[value=edges]")
    page.locator("#photos button").nth(1).click()
    expect_message(page, "One face.")
    page.mouse.click(*at(page, 223, 126))
    expect(page.locator("#edge-weights")).to_contain_text("Edge weights of nose_tip", timeout=TIMEOUT)


def test_model_can_be_changed_for_the_last_camera_image(page, tmp_path):
    page.click("#sample")
    expect_message(page, "One face.")
    page.click("#camera")
    expect(page.locator("#times")).to_contain_text("frames/s", timeout=TIMEOUT)
    expect(page.locator("#photos button")).to_have_attribute("aria-pressed", "false")
    expect_message(page, "One face.")
    page.click("#camera")
    page.select_option("#model", "wflw98")
    page.focus("#view")
    expect_message(page, "One face.")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#message")).to_contain_text("97 ")


def test_points_of_a_tall_photo_are_in_its_own_pixels(page, tmp_path):
    tall = np.full((5000, 341, 3), 120, np.uint8)
    tall[4600:4941] = cv2.resize(cv2.imread(str(PHOTO))[0:300, 80:380], (341, 341))
    cv2.imwrite(str(tmp_path / "tall.png"), tall)
    page.set_input_files("#files", str(tmp_path / "tall.png"))
    expect_message(page, "One face.")
    (face,) = FaceAligner()(tmp_path / "tall.png")
    with page.expect_download() as waiting:
        page.click("[data-save=json]")
    points = np.array(json.loads(waiting.value.path().read_text(encoding="utf-8"))["faces"][0]["points"])
    np.testing.assert_allclose((points - face.points).mean(0), 0, atol=2)


def test_stroke_ends_without_a_pointerup_event(page):
    page.click("#sample")
    expect_message(page, "One face.")
    page.check("input[value=paint]")
    page.hover("#view", position={"x": 20, "y": 20})
    for kind, buttons, x in (("pointerdown", 2, 100), ("pointermove", 0, 300)):  # no pointerup: a menu received it
        page.evaluate(
            """([kind, buttons, x, y]) => {
                view.setPointerCapture = () => {}; // the pointer is not real
                view.dispatchEvent(new PointerEvent(kind, { clientX: x, clientY: y, buttons }));
            }""",
            [kind, buttons, *at(page, x, 450)],
        )
    assert pixel(page, 200, 450) != [138, 122, 108]


def test_middle_of_the_color_scale_is_yellow(page):
    face = {
        "scheme": "ibug68",
        "score": 0.9,
        "box": [100, 100, 200, 200],
        "points": [[150, 150]] * 68,
        "expected_errors": [4.0] * 68,
    }
    answer = {"model": "ibug68", "faces": [face], "milliseconds": {"decode": 1, "find": 1}}
    page.route("**/v1/align*", lambda route: route.fulfill(json=answer))
    page.click("#sample")
    expect_message(page, "One face.")
    assert pixel(page, 150, 150) == [255, 225, 77]


def test_token_may_contain_any_characters(browser, start_server):
    with start_server(env={"FACELATTICE_TOKEN": "schlüssel ключ"}) as (_, address):
        page = browser.new_page()
        page.goto(address)
        page.fill("#token", "schlüssel ключ")
        page.keyboard.press("Enter")
        expect(page.locator("#model option")).not_to_have_count(0)
        page.click("#sample")
        expect_message(page, "One face.")
        page.close()


def test_camera_sends_fewer_requests_while_the_server_is_busy(page):
    asked: list[str] = []

    def busy(route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, json={"detail": "busy"})

    page.route("**/v1/align*", busy)
    page.click("#camera")
    expect_message(page, "The server is busy. Try again in a moment.")
    page.wait_for_timeout(2000)
    assert len(asked) <= 4
    page.unroute("**/v1/align*")
    expect_message(page, "One face.")
    page.click("#camera")
