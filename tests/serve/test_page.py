"""The web page in headless Chromium: images, videos, camera, tools, exports, keys, error messages, accessibility."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.video.writer import VideoWriter

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "astronaut.jpg"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.browser

TIMEOUT = 60_000  # milliseconds
expect.set_options(timeout=TIMEOUT)
DROP = """async (files) => {
    const transfer = new DataTransfer();
    for (const [name, base64] of files) {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: "image/png" }));
    }
    view.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
}"""


def moving_photo(i: int) -> np.ndarray:
    """A frame of a moving photo, RGB (240, 320, 3)."""
    photo = load_image(PHOTO)
    return np.ascontiguousarray(photo[10 + i : 250 + i, 60 + 2 * i : 380 + 2 * i])


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> tuple[Path, Path]:
    """A second of the moving photo: as a file that Chromium uses as its camera, and as a video."""
    folder = tmp_path_factory.mktemp("clips")
    with open(folder / "clip.mjpeg", "wb") as file, VideoWriter(folder / "clip.mp4", 10) as writer:
        for i in range(10):
            frame = moving_photo(2 * i)
            file.write(cv2.imencode(".jpg", frame[..., ::-1])[1].tobytes())
            writer.write(frame, i / 10)
    return folder / "clip.mjpeg", folder / "clip.mp4"


@pytest.fixture(scope="module")
def browser(start_chromium, clips) -> Iterator[Browser]:
    """Chromium with the clip as its camera."""
    fake = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    with start_chromium(*fake, f"--use-file-for-fake-video-capture={clips[0]}") as browser:
        yield browser


@pytest.fixture
def token_address(start_server, tmp_path) -> Iterator[str]:
    """The address of a server with the token "schlüssel ключ"."""
    (tmp_path / "token.txt").write_text("schlüssel ключ\n", encoding="utf-8")
    with start_server("--token-file", str(tmp_path / "token.txt")) as (_, address):
        yield address


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: "Failed to load resource" in message.text or problems.append(message.text))
    page.on(
        "request", lambda request: request.url.startswith((address, "blob:", "data:")) or problems.append(request.url)
    )
    page.goto(address)
    yield page
    context.close()
    assert problems == []  # no error or message in the console, and no request to another host


def expect_message(page: Page, text: str) -> None:
    expect(page.locator("#message")).to_have_text(text, timeout=TIMEOUT)


def open_photo(page: Page) -> None:
    page.set_input_files("#files", str(PHOTO))
    expect_message(page, "One face.")


def at(page: Page, x: float, y: float, side: int = 512) -> tuple[float, float]:
    """The position on the screen of a pixel of a fitted square photo."""
    box = page.locator("#view").bounding_box()
    assert box is not None
    scale = (min(box["width"], box["height"]) - 16) / side
    left, top = ((box[name] - side * scale) / 2 for name in ("width", "height"))
    return box["x"] + left + (x + 0.5) * scale, box["y"] + top + (y + 0.5) * scale


def pixels(page: Page) -> np.ndarray:
    """The image of the view, RGB."""
    return load_image(Image.open(io.BytesIO(page.locator("#view").screenshot()))).astype(int)


def num_changed(before: np.ndarray, after: np.ndarray) -> int:
    return int((np.abs(before - after).max(2) > 60).sum())


def export(page: Page, *kinds: str, template: str = "upright") -> tuple[str, dict[str, bytes]]:
    """Export files of all images: the name of the download, and the content of each file."""
    page.click("#export-button")
    for kind in ("json", "csv", "coco", "pts", "dlib", "crops", "masks", "drawings"):
        page.set_checked(f"#export-kinds input[value={kind}]", kind in kinds)
    page.select_option("#template", template)
    with page.expect_download(timeout=TIMEOUT) as waiting:
        page.click("#export-dialog button[value=export]")
    name, path = waiting.value.suggested_filename, waiting.value.path()
    if not name.endswith(".zip"):
        return name, {name: path.read_bytes()}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return name, {file: archive.read(file) for file in archive.namelist()}


def test_point_neighbors_pose_and_measures(page):
    open_photo(page)
    details = page.locator("#details")
    expect(details).to_contain_text("yaw")
    expect(details).to_contain_text("68 of 68")
    expect(details).to_contain_text("mouth open")
    page.mouse.move(*at(page, 223, 126))
    expect(page.locator("#tip")).to_contain_text("30 nose_tip, expected error")
    asked: list[str] = []
    page.on("request", lambda request: "align" in request.url and asked.append(request.url))
    page.click("[data-tool=neighbors]")
    page.mouse.click(*at(page, 223, 126))
    expect(details).to_contain_text("Edge weights of nose_tip")
    assert ["edge_weights=true" in url for url in asked] == [True]
    rows = page.locator("#details table").first.locator("td.number").all_inner_texts()
    assert 95 <= sum(int(text.rstrip(" %")) for text in rows) <= 105
    before = pixels(page)
    for name in ("numbers", "axes"):
        page.click(f"#{name}")
        after = pixels(page)
        assert num_changed(before, after) > 150
        before = after
    page.locator("#samples-button").click()
    page.keyboard.press("ArrowDown")  # the second one
    page.keyboard.press("Enter")
    expect(page.locator("#queue li")).to_have_count(2)
    expect(page.locator("#tip")).to_be_hidden()  # it does not stay when the image changes
    expect_message(page, "One face.")
    page.select_option("#compare", "wflw98")
    expect(page.locator("#compare-labels")).to_have_text("ibug68wflw98")
    left = pixels(page)
    page.locator("#divide").fill("100")
    assert num_changed(left, pixels(page)) > 150


def test_zoom_and_pan(page):
    open_photo(page)
    page.focus("#view")
    page.keyboard.press("0")  # by key, so that the focus is visible in all screenshots
    fitted = pixels(page)
    page.mouse.dblclick(*at(page, 210, 120))  # fits the face
    face = pixels(page)
    assert num_changed(fitted, face) > 10_000
    page.mouse.dblclick(*at(page, 256, 256))
    page.keyboard.press("Escape")  # ends the selection
    page.hover("#view", position={"x": 5, "y": 5})
    assert num_changed(fitted, pixels(page)) < 300  # fits the image
    page.mouse.move(*at(page, 210, 120))
    page.mouse.wheel(0, -300)
    page.wait_for_function(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
    )
    zoomed = pixels(page)
    assert num_changed(fitted, zoomed) > 10_000
    page.mouse.down()
    page.mouse.move(*at(page, 230, 180), steps=3)
    page.mouse.up()
    assert num_changed(zoomed, pixels(page)) > 10_000
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    page.hover("#view", position={"x": 5, "y": 5})
    assert num_changed(fitted, pixels(page)) < 300
    page.evaluate(
        """([x, y]) => { // two fingers move apart
            view.setPointerCapture = () => {};
            const send = (kind, id, dx) => view.dispatchEvent(new PointerEvent(kind, {
                pointerId: id, pointerType: "touch", clientX: x + dx, clientY: y, buttons: 1, bubbles: true,
            }));
            send("pointerdown", 1, -150), send("pointerdown", 2, 150);
            for (let i = 0; i < 10; i++) send("pointermove", 1, -150 - 10 * i), send("pointermove", 2, 150 + 10 * i);
            send("pointerup", 1, -250), send("pointerup", 2, 250);
        }""",
        at(page, 256, 256),
    )
    assert num_changed(fitted, pixels(page)) > 10_000


def test_points_are_moved_by_mouse_and_keys_and_restored(page):
    open_photo(page)
    _, files = export(page, "json")
    original = json.loads(files["astronaut.json"])
    page.keyboard.press("m")
    page.mouse.move(*at(page, 223, 126))
    page.mouse.down()
    page.mouse.move(*at(page, 243, 136), steps=4)
    page.mouse.up()
    expect(page.locator("#undo")).to_have_attribute("title", "Undo: Move point 30")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("#details td.number").first).not_to_have_text(f"{original['faces'][0]['pose']['yaw']:.1f}°")
    _, files = export(page, "json")
    moved = np.subtract(json.loads(files["astronaut.json"])["faces"][0]["points"], original["faces"][0]["points"])
    np.testing.assert_allclose(moved[30], [23, 20], atol=1.5)
    assert not moved[:30].any()
    page.keyboard.press("Control+z")  # the keys are one step
    page.keyboard.press("Control+z")
    expect(page.get_by_role("status")).to_have_text("Undone: Move point 30.")
    expect(page.locator("#undo")).to_have_attribute("title", "Undo: Open astronaut.jpg")
    assert json.loads(export(page, "json")[1]["astronaut.json"]) == original
    page.keyboard.press("Control+Shift+z")
    page.focus("#view")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator("#message")).to_contain_text("0 left_jaw_0, expected error")
    page.keyboard.press("p")
    expect(page.locator("#message")).to_contain_text("67 ")


def png(image: np.ndarray) -> str:
    """The content of a PNG file, base64."""
    return base64.b64encode(cv2.imencode(".png", image[..., ::-1])[1].tobytes()).decode()


@pytest.mark.slow
def test_thirty_dropped_images_and_everything_exported(page, tmp_path):
    photo = load_image(PHOTO)
    blurred = cv2.GaussianBlur(photo, (0, 0), 6)
    walls = [(f"wall {i}.png", png(np.full((48, 64, 3), 5 * i, np.uint8))) for i in range(27)]
    pair = ("zwei Köpfe.png", png(np.hstack([photo, photo[:, ::-1]])))
    page.evaluate(DROP, [("sharp.png", png(photo)), *walls, pair, ("sharp.png", png(blurred))])
    expect(page.locator("#queue li")).to_have_count(30)
    expect(page.locator("#progress")).to_have_text("30 of 30 images done", timeout=2 * TIMEOUT)
    badges = page.locator("#queue .badge")
    assert [badges.nth(i).text_content() for i in (0, 1, 28, 29)] == ["1", "0", "2", "1"]
    page.focus("#view")
    page.keyboard.press("PageDown")
    expect_message(page, "No face was found in this image.")
    page.select_option("#order", "uncertain")
    # Their whole text: rows that were just moved have not been drawn yet, so they have no visible text.
    assert [badges.nth(i).text_content() for i in (0, 1, 2, 3)] in (["1", "2", "1", "0"], ["1", "1", "2", "0"])
    page.locator("#queue li button").first.click()
    expect_message(page, "One face.")
    page.click("#close")
    expect(page.locator("#queue li")).to_have_count(29)
    page.keyboard.press("Control+z")
    expect(page.locator("#queue li")).to_have_count(30)
    page.select_option("#order", "")
    name, files = export(page, "json", "csv", "coco", "pts", "dlib", "crops", "masks", "drawings", template="arcface")
    assert name == "facelattice.zip"
    pts = {"pts/sharp.pts", "pts/zwei Köpfe.pts", "pts/zwei Köpfe_1.pts", "pts/sharp (2).pts"}
    assert pts == {file for file in files if file.startswith("pts/")}
    (face,) = json.loads(files["json/sharp.json"])["faces"]
    assert (len(face["points"]), "edge_weights" in face, "crop_matrix" in face) == (68, False, False)
    (expected,) = FaceAligner()(photo)
    assert np.abs(face["points"] - expected.points).mean() < 1
    header, *rows = files["landmarks.csv"].decode().splitlines()
    assert header.startswith("image,face,score,x0,y0")
    assert header.endswith("brow_raise,size,visibility")
    assert [row.split(",")[0] for row in rows] == ["sharp.png", "zwei Köpfe.png", "zwei Köpfe.png", "sharp (2).png"]
    coco = json.loads(files["coco.json"])
    assert [len(coco[key]) for key in ("images", "annotations")] == [30, 4]
    assert b"<part name=" in files["dlib.xml"]
    crop = load_image(Image.open(io.BytesIO(files["crops/sharp_0.png"])))
    assert crop.shape == (112, 112, 3)
    assert np.abs(crop.astype(int) - expected.crop(template="arcface")).mean() < 6
    mask = np.array(Image.open(io.BytesIO(files["masks/sharp_0_face.png"])))
    assert np.abs(mask.astype(int) - expected.mask("face")).mean() < 2
    assert load_image(Image.open(io.BytesIO(files["drawings/sharp_faces.jpg"]))).shape == (512, 512, 3)
    page.click("#close-all")
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#export-button")).to_be_disabled()


def test_moved_points_and_hidden_faces_outlast_another_minimum_score(page, tmp_path):
    photo = cv2.imread(str(PHOTO))
    cv2.imwrite(str(tmp_path / "pair.png"), np.hstack([photo, photo[:, ::-1]]))
    page.set_input_files("#files", str(tmp_path / "pair.png"))
    expect_message(page, "2 faces.")
    page.get_by_role("button", name="Hide face 2").click()
    page.focus("#view")
    page.keyboard.press("m")
    page.keyboard.press("n")
    page.keyboard.press("Shift+ArrowRight")
    before = json.loads(export(page, "json")[1]["pair.json"])["faces"]
    page.locator("#min-score").fill("0.3")
    expect(page.locator("#undo")).to_have_attribute("title", "Undo: Change the minimum score")
    expect(page.get_by_role("button", name="Show face 2")).to_be_visible()
    after = json.loads(export(page, "json")[1]["pair.json"])["faces"]
    assert [face["points"] for face in after] == [face["points"] for face in before]


def test_opening_is_undone_and_redone(page):
    open_photo(page)
    page.click("#undo")
    expect(page.locator("#empty")).to_be_visible()
    page.click("#redo")
    expect_message(page, "One face.")
    expect(page.locator("#queue li")).to_have_count(1)


def test_settings_and_hidden_faces(page, tmp_path):
    photo = cv2.imread(str(PHOTO))
    cv2.imwrite(str(tmp_path / "pair.png"), np.hstack([photo, photo[:, ::-1]]))
    page.set_input_files("#files", str(tmp_path / "pair.png"))
    expect_message(page, "2 faces.")
    with_points = pixels(page)
    page.locator("#limit").fill("0.5")
    expect(page.locator("#limit-value")).to_have_text("0.5 %")
    assert num_changed(with_points, pixels(page)) > 150
    page.locator("#limit").fill("20")
    expect(page.locator("#limit-value")).to_have_text("no limit")
    page.get_by_role("button", name="Hide face 2").click()
    assert len(json.loads(export(page, "json")[1]["pair.json"])["faces"]) == 1
    page.click("#undo")
    expect(page.get_by_role("button", name="Hide face 2")).to_be_visible()
    page.locator("#min-score").fill("0.9")
    expect_message(page, "No face was found in this image.")
    page.click("#undo")
    expect_message(page, "2 faces.")
    page.select_option("#model", "wflw98")
    page.focus("#view")
    expect_message(page, "2 faces.")
    page.keyboard.press("p")
    expect(page.locator("#message")).to_contain_text("97 ")


def test_paint_by_mouse_and_keys(page):
    open_photo(page)
    open_photo(page)  # the same photo again
    expect(page.locator("#queue li")).to_have_count(2)
    error = page.locator("#faces b").nth(3)
    before = error.inner_text()
    page.click("[data-tool=paint]")
    page.mouse.move(*at(page, 200, 145))
    page.mouse.down()
    page.mouse.move(*at(page, 250, 148), steps=5)
    page.mouse.up()
    expect(error).not_to_have_text(before)
    assert float(error.inner_text().rstrip(" %")) > float(before.rstrip(" %"))
    page.click("#clear")
    expect(error).to_have_text(before)
    expect(page.locator("#clear")).to_be_disabled()
    page.focus("#view")
    page.keyboard.press("n")
    page.keyboard.press("Enter")  # paints over the point
    expect(page.locator("#clear")).to_be_enabled()
    page.keyboard.press("PageUp")
    expect(page.locator("#clear")).to_be_disabled()  # the paint stays with its image
    page.hover("#view", position={"x": 20, "y": 20})
    clean = pixels(page)
    for kind, buttons, x in (("pointerdown", 1, 100), ("pointermove", 0, 300)):  # no pointerup: a menu received it
        page.evaluate(
            """([kind, buttons, x, y]) => {
                view.setPointerCapture = () => {}; // the pointer is not real
                view.dispatchEvent(new PointerEvent(kind, { clientX: x, clientY: y, buttons, pointerId: 7 }));
            }""",
            [kind, buttons, *at(page, x, 450)],
        )
    assert num_changed(clean, pixels(page)) < 300


def test_video(page, clips):
    page.set_input_files("#files", [str(PHOTO), str(clips[1])])
    expect(page.locator("#queue")).to_contain_text("▶ 1")  # followed, though it is not shown
    page.click("#next")
    expect_message(page, "Followed one face.")
    expect(page.locator("#time-text")).to_contain_text("1 track")
    page.click("#step-forward")
    expect(page.locator("#time-text")).to_contain_text("0.1")
    expect(page.locator("#faces")).to_contain_text("#1")
    _, files = export(page, "json", "csv")
    lines = [json.loads(line) for line in files["clip.jsonl"].decode().splitlines()]
    assert [line["frame"] for line in lines] == list(range(10))
    points = np.array([line["faces"][0]["points"] for line in lines])
    np.testing.assert_allclose((points[-1] - points[0]).mean(0), [-36, -18], atol=3)  # as the photo moves
    header, *rows = files["clip.csv"].decode().splitlines()
    assert (header.split(",")[:4], len(rows)) == (["video", "frame", "time", "track"], 10)
    page.click("#keep-frame")
    expect_message(page, "One face.")
    expect(page.locator("#queue li")).to_have_count(3)


def test_camera(page):
    page.click("#camera")
    expect(page.locator("#rate")).to_contain_text("frames/s")
    expect_message(page, "One face.")
    expect(page.locator("#camera")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#faces")).to_contain_text("#1")  # followed
    rate, total, server = map(float, re.findall(r"[\d.]+", page.locator("#rate").inner_text()))
    assert 0 < server <= total  # milliseconds
    assert 0 < rate <= 1000 / server + 30
    page.click("#freeze")
    expect(page.locator("#camera")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#queue li")).to_have_count(1)
    expect_message(page, "One face.")
    page.click("#camera")
    expect(page.locator("#rate")).to_contain_text("frames/s")
    page.click("#record")
    page.wait_for_timeout(700)
    page.click("#record")
    expect(page.locator("#queue li")).to_have_count(2)
    expect_message(page, "Followed one face.")


def test_error_messages(page, tmp_path):
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    (tmp_path / "broken.jpg").write_bytes(PHOTO.read_bytes()[:50])
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    page.set_input_files("#files", str(tmp_path / "notes.txt"))
    expect_message(page, "notes.txt is not an image or a video.")
    page.set_input_files("#files", str(tmp_path / "broken.jpg"))
    expect_message(page, "broken.jpg cannot be read: it is damaged, or this browser does not support its format.")
    with open(tmp_path / "large.jpg", "wb") as file:
        file.truncate(61_000_000)
    page.set_input_files("#files", str(tmp_path / "large.jpg"))
    expect_message(page, "large.jpg is larger than 60 MB. Make it smaller first.")
    page.set_input_files("#files", [str(PHOTO), str(tmp_path / "notes.txt")])
    expect_message(page, "One face. notes.txt is not an image or a video.")
    page.set_input_files("#files", str(tmp_path / "broken.mp4"))
    expect(page.locator("#message")).to_contain_text("The video was rejected: the video cannot be read")
    expect(page.locator("#message")).not_to_contain_text("can be exported")


def test_unreachable_and_busy_server(page):
    expect(page.locator("#model option")).not_to_have_count(0)
    asked: list[str] = []

    def busy(route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, json={"detail": "busy"})

    page.route("**/v1/align*", busy)
    page.click("#camera")
    expect_message(page, "The server is busy. Try again in a moment.")
    page.wait_for_timeout(1500)
    assert len(asked) <= 4
    page.unroute("**/v1/align*")
    expect_message(page, "One face.")
    page.click("#camera")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("NotFoundError", "No camera was found."),
        ("NotAllowedError", "Access to the camera was denied. Allow it for this page in the browser."),
    ],
)
def test_camera_that_cannot_be_used(page, error, message):
    page.evaluate(
        "(name) => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name); }; }", error
    )
    page.click("#camera")
    expect_message(page, message)
    expect(page.locator("#camera")).to_have_attribute("aria-pressed", "false")


def test_points_of_large_and_tall_photos_are_in_their_own_pixels(page, tmp_path):
    tall = np.full((5000, 341, 3), 120, np.uint8)
    tall[4600:4941] = cv2.resize(cv2.imread(str(PHOTO))[0:300, 80:380], (341, 341))
    cv2.imwrite(str(tmp_path / "tall.png"), tall)
    page.set_input_files("#files", str(tmp_path / "tall.png"))
    expect_message(page, "One face.")
    (face,) = FaceAligner()(tmp_path / "tall.png")
    _, files = export(page, "json", "csv", "pts")
    points = np.array(json.loads(files["json/tall.json"])["faces"][0]["points"])
    np.testing.assert_allclose((points - face.points).mean(0), 0, atol=2)
    row = files["landmarks.csv"].decode().splitlines()[1].split(",")
    np.testing.assert_allclose(np.array(row[3 : 3 + 136], float).reshape(-1, 2), points, atol=0.01)
    x, y = map(float, files["pts/tall.pts"].decode().splitlines()[3].split())
    np.testing.assert_allclose([x - 1, y - 1], points[0], atol=0.01)


def test_colors_have_the_scale_of_the_legend(page):
    face = {
        "scheme": "ibug68",
        "score": 0.9,
        "box": [100, 100, 400, 400],
        "points": [[150, 150], [250, 250], *[[350, 350]] * 66],
        "expected_errors": [3.0, 3.0 * 8**0.5, *[24.0] * 66],  # 1, 2.8 and 8 % of 300 px
    }
    answer = {"model": "ibug68", "faces": [face], "milliseconds": {"decode": 1, "find": 1}}
    page.route("**/v1/align*", lambda route: route.fulfill(json=answer))
    open_photo(page)
    image, corner = pixels(page), page.locator("#view").bounding_box()
    colors = [
        image[round(y - corner["y"] - 0.5), round(x - corner["x"] - 0.5)]
        for x, y in (at(page, k, k) for k in (150, 250, 350))
    ]
    np.testing.assert_allclose(colors, [[64, 208, 255], [255, 225, 77], [255, 77, 94]], atol=12)
    expect(page.locator("#legend")).to_have_text("1 %8 %expected error / size of the face")


def test_token(browser, token_address):
    page = browser.new_page()
    page.goto(token_address)
    expect(page.locator("#token-dialog")).to_be_visible()
    expect(page.locator("#token-wrong")).to_be_hidden()
    page.keyboard.press("Escape")
    expect_message(page, "This server needs a token.")
    page.set_input_files("#files", str(PHOTO))
    page.fill("#token", "guess")
    page.keyboard.press("Enter")
    expect(page.locator("#token-wrong")).to_be_visible()
    page.fill("#token", "schlüssel ключ")
    page.keyboard.press("Enter")
    expect_message(page, "One face.")
    page.close()


@pytest.mark.parametrize("size", [(1280, 720), (360, 740)])
def test_nothing_important_is_below_the_fold(browser, address, size):
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.goto(address)
    backgrounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        backgrounds.append(page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))
    assert backgrounds[0] != backgrounds[1]
    page.evaluate(DROP, [("portrait.png", png(load_image(PHOTO)[:, 60:360]))])
    expect(page.locator("#queue .badge")).to_have_text("1", timeout=TIMEOUT)
    assert page.locator("html").evaluate("html => [html.scrollWidth, html.scrollHeight]") == list(size)
    for name in ("#message", "#tools", "#frame", "#queue", "#export-button", "#faces .face", "#min-score"):
        box = page.locator(name).bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size[1]
    assert page.locator("#frame").bounding_box()["height"] > 0.27 * size[1]
    assert page.locator("#tools").evaluate("tools => tools.scrollWidth <= tools.clientWidth")  # no tool is hidden
    page.set_viewport_size({"width": size[1], "height": size[0]})  # on its side
    assert page.locator("#stage").evaluate("stage => stage.scrollHeight <= stage.clientHeight")  # nothing is cut off
    context.close()


@pytest.mark.slow
def test_accessibility(browser, address, clips):
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm install --no-save axe-core")
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme=scheme)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.goto(address)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        expect(page.locator("#samples button")).to_have_count(6)
        _check_accessibility(page, "empty")
        page.locator("#samples button").nth(5).click()
        expect_message(page, "10 faces.")
        _check_accessibility(page, "crowd")
        page.keyboard.press("g")
        page.focus("#view")
        page.keyboard.press("n")
        expect(page.locator("#details")).to_contain_text("Edge weights")
        _check_accessibility(page, "neighbors")
        page.select_option("#compare", "wflw98")
        expect(page.locator("#divide")).to_be_visible()
        _check_accessibility(page, "compare")
        page.click("#samples-button")
        _check_accessibility(page, "menu")
        page.keyboard.press("Escape")
        page.set_input_files("#files", str(clips[1]))
        expect_message(page, "Followed one face.")
        _check_accessibility(page, "video")
        for dialog in ("export", "about"):
            page.click(f"#{dialog}-button")
            _check_accessibility(page, dialog)
            page.keyboard.press("Escape")
        page.click("#camera")
        expect(page.locator("#rate")).to_contain_text("frames/s")
        _check_accessibility(page, "camera")
        page.set_viewport_size({"width": 360, "height": 740})
        _check_accessibility(page, "phone")
        context.close()


def _check_accessibility(page: Page, state: str) -> None:
    found = page.evaluate(
        "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.target)}`))"
    )
    assert found == [], state


def test_accessible_names(page):
    open_photo(page)
    expect(page.locator("body")).to_match_aria_snapshot("""
      - banner:
        - heading "facelattice" [level=1]
        - button "Open"
        - button "Folder"
        - button "Camera"
        - button "Samples"
        - button "Export"
        - button /About/
      - main:
        - region "Image":
          - status: One face.
          - toolbar "Tools":
            - button "Inspect" [pressed]
            - button "Move"
            - button "Neighbors"
            - button "Paint"
            - button "Undo"
            - button "Redo" [disabled]
          - application /N and P select a point/
          - list "Opened images":
            - listitem:
              - button /astronaut.jpg, One face/
        - region "Settings and results":
          - combobox "Model"
          - combobox "Compare with"
          - slider "Min. score"
          - slider "Max. error"
          - list "Faces":
            - listitem:
              - button /Face 1 score 0\\.8\\d size 9\\d px expected error/ [pressed]
              - button "Hide face 1"
          - region "Selected face"
    """)
