import io
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.exceptions import ImageError
from facelattice.image_io import find_images, load_image


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A smooth image (60, 80, 3) with different channels and corners, which JPEG keeps to a few gray levels."""
    y, x = np.mgrid[0:60, 0:80]
    return np.dstack([x * 3, y * 4, (x + y) * 1.5]).astype(np.uint8, order="C")


def encode(image: np.ndarray, suffix: str) -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def pil_bytes(image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def close(a: np.ndarray, b: np.ndarray, tolerance: int = 10) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and int(np.abs(a.astype(int) - b).max()) <= tolerance


@pytest.mark.parametrize("name", ["a.png", "b.jpg", "größe 顔.png", "no suffix"])
def test_a_file_is_read_as_rgb_whatever_its_name(tmp_path, photo, name):
    path = tmp_path / name
    path.write_bytes(encode(photo, ".jpg" if name.endswith("jpg") else ".png"))
    assert close(load_image(path), photo)
    assert close(load_image(str(path)), photo)


def test_shrink_decodes_a_smaller_image(tmp_path, photo):
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo, ".jpg"))
    small = load_image(path, shrink=4)
    assert close(small, cv2.resize(photo, (20, 15), interpolation=cv2.INTER_AREA))
    with pytest.raises(ValueError, match="1, 2, 4 or 8"):
        load_image(path, shrink=3)
    with pytest.raises(ValueError, match="files"):
        load_image(photo, shrink=2)


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_exif_rotation_is_applied_to_files_and_pil_images(tmp_path, photo, orientation):
    from PIL import Image

    undo = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](photo)))
    path.write_bytes(pil_bytes(stored, "JPEG", exif=exif, quality=95, subsampling=0))
    assert close(load_image(path), photo)
    assert close(load_image(Image.open(path)), photo)
    assert load_image(path, shrink=2).shape == (30, 40, 3)


def test_arrays_of_every_usual_kind(photo):
    assert np.array_equal(load_image(photo), photo)
    assert np.shares_memory(load_image(photo), photo)
    assert np.array_equal(load_image(photo[:, ::-1]), photo[:, ::-1])
    assert load_image(photo[:, ::-1]).flags.c_contiguous
    assert np.array_equal(load_image(photo.astype(np.uint16) * 257), photo)
    assert np.array_equal(load_image(photo.astype(np.float32) / 255), photo)
    gray = np.repeat(photo[:, :, :1], 3, axis=2)
    assert np.array_equal(load_image(photo[:, :, 0]), gray)
    assert np.array_equal(load_image(photo[:, :, :1]), gray)
    assert np.array_equal(load_image(np.dstack([photo, photo[:, :, 0]])), photo)
    assert load_image(np.zeros((1, 1), np.uint8)).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 5, 3), np.uint8), "not \\(0, 5, 3\\)"),
        (np.zeros((5, 5, 2), np.uint8), "not \\(5, 5, 2\\)"),
        (np.zeros((3, 50, 50), np.uint8), "move the channels to the end"),
        (np.zeros((2, 5, 5, 3), np.uint8), "\\(2, 5, 5, 3\\)"),
        (np.full((5, 5, 3), 200.0), "from 0 to 1, not 200 to 200"),
        (np.full((5, 5, 3), -0.5), "from 0 to 1"),
        (np.full((5, 5, 3), np.nan), "from 0 to 1"),
        (np.zeros((5, 5, 3), np.int64), "int64"),
        (np.array([["a"]]), "<U1"),
        ([[1, 2], [3, 4]], "not list"),
        (None, "not NoneType"),
    ],
)
def test_what_is_no_image_in_memory_is_refused(array, message):
    with pytest.raises(ImageError, match=message):
        load_image(array)


def test_gray_alpha_16_bit_palette_and_cmyk_files(tmp_path, photo):
    from PIL import Image

    def read(data: bytes) -> np.ndarray:
        path = tmp_path / "image"
        path.write_bytes(data)
        return load_image(path)

    pil = Image.fromarray(photo)
    luma = np.repeat(np.asarray(pil.convert("L"))[:, :, None], 3, axis=2)
    assert np.array_equal(read(pil_bytes(pil.convert("L"), "PNG")), luma)
    # Under the transparency lies the photo, and it is the photo that counts.
    clear = pil.convert("RGBA")
    clear.putalpha(Image.new("L", pil.size, 0))
    assert np.array_equal(read(pil_bytes(clear, "PNG")), photo)
    assert np.array_equal(read(cv2.imencode(".png", photo[:, :, ::-1].astype(np.uint16) * 257)[1].tobytes()), photo)
    assert close(read(pil_bytes(pil.convert("P", palette=Image.Palette.ADAPTIVE), "PNG")), photo, 40)
    assert close(read(pil_bytes(pil.convert("CMYK"), "JPEG", quality=95, subsampling=0)), photo)
    for suffix in (".bmp", ".tif", ".ppm"):
        assert np.array_equal(read(encode(photo, suffix)), photo)


def test_pil_images_of_every_mode(photo):
    from PIL import Image

    pil = Image.fromarray(photo)
    assert np.array_equal(load_image(pil), photo)
    assert np.array_equal(load_image(pil.convert("RGBA")), photo)
    assert close(load_image(pil.convert("CMYK")), photo)
    assert load_image(pil.convert("1")).shape == photo.shape
    assert load_image(pil.convert("LA")).shape == photo.shape
    deep = Image.fromarray(photo[:, :, 0].astype(np.uint16) * 257)  # PIL's own convert("RGB") makes this all white
    assert np.array_equal(load_image(deep)[:, :, 1], photo[:, :, 0])


def test_a_truncated_pil_image_is_named(tmp_path, photo):
    from PIL import Image

    path = tmp_path / "half.jpg"
    path.write_bytes(encode(np.tile(photo, (8, 8, 1)), ".jpg")[:-2000])
    with pytest.raises(ImageError, match=r"half\.jpg: cannot be read"):
        load_image(Image.open(path))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
@pytest.mark.parametrize("share", [0.999, 0.9, 0.5, 0.02])
def test_a_file_cut_short_is_an_error_and_no_half_gray_image(tmp_path, photo, suffix, share):
    path = tmp_path / f"cut{suffix}"
    data = encode(np.tile(photo, (8, 8, 1)), suffix)
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match=f"cut{suffix}: .*(cut short|damaged)"):
        load_image(path)


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_photo(tmp_path, photo):
    thumbnail = encode(photo, ".jpg")
    data = encode(np.tile(photo, (8, 8, 1)), ".jpg")
    header = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    whole = data[:2] + header + data[2:]
    path = tmp_path / "thumb.jpg"
    path.write_bytes(whole)
    assert load_image(path).shape == (480, 640, 3)
    path.write_bytes(whole + b"appended by a phone")
    assert load_image(path).shape == (480, 640, 3)
    path.write_bytes(whole[:-500])
    with pytest.raises(ImageError, match="cut short"):
        load_image(path)


def test_bad_files_are_named_with_the_reason(tmp_path):
    def reason(name: str, data: bytes | None = None) -> str:
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError) as caught:
            load_image(tmp_path / name)
        assert name in str(caught.value)
        return str(caught.value)

    assert "no such file" in reason("missing.jpg")
    assert "empty" in reason("empty.jpg", b"")
    assert "not an image" in reason("text.jpg", b"Dear Sir or Madam, " * 20)
    assert "not an image" in reason("zeros.png", bytes(5000))
    (tmp_path / "folder.jpg").mkdir()
    assert "folder" in reason("folder.jpg")


def test_a_image_beyond_opencv_is_too_large(tmp_path):
    path = tmp_path / "huge.ppm"
    path.write_bytes(b"P6 100000 100000 255\n" + bytes(1000))
    with pytest.raises(ImageError, match=r"huge\.ppm: .*too large"):
        load_image(path)


def test_a_large_photo_is_read(tmp_path):
    path = tmp_path / "large.jpg"
    path.write_bytes(cv2.imencode(".jpg", np.full((9000, 12000), 80, np.uint8))[1].tobytes())
    assert load_image(path, shrink=8).shape == (1125, 1500, 3)
    assert load_image(path).shape == (9000, 12000, 3)


def test_find_images(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "sub/c.jpeg", ".cache/d.jpg", "sub/more/e.webp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def names(*inputs: str | Path) -> list[str]:
        return [path.relative_to(tmp_path).as_posix() for path in find_images(inputs)]

    assert names(tmp_path) == ["a.PNG", "b.jpg", "sub/c.jpeg", "sub/more/e.webp"]
    assert names(tmp_path / "sub", tmp_path) == ["sub/c.jpeg", "sub/more/e.webp", "a.PNG", "b.jpg"]
    assert names(f"{tmp_path}/*") == ["a.PNG", "b.jpg"]
    assert names(f"{tmp_path}/**/*.jp*g") == ["b.jpg", "sub/c.jpeg"]
    assert names(tmp_path / "notes.txt", tmp_path / "gone.jpg", tmp_path / "gone.jpg") == ["notes.txt", "gone.jpg"]
    odd = tmp_path / "odd [1].jpg"
    odd.touch()
    assert names(odd) == ["odd [1].jpg"]
    for nothing in (tmp_path / ".cache" / "x", tmp_path / "none"):
        nothing.mkdir(parents=True)
        with pytest.raises(ImageError, match="no images found there"):
            find_images([nothing])
    with pytest.raises(ImageError, match=r"\*\.gif: no images"):
        find_images([f"{tmp_path}/*.gif"])
