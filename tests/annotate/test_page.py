"""The page of `facelattice annotate` in headless Chromium."""

from __future__ import annotations

import contextlib
import csv
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from facelattice.schemes import get_scheme

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
NAMES = "left_eye,right_eye,nose_tip,left_mouth,right_mouth"
TIMEOUT = 60_000  # milliseconds
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("table") / "points.csv"


@pytest.fixture(scope="module")
def address(start_annotate, photos, table) -> Iterator[str]:
    """A server that tests share; each works on images of its own."""
    with start_annotate(str(photos), "--points", NAMES, "-o", str(table)) as (_, address):
        yield address


@pytest.fixture
def open_page(browser):
    """Open a page on an image, in a window of its own; it must not print to the console or ask other hosts."""
    expect.set_options(timeout=TIMEOUT)
    problems: list[str] = []
    contexts = []

    def start(address: str, image: int, **options) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: "status of 4" in message.text or problems.append(message.text))
        page.on("request", lambda request: request.url.startswith(address) or problems.append(request.url))
        page.goto(f"{address}/#{image}")
        expect(page.locator("#message")).to_contain_text(
            f"{'wall' if image == 8 else f'view-{image:03}'}.png:", timeout=TIMEOUT
        )
        return page

    yield start
    for context in contexts:
        context.close()
    assert problems == []


def read_points(table: Path, image: str) -> list[np.ndarray]:
    """The faces of an image in the table, with NaN for absent points."""
    with open(table, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["image"].endswith(image)]
    return [
        np.array([[float(row[f"{axis}{i}"] or "nan") for axis in "xy"] for i in range(5)])
        for row in rows
        if row["visibility"]
    ]


def read_row(table: Path, image: str) -> dict[str, str]:
    with open(table, encoding="utf-8", newline="") as file:
        return next(row for row in csv.DictReader(file) if row["image"].endswith(image))


def expect_saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text("Saved")


def expect_next_image(page: Page, before: str) -> None:
    """Another image is open, not only asked for: until then keys act on the image before."""
    expect(page.locator("#message")).to_have_text(re.compile(rf"^(?!.*{before}).*\.png:"))


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """The position on the screen of a pixel of an image of 280 x 240 px that is fitted into the view."""
    box = page.locator("#view").bounding_box()
    scale = min((box["width"] - 16) / 280, (box["height"] - 16) / 240)
    return (
        box["x"] + (box["width"] - 280 * scale) / 2 + (x + 0.5) * scale,
        box["y"] + (box["height"] - 240 * scale) / 2 + (y + 0.5) * scale,
    )


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=3)
    page.mouse.up()


def test_a_point_is_dragged_and_the_drag_is_undone(open_page, address, table):
    page = open_page(address, 0)
    page.focus("#view")
    page.keyboard.press("n")
    page.keyboard.press("ArrowRight")  # so that the place of the point is known
    expect_saved(page)
    (before,) = read_points(table, "view-000.png")
    drag(page, before[2], (100, 90))
    expect_saved(page)
    (after,) = read_points(table, "view-000.png")
    np.testing.assert_allclose(after[2], (100, 90), atol=0.6)
    np.testing.assert_array_equal(np.delete(after, 2, 0), np.delete(before, 2, 0))
    assert read_row(table, "view-000.png")["done"] == "0"
    for button, expected in (("undo", before), ("redo", after), ("undo", before)):
        page.click(f"#{button}")
        expect_saved(page)
        expect(page.locator("#message")).to_contain_text("Move point 2")
        np.testing.assert_array_equal(read_points(table, "view-000.png")[0], expected)


def test_the_magnifier_is_beside_the_pointer(open_page, address):
    page = open_page(address, 0)
    page.focus("#view")
    page.keyboard.press("n")
    without = page.locator("#view").screenshot()
    page.keyboard.down("ArrowRight")
    page.wait_for_timeout(200)
    assert page.locator("#view").screenshot() != without
    page.keyboard.up("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect_saved(page)


def test_everything_by_keyboard(open_page, address, table):
    page = open_page(address, 1)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "view":
            break
    for key in ("n", "n", "Shift+ArrowDown", "h", "p", "x"):  # point 1 down and hidden, point 0 absent
        page.keyboard.press(key)
    expect(page.locator("#message")).to_have_text("0 left_eye, absent")
    expect_saved(page)
    assert read_row(table, "view-001.png")["visibility"] == "21000"
    (before,) = read_points(table, "view-001.png")
    for key in ("f", "ArrowLeft", "e", "e", "."):  # move, turn by 2 degrees, scale
        page.keyboard.press(key)
    expect_saved(page)
    (after,) = read_points(table, "view-001.png")
    offset, moved = before[2] - before[3], after[2] - after[3]
    assert np.linalg.norm(moved) == pytest.approx(1.01 * np.linalg.norm(offset), abs=0.01)
    angles = np.degrees([np.arctan2(y, x) for x, y in (offset, moved)])
    assert angles[1] - angles[0] == pytest.approx(2, abs=0.05)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("d")
    expect_next_image(page, "view-001")
    expect_saved(page)
    assert read_row(table, "view-001.png")["done"] == "1"
    page.keyboard.press("Shift+Tab")  # to the toolbar, whose buttons the arrows reach
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.closest('#toolbar') !== null")


def test_faces_are_drawn_placed_copied_and_removed(open_page, address, table):
    page = open_page(address, 8)
    expect(page.locator("#message")).to_contain_text("0 faces")
    page.click("[data-tool=box]")
    drag(page, (100, 60), (180, 160))
    expect(page.locator("#message")).to_contain_text("Face added")
    expect_saved(page)
    (drawn,) = read_points(table, "wall.png")
    assert np.nanmin(drawn, 0)[1] == pytest.approx(60, abs=12)
    page.click("#remove")
    expect_saved(page)
    page.click("[data-tool=place]")
    for x in range(5):
        page.mouse.click(*at(page, 40 + 30 * x, 200))
    expect(page.locator("#message")).to_contain_text("All points are placed")
    expect_saved(page)
    (placed,) = read_points(table, "wall.png")
    np.testing.assert_allclose(placed, [(40 + 30 * x, 200) for x in range(5)], atol=0.6)
    page.locator("#images button", has_text="view-002").click()
    expect(page.locator("#message")).to_contain_text("view-002.png: one face, suggested")
    page.click("#copy")
    expect(page.locator("#message")).to_have_text("Copy the faces of the image before.")
    expect_saved(page)
    np.testing.assert_array_equal(read_points(table, "view-002.png")[0], placed)
    page.focus("#view")
    page.keyboard.press("Delete")
    expect(page.locator("#faces")).to_have_text("No face yet.")
    expect(page.locator("#message")).to_have_text("Remove face 1.")
    expect_saved(page)
    assert read_points(table, "view-002.png") == []


@pytest.mark.slow
def test_two_windows_do_not_overwrite_each_other(open_page, address, table):
    first, second = open_page(address, 3), open_page(address, 3)
    old = second.request.get(f"{address}/api/project").text()
    second.route("**/api/project", lambda route: route.fulfill(body=old))  # it does not learn of the change by itself
    for page in (first, second):
        page.focus("#view")
        page.keyboard.press("n")
    first.keyboard.press("Shift+ArrowRight")
    expect_saved(first)
    saved = read_points(table, "view-003.png")
    second.keyboard.press("Shift+ArrowDown")
    expect(second.locator("#message")).to_contain_text("Not saved: this image was changed in another window")
    np.testing.assert_array_equal(read_points(table, "view-003.png"), saved)
    second.unroute("**/api/project")
    for _ in range(2):  # the page may be opening the image again, as an old answer made it do
        with second.expect_response("**/api/project"):
            pass
    second.keyboard.press("n")
    second.keyboard.press("ArrowDown")  # now based on the new state
    expect_saved(second)
    (after,) = read_points(table, "view-003.png")
    np.testing.assert_allclose(after[0] - saved[0][0], (0, 1), atol=1e-6)
    expect(first.locator("#message")).to_contain_text("changed in another window")


def test_points_are_renamed_and_paired(open_page, address, table):
    page = open_page(address, 4)
    page.click("#open-points")
    expect(page.get_by_label("Mirror partner of point 3")).to_have_value("4")
    page.get_by_label("Name of point 2").fill("tip")
    page.get_by_label("Mirror partner of point 3").select_option("2")
    page.click("#suggest")
    expect(page.get_by_label("Mirror partner of point 3")).to_have_value("4")
    page.get_by_label("Mirror partner of point 0").select_option("")
    page.click("#save-scheme")
    expect(page.locator("#scheme")).to_be_hidden()
    scheme = get_scheme(table.with_suffix(".yaml"))
    assert (scheme.names[2], scheme.pairs) == ("tip", ((3, 4),))
    page.click("#open-points")
    page.get_by_label("Name of point 2").fill("left_eye")
    page.click("#save-scheme")
    expect(page.locator("#scheme-error")).to_contain_text("'left_eye' occurs 2 times")


def test_export_and_training_that_cannot_start(open_page, address, table):
    page = open_page(address, 5)
    order: list[str] = []
    page.on("response", lambda response: response.request.method == "PUT" and order.append("saved"))
    page.on("request", lambda request: re.search(r"images/\d+$", request.url) and order.append(request.method))
    page.keyboard.press("d")
    expect_next_image(page, "view-005")
    assert order == ["PUT", "saved", "GET"]  # the suggestion for the next image includes this one
    page.click("#export")
    page.keyboard.press("Enter")  # the first format
    expect(page.locator("#message")).to_contain_text(re.compile("Written: .*points-coco.landmarks.json"))
    page.click("#open-training")
    expect(page.locator("#training-reason")).to_contain_text(re.compile("Training needs"))
    expect(page.locator("#start")).to_be_disabled()


def test_phone(open_page, address):
    page = open_page(address, 6, viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    view, done = (page.locator(name).bounding_box() for name in ("#view", "#done"))
    assert view["height"] > 250
    assert done["y"] + done["height"] < 780
    for button in page.locator("button:visible").all()[:12]:
        assert button.bounding_box()["height"] >= 44
    page.locator("#points button").nth(1).tap()
    expect(page.locator("#message")).to_have_text(re.compile("^1 right_eye"))


@pytest.mark.slow
def test_a_killed_server_loses_nothing_that_was_saved(open_page, start_annotate, photos, tmp_path):
    table = tmp_path / "points.csv"
    arguments = str(photos), "--points", NAMES, "-o", str(table)
    with contextlib.suppress(AssertionError), start_annotate(*arguments) as (process, address):
        page = open_page(address, 0)
        page.focus("#view")
        page.keyboard.press("n")
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        expect_saved(page)
        page.keyboard.press("d")
        expect_next_image(page, "view-000")
        saved = table.read_bytes()
        page.keyboard.press("n")
        page.close()
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        assert table.read_bytes() == saved
    with start_annotate(*arguments) as (_, address):
        page = open_page(address, 0)
        expect(page.locator("#message")).to_contain_text("done")
        expect(page.locator("#progress")).to_have_text("1 of 9 done")
        page.close()


@pytest.mark.slow
def test_training_from_the_page(open_page, start_annotate, photos, tmp_path, write_recipe):
    """Five images are done, a round is trained from a tiny model, and its model suggests the next image."""
    from facelattice.training.onnx_export import export
    from facelattice.training.training_run import train

    tiny = tmp_path / "tiny.onnx"
    export(train(write_recipe(epochs=1, network={"k": 3}), [], tmp_path / "tiny"), tiny)
    table = tmp_path / "points.csv"
    with start_annotate(str(photos), "--model", str(tiny), "-o", str(table)) as (_, address):
        page = open_page(address, 0)
        for done in range(1, 6):
            expect(page.locator("#message")).to_contain_text("one face, suggested by tiny")
            page.keyboard.press("d")
            expect(page.locator("#progress")).to_have_text(f"{done} of 9 done")
        page.click("#open-training")
        page.fill("#epochs", "2")
        expect(page.locator("#recipe")).to_contain_text("epochs: 2")  # shown before the start
        page.click("#start")
        expect(page.locator("#training-state")).to_contain_text("Round 1: epoch")
        expect(page.locator("#recipe")).to_contain_text("init_from")
        expect(page.locator("#training-state")).to_contain_text("Round 1 is finished", timeout=10 * TIMEOUT)
        expect(page.locator("#command")).to_contain_text("points-training/points.onnx")
        page.reload()
        expect(page.locator("#message")).to_contain_text("suggested by points")
        expect(page.locator("#points button")).to_have_count(68)
        page.close()
    assert (tmp_path / "points-training" / "points.onnx").is_file()


@pytest.mark.slow
def test_accessibility(open_page, address):
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm install --no-save axe-core")
    for scheme in ("light", "dark"):
        page = open_page(address, 7, color_scheme=scheme)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        page.focus("#view")
        page.keyboard.press("n")
        _check_accessibility(page, "image")
        page.click("#export")
        _check_accessibility(page, "menu")
        page.keyboard.press("Escape")
        for button in ("open-points", "open-training", "open-help"):
            page.click(f"#{button}")
            _check_accessibility(page, button)
            page.keyboard.press("Escape")
        page.set_viewport_size({"width": 390, "height": 780})
        _check_accessibility(page, "phone")


def _check_accessibility(page: Page, state: str) -> None:
    found = page.evaluate(
        "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.target)}`))"
    )
    assert found == [], state
