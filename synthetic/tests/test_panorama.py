from __future__ import annotations

import base64
import re

import numpy as np
import OpenEXR
import pytest
from facelattice_synthetic import AssetError, Config, FaceGenerator
from facelattice_synthetic.panorama import MEAN_BRIGHTNESS, PanoramaView, make_panorama, read_panoramas
from scipy.spatial.transform import Rotation

HEIGHT, WIDTH = 64, 128


def directions() -> tuple[np.ndarray, np.ndarray]:
    """The direction (H, W, 3) of each pixel, and its share of the sphere (H, 1)."""
    latitude = ((np.arange(HEIGHT) + 0.5) / HEIGHT - 0.5)[:, None] * np.pi
    longitude = ((np.arange(WIDTH) + 0.5) / WIDTH - 0.5) * 2 * np.pi
    x, z = np.sin(longitude) * np.cos(latitude), np.cos(longitude) * np.cos(latitude)
    return np.stack([x, np.broadcast_to(np.sin(latitude), x.shape), z], 2), np.cos(latitude) / (
        WIDTH * np.cos(latitude).sum()
    )


def colored_sky() -> np.ndarray:
    """A panorama (H, W, 3) that is bright above, red at the right and blue behind."""
    x, y, z = np.moveaxis(directions()[0], 2, 0)
    return np.stack([1.5 - y + 0.5 * x, 1.5 - y, 1.5 - y - 0.4 * z + 0.3 * x * x], 2)


def write_exr(path, image: np.ndarray) -> None:
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": np.asarray(image, np.float32)}).write(str(path))


def test_the_light_on_a_matte_surface_is_the_integral_over_the_panorama():
    panorama = make_panorama(colored_sky())
    rotation = Rotation.from_euler("YXZ", [70, 20, 10], degrees=True)
    normals = np.random.default_rng(0).normal(size=(20, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    sphere, shares = directions()
    cosines = np.clip(np.einsum("hwc,nc->nhw", sphere, rotation.apply(normals)), 0, None)
    expected = 4 * np.einsum("nhw,hwc,hw->nc", cosines, panorama.image, np.broadcast_to(shares, (HEIGHT, WIDTH)))
    light = PanoramaView(panorama, rotation, field_of_view=60, light=2.0).ambient(normals)
    np.testing.assert_allclose(light, 2 * expected, rtol=0.01)


def test_a_panorama_has_the_mean_brightness_and_no_sun():
    image = np.full((HEIGHT, WIDTH, 3), 0.01)
    image[10, 20] = 1e6
    panorama = make_panorama(image)
    assert panorama.image.max() < 21 * np.median(panorama.image)
    assert np.median(panorama.image) == pytest.approx(MEAN_BRIGHTNESS, rel=0.05)


def test_a_view_shows_what_is_ahead_upright():
    panorama = make_panorama(np.indices((HEIGHT, WIDTH))[[0, 0, 1]].transpose(1, 2, 0) + 1.0)
    factor = panorama.image[0, 0, 0]
    view = PanoramaView(panorama, Rotation.identity(), field_of_view=60, light=1).image(33)
    # The middle of the view is the middle of the panorama; the view is a sixth of its width and a third of its height.
    np.testing.assert_allclose(view[16, 16, [0, 2]] / factor, [HEIGHT / 2 + 0.5, WIDTH / 2 + 0.5], atol=0.1)
    np.testing.assert_allclose((view[16, 32, 2] - view[16, 0, 2]) / factor, WIDTH / 6 * 32 / 33, rtol=0.02)
    np.testing.assert_allclose((view[32, 16, 0] - view[0, 16, 0]) / factor, HEIGHT / 3 * 32 / 33, rtol=0.02)
    behind = PanoramaView(panorama, Rotation.from_euler("y", 90, degrees=True), 60, 1).image(33)
    np.testing.assert_allclose(behind[16, 16, 2] / factor, WIDTH * 3 / 4 + 0.5, atol=0.1)


def test_both_kinds_of_files_are_read(tmp_path):
    write_exr(tmp_path / "sky.exr", colored_sky())
    data = base64.b64encode((tmp_path / "sky.exr").read_bytes()).decode()
    (tmp_path / "other.exr.js").write_text(f"export default 'data:application/exr;base64,{data}'\n", encoding="ascii")
    script, plain = read_panoramas(tmp_path)
    np.testing.assert_array_equal(script.image, plain.image)
    np.testing.assert_allclose(plain.image / plain.image[0, 0], colored_sky() / colored_sky()[0, 0], rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.exr", b"", "not an OpenEXR image"),
        ("photo.exr", b"\xff\xd8\xff", "not an OpenEXR image"),
        ("module.exr.js", b"export default 1", "not an OpenEXR image"),
        ("data.exr.js", b"export default 'data:application/exr;base64,AAAA'", "not an OpenEXR image"),
    ],
)
def test_a_broken_file_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AssetError, match=f"^{re.escape(str(tmp_path / name))}: {message}"):
        read_panoramas(tmp_path)


@pytest.mark.parametrize(
    "image", [np.ones((32, 32, 3)), np.full((32, 64, 3), np.nan)], ids=["a square", "pixels that are no numbers"]
)
def test_an_image_that_is_no_panorama_is_named(tmp_path, image):
    write_exr(tmp_path / "image.exr", image)
    with pytest.raises(AssetError, match=r"image\.exr: not a panorama: \d+ x 32 px"):
        read_panoramas(tmp_path)


def test_a_generator_needs_panoramas_if_the_configuration_asks_for_some(assets, tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "folder", tmp_path)
    with pytest.raises(AssetError, match=r"no panoramas .* or set panorama=0$"):
        FaceGenerator(assets, Config())


def test_the_panorama_lights_the_face_and_is_its_background(assets, tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "folder", tmp_path)
    (tmp_path / "panoramas").mkdir()
    calm = Config(size=96, panorama=1, hat=0, mask=0, hand=0, object=0, dark=0, hard_light=0, gray=0, low_resolution=0)
    sums = []
    for color in ([1, 0.2, 0.2], [0.2, 0.2, 1]):
        write_exr(tmp_path / "panoramas" / "plain.exr", np.tile(color, (32, 64, 1)))
        face = FaceGenerator(assets, calm, seed=3)(1)
        nose, corner = face.image[tuple(face.points[54].astype(int)[::-1])], face.image[2, 2]
        sums.append((nose.astype(int), corner.astype(int)))
    (red_nose, red_corner), (blue_nose, blue_corner) = sums
    assert red_corner[0] > red_corner[2] + 30
    assert blue_corner[2] > blue_corner[0] + 30
    assert red_nose[0] - red_nose[2] > blue_nose[0] - blue_nose[2] + 20
