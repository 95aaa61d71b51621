import base64
import io
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest
from PIL import Image

from facelattice import geometry
from facelattice.exceptions import ArgumentError, ImageError
from facelattice.file_search import find_images
from facelattice.image_formats import FORMATS
from facelattice.image_io import decode_image, image_size, load_image, save_image

UNDO_ORIENTATION = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p, -1),
}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A smooth image (60, 80, 3) with different channels and corners, which JPEG changes by a few gray levels."""
    y, x = np.mgrid[0:60, 0:80]
    return np.dstack([x * 3, y * 4, (x + y) * 1.5]).astype(np.uint8, order="C")


def encode(image: np.ndarray, format: str, **options) -> bytes:
    return pil_bytes(Image.fromarray(np.ascontiguousarray(image)), format, **options)


def pil_bytes(image: Image.Image, format: str, **options) -> bytes:
    if format in ("JPEG", "WEBP", "AVIF", "HEIF"):
        options = {"quality": 95, **options}
    if format == "HEIF":
        pytest.importorskip("pillow_heif", reason="needs pillow_heif").register_heif_opener()
        options = {"chroma": 444, **options}
        if "exif" in options:
            options["exif"] = options["exif"].tobytes()  # otherwise the encoder does not see the orientation
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def close(a: np.ndarray, b: np.ndarray, tolerance: int = 10) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and int(np.abs(a.astype(int) - b).max()) <= tolerance


# --- files


@pytest.mark.parametrize("name", ["a.png", "b.jpg", "größe 顔.png", "no suffix"])
def test_path_of_any_name_is_loaded_as_rgb(tmp_path, photo, name):
    path = tmp_path / name
    path.write_bytes(encode(photo, "JPEG" if name.endswith("jpg") else "PNG"))
    for source in (path, str(path)):
        image = load_image(source)
        assert close(image, photo)
        assert image.flags.writeable
        assert image.flags.c_contiguous


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_decoded(photo, format):
    tolerance = {"JPEG": 10, "WEBP": 14, "AVIF": 16, "HEIF": 16, "GIF": 64, "JPEG2000": 0}.get(format, 0)
    assert close(decode_image(encode(photo, format), "photo"), photo, tolerance)


def test_only_the_requested_formats_are_decoded(photo):
    data = encode(photo, "TIFF")
    with pytest.raises(ImageError, match=r"upload: not an image of a supported format \(JPEG, PNG\)"):
        decode_image(data, "upload", formats=("JPEG", "PNG"))


def test_gray_alpha_16_bit_palette_and_cmyk_files(photo):
    def decode(image: Image.Image, format: str) -> np.ndarray:
        return decode_image(pil_bytes(image, format), "image")

    pil = Image.fromarray(photo)
    gray = np.repeat(np.asarray(pil.convert("L"))[:, :, None], 3, axis=2)
    for format in ("PNG", "TIFF", "BMP", "PPM", "GIF"):
        assert np.array_equal(decode(pil.convert("L"), format), gray)
    assert close(decode(pil.convert("L"), "JPEG"), gray, 4)
    transparent = pil.convert("RGBA")
    transparent.putalpha(Image.new("L", pil.size, 0))
    assert np.array_equal(decode(transparent, "PNG"), photo)
    deep = photo[:, :, 0].astype(np.uint16) * 257
    for format in ("PNG", "TIFF", "PPM"):
        assert np.array_equal(decode(Image.fromarray(deep), format)[:, :, 1], photo[:, :, 0])
    deep_rgb = cv2.imencode(".png", photo[:, :, ::-1].astype(np.uint16) * 257)[1].tobytes()
    assert np.array_equal(decode_image(deep_rgb, "image"), photo)
    assert close(decode(pil.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"), photo, 40)
    assert close(decode(pil.convert("CMYK"), "JPEG"), photo, 14)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF", "AVIF", "TIFF"])
def test_first_frame_of_an_animation(photo, format):
    frames = [Image.fromarray(frame) for frame in (photo, 255 - photo)]
    data = pil_bytes(frames[0], format, save_all=True, append_images=frames[1:])
    assert close(decode_image(data, "animation"), photo, 64 if format == "GIF" else 16)


# --- orientation


@pytest.mark.parametrize("orientation", UNDO_ORIENTATION)
def test_exif_orientation_of_files_and_pil_images(photo, orientation):
    stored = UNDO_ORIENTATION[orientation](photo)
    data = encode(stored, "JPEG", exif=exif(orientation), subsampling=0)
    assert close(decode_image(data, "photo"), photo)
    pil = Image.open(io.BytesIO(data))
    assert close(load_image(pil), photo)
    assert pil.size == stored.shape[1::-1]  # the caller's image is unchanged
    assert close(decode_image(data, "photo", shrink=2), block_means(photo, 2))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_exif_orientation_of_other_formats(photo, format, orientation):
    data = encode(UNDO_ORIENTATION[orientation](photo), format, exif=exif(orientation))
    assert close(decode_image(data, "photo"), photo, 16)
    assert close(decode_image(data, "photo", shrink=4), block_means(photo, 4), 16)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_exif_orientation_of_animations(photo, format):
    frame = Image.fromarray(np.ascontiguousarray(UNDO_ORIENTATION[6](photo)))
    data = pil_bytes(frame, format, exif=exif(6), save_all=True, append_images=[Image.new("RGB", frame.size)])
    assert close(decode_image(data, "photo"), photo, 16)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_size_is_that_of_the_upright_image(tmp_path, photo, format, orientation):
    path = tmp_path / "photo"
    path.write_bytes(encode(UNDO_ORIENTATION[orientation](photo), format, exif=exif(orientation)))
    assert image_size(path) == (80, 60)


def test_size_of_bad_files(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_bytes(b"hello")
    for name, message in (("empty.jpg", "is empty"), ("text.jpg", "not an image"), ("none.jpg", "no such file")):
        with pytest.raises(ImageError, match=rf"{name}: .*{message}"):
            image_size(tmp_path / name)


@pytest.mark.parametrize("orientation", [0, 9, 1000])
def test_invalid_exif_orientation_is_ignored(photo, orientation):
    assert close(decode_image(encode(photo, "JPEG", exif=exif(orientation)), "photo"), photo, 16)


# --- shrink


def block_means(image: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of an image whose sides are multiples of ``factor``."""
    height, width = image.shape[0] // factor, image.shape[1] // factor
    return np.rint(image.reshape(height, factor, width, factor, 3).mean((1, 3))).astype(np.uint8)


@pytest.mark.parametrize("shrink", [2, 4, 8])
@pytest.mark.parametrize(("format", "orientation"), [*((format, 1) for format in FORMATS), ("JPEG", 3), ("TIFF", 6)])
def test_shrink_does_not_move_points(format, orientation, shrink):
    """A bright spot far from the origin, in an image whose sides are not multiples of ``shrink``."""
    center = np.array([233.0, 171.0])
    y, x = np.mgrid[:195, :251]
    spot = 255 * np.exp(-((x - center[0]) ** 2 + (y - center[1]) ** 2) / (2 * 6**2))
    upright = np.repeat(spot.astype(np.uint8)[..., None], 3, axis=2)
    data = encode(
        UNDO_ORIENTATION[orientation](upright), format, **({"exif": exif(orientation)} if orientation > 1 else {})
    )
    small = decode_image(data, "spot", shrink=shrink)[..., 0].astype(float)
    assert small.shape == (-(-195 // shrink), -(-251 // shrink))
    small = np.maximum(small - 20, 0)  # less compression noise; a step at 20 would move the center by 0.25 px
    rows, columns = np.mgrid[: small.shape[0], : small.shape[1]]
    found = np.array([(columns * small).sum(), (rows * small).sum()]) / small.sum()
    found = geometry.apply(geometry.invert(geometry.downscale_transform(shrink)), found)
    np.testing.assert_allclose(found, center, atol=0.1)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (7, 9), (16, 5)])
def test_shrink_of_tiny_jpeg_files(size):
    data = encode(np.full((size[1], size[0], 3), 90, np.uint8), "JPEG")
    image = decode_image(data, "tiny", shrink=8)
    assert image.shape == (-(-size[1] // 8), -(-size[0] // 8), 3)
    assert np.abs(image.astype(int) - 90).max() <= 2


def test_shrink_of_a_multi_picture_jpeg(photo):
    pil = Image.fromarray(photo)
    data = pil_bytes(pil, "MPO", save_all=True, append_images=[Image.new("RGB", (40, 30))], quality=95)
    assert close(decode_image(data, "photo"), photo, 14)
    assert close(decode_image(data, "photo", shrink=4), block_means(photo, 4), 14)


def test_wrong_shrink_is_rejected(tmp_path, photo):
    (tmp_path / "a.png").write_bytes(encode(photo, "PNG"))
    with pytest.raises(ArgumentError, match="must be 1, 2, 4 or 8, not 3"):
        load_image(tmp_path / "a.png", shrink=3)
    with pytest.raises(ArgumentError, match="only for files"):
        load_image(photo, shrink=2)


# --- damaged and hostile files


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "WEBP", "AVIF", "TIFF", "HEIF"])
@pytest.mark.parametrize("share", [0.998, 0.9, 0.5, 0.02])
def test_truncated_file_is_rejected(tmp_path, format, share):
    noise = np.random.default_rng(0).integers(0, 256, (200, 150, 3), dtype=np.uint8)
    data = encode(noise, format)
    path = tmp_path / "truncated"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match=r"truncated: .*(cut short|cannot be read)"):
        load_image(path)


def test_png_without_its_end_marker_is_complete(photo):
    assert np.array_equal(decode_image(encode(photo, "PNG")[:-12], "photo"), photo)


def test_thumbnail_does_not_hide_a_truncated_jpeg(photo):
    thumbnail, data = encode(photo, "JPEG"), encode(np.tile(photo, (8, 8, 1)), "JPEG")
    data = data[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + data[2:]
    assert decode_image(data, "photo").shape == (480, 640, 3)
    assert decode_image(data + b"appended by a phone", "photo").shape == (480, 640, 3)
    with pytest.raises(ImageError, match="cut short"):
        decode_image(data[:-500], "photo")


def test_fill_bytes_before_jpeg_markers_are_accepted(photo):
    data = encode(photo, "JPEG")
    tables = data.index(b"\xff\xdb")
    filled = data[:tables] + b"\xff\xff\xff" + data[tables:-2] + b"\xff\xff" + data[-2:]
    assert np.array_equal(decode_image(filled, "photo"), decode_image(data, "photo"))


def test_bad_files_are_rejected_with_the_reason(tmp_path):
    def message(name: str, data: bytes | None = None) -> str:
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError) as caught:
            load_image(tmp_path / name)
        assert name in str(caught.value)
        return str(caught.value)

    assert "no such file" in message("missing.jpg")
    assert "empty" in message("empty.jpg", b"")
    assert "not an image" in message("text.jpg", b"Dear Sir or Madam, " * 20)
    assert "not an image" in message("zeros.png", bytes(5000))
    assert "not an image" in message("clip.jpg", b"\0\0\0\x18ftypisom" + bytes(100))
    (tmp_path / "folder.jpg").mkdir()
    assert "is a folder" in message("folder.jpg")


def test_heic_needs_an_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # not installed
    path = tmp_path / "phone.jpg"  # the content decides
    for data in (b"\0\0\0\x18ftypheic" + bytes(100), b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(100)):
        path.write_bytes(data)
        with pytest.raises(ImageError, match=r'phone\.jpg: is a HEIC photo; run: pip install "facelattice\[heif\]"'):
            load_image(path)
        with pytest.raises(ImageError, match="upload: is a HEIC photo; convert it to JPEG or PNG"):
            decode_image(data, "upload", formats=("JPEG", "PNG"))
    path.write_bytes(b"text")
    with pytest.raises(ImageError, match=r"not an image of a supported format \(JPEG, .*PPM\)$"):
        load_image(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_device_is_not_an_image():
    with pytest.raises(ImageError, match="/dev/zero: is a device, not an image"):
        load_image("/dev/zero")


def test_file_that_is_larger_than_any_image_is_named_before_it_is_read(tmp_path):
    path = tmp_path / "disk.jpg"
    with open(path, "wb") as file:
        file.truncate(20_000_000_000)  # a sparse file
    with pytest.raises(ImageError, match=r"disk\.jpg: has 20\.0 GB, more than an image of 50 million pixels needs"):
        load_image(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_fifo_given_by_name_is_read(tmp_path, photo):
    """As bash passes `facelattice align <(command)`."""
    os.mkfifo(tmp_path / "fifo")
    writer = Thread(target=(tmp_path / "fifo").write_bytes, args=[encode(photo, "PNG")])
    writer.start()
    assert np.array_equal(load_image(tmp_path / "fifo"), photo)
    writer.join()


@pytest.mark.parametrize(
    "url", ["https://example.org/a.jpg", "HTTP://example.org/a.jpg", "s3://bucket/a.jpg", "data:image/png;base64,iVBO"]
)
def test_urls_are_not_fetched(url):
    for load in (load_image, lambda source: find_images([source])):
        with pytest.raises(ImageError, match=f"{url}: URLs are not fetched"):
            load(url)


def test_empty_path_is_rejected():
    for load in (load_image, lambda source: find_images([source])):
        with pytest.raises(ImageError, match="path of the image is empty"):
            load("")


def test_max_pixels(tmp_path, photo):
    path = tmp_path / "large.jpg"
    path.write_bytes(encode(np.full((7000, 8000), 80, np.uint8), "JPEG"))
    with pytest.raises(ImageError, match=r"large\.jpg: 8000 x 7000 is more than the limit of 50 million pixels"):
        load_image(path, shrink=8)
    assert load_image(path, shrink=8, max_pixels=56_000_000).shape == (875, 1000, 3)
    assert decode_image(encode(photo, "PNG"), "photo", max_pixels=4800).shape == photo.shape
    # Without the option that raises the limit: clients of the service have none.
    with pytest.raises(ImageError, match=r"limit of 0\.004799 million pixels; resize the image$"):
        decode_image(encode(photo, "PNG"), "photo", max_pixels=4799)
    with pytest.raises(
        ImageError, match=r"resize the image, or raise the limit \(max_pixels; align: --max-megapixels\)$"
    ):
        load_image(path)


HOSTILE_FILES = {
    # 160 x 160 pixels, and a data chunk that claims to have 4 GB
    "chunk.png": "iVBORw0KGgoAAAANSUhEUgAAAKAAAACgCAYAAACLz2ct////8ElEQVR4eHh4SUVORA==",
    "header.gif": "R0lGODlhAH0AfYAAAAAAAAAAACwAAAAAAH0AfQAAAkwBADs=",  # 32000 x 32000
    "header.webp": "UklGRiYAAABXRUJQVlA4TBkAAAAv/r//DwAAAAAAAAAAAAAAAAAAAAAAAAAA",  # 16383 x 16383
    "header.bmp": "Qk1kAAAAAAAAADYAAAAoAAAAoIYBAKCGAQABABgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",  # 100000 x 100000
    "header.ppm": base64.b64encode(b"P6 100000 100000 255\n" + bytes(100)).decode(),
}


def test_tiny_files_with_huge_headers_are_rejected_without_allocating_memory():
    pytest.importorskip("resource")
    pytest.importorskip("psutil", reason="needs psutil")
    code = f"""
import base64, psutil, resource
from facelattice.exceptions import ImageError
from facelattice.image_io import decode_image

limit = psutil.Process().memory_info().vms + 500 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for name, text in {HOSTILE_FILES!r}.items():
    try:
        decode_image(base64.b64decode(text), name)
    except ImageError as error:
        print(name, "allocation" if isinstance(error.__cause__, MemoryError) else "rejected")
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines() == [f"{name} rejected" for name in HOSTILE_FILES]


# --- arrays and PIL images


def test_arrays_of_all_accepted_types(photo):
    assert np.array_equal(load_image(photo), photo)
    assert np.shares_memory(load_image(photo), photo)
    assert np.array_equal(load_image(photo[:, ::-1]), photo[:, ::-1])
    assert load_image(photo[:, ::-1]).flags.c_contiguous
    for dtype in ("<u2", ">u2"):
        assert np.array_equal(load_image((photo.astype(np.uint16) * 257).astype(dtype)), photo)
    for dtype in (np.float32, np.float64):
        assert np.array_equal(load_image((photo / 255).astype(dtype)), photo)
    gray = np.repeat(photo[:, :, :1], 3, axis=2)
    assert np.array_equal(load_image(photo[:, :, 0]), gray)
    assert np.array_equal(load_image(photo[:, :, :1]), gray)
    assert np.array_equal(load_image(np.dstack([photo, photo[:, :, 0]])), photo)
    assert load_image(np.zeros((1, 1), np.uint8)).shape == (1, 1, 3)


def test_rounding_errors_of_float_arrays_are_accepted():
    array = np.array([[np.nextafter(np.float32(1), np.float32(2)), 1.0015, -1e-9, -0.0015]], np.float32)
    assert load_image(array)[0, :, 0].tolist() == [255, 255, 0, 0]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 5, 3), np.uint8), "not \\(0, 5, 3\\)"),
        (np.zeros((5, 5, 2), np.uint8), "not \\(5, 5, 2\\)"),
        (np.zeros((3, 50, 50), np.uint8), "move the channels to the end"),
        (np.zeros((2, 5, 5, 3), np.uint8), "\\(2, 5, 5, 3\\)"),
        (np.full((5, 5, 3), 200.0), "from 0 to 1, not 200 to 200"),
        (np.full((5, 5, 3), 1.01), r"not 1\.01 to 1\.01"),
        (np.full((5, 5, 3), -0.5), "from 0 to 1"),
        (np.full((5, 5, 3), np.nan), "from 0 to 1"),
        (np.zeros((5, 5, 3), np.int64), "int64"),
        (np.array([["a"]]), "<U1"),
        ([[1, 2], [3, 4]], "not list"),
        (None, "not NoneType"),
    ],
)
def test_other_objects_are_rejected(array, message):
    with pytest.raises(ImageError, match=message):
        load_image(array)


def test_pil_images_of_many_modes(photo):
    pil = Image.fromarray(photo)
    assert np.array_equal(load_image(pil), photo)
    assert np.array_equal(load_image(pil.convert("RGBA")), photo)
    assert close(load_image(pil.convert("CMYK")), photo)
    assert load_image(pil.convert("1")).shape == photo.shape
    assert load_image(pil.convert("LA")).shape == photo.shape
    deep = Image.fromarray(photo[:, :, 0].astype(np.uint16) * 257)  # convert("RGB") would make it white
    assert np.array_equal(load_image(deep)[:, :, 1], photo[:, :, 0])
    assert np.array_equal(load_image(Image.fromarray(photo[:, :, 0] / np.float32(255)))[:, :, 1], photo[:, :, 0])


@pytest.mark.parametrize("factor", [1, 257])
def test_pil_mode_i_with_8_or_16_bit_values(photo, factor):
    pil = Image.fromarray(photo[:, :, 0].astype(np.int32) * factor)
    assert pil.mode == "I"
    assert np.array_equal(load_image(pil)[:, :, 1], photo[:, :, 0])


@pytest.mark.parametrize(("low", "high"), [(-1, 200), (0, 65536)])
def test_pil_mode_i_with_other_values_is_rejected(low, high):
    with pytest.raises(ImageError, match=f"not {low} to {high}"):
        load_image(Image.fromarray(np.array([[low, high]], np.int32)))


def test_truncated_pil_image_is_rejected(tmp_path, photo):
    path = tmp_path / "half.jpg"
    path.write_bytes(encode(np.tile(photo, (8, 8, 1)), "JPEG")[:-2000])
    with pytest.raises(ImageError, match=r"half\.jpg: the JPEG image is cut short or damaged"):
        load_image(Image.open(path))


# --- save_image


@pytest.mark.parametrize("name", ["a.png", "new folder/a.bmp", "no suffix"])
def test_saved_image_is_loaded_again(tmp_path, photo, name):
    save_image(tmp_path / name, photo)
    assert np.array_equal(load_image(tmp_path / name), photo)
    with pytest.raises(FileExistsError):
        save_image(tmp_path / name, photo, overwrite=False)


def test_image_that_cannot_be_saved(tmp_path, photo):
    with pytest.raises(ImageError, match=r"a\.xyz: an image of 80 x 60 px cannot be written as \.xyz"):
        save_image(tmp_path / "a.xyz", photo)
    with pytest.raises(ImageError, match=r"70000 x 1 px cannot be written as \.jpg"):
        save_image(tmp_path / "a.jpg", np.zeros((1, 70_000, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
