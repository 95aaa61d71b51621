from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from facelattice.exceptions import ImageError
from facelattice.serve.decode import FORMATS, decode


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_supported_formats(format, kind):
    data = io.BytesIO()
    Image.new("RGB", (40, 20), (200, 200, 200)).save(data, format)
    image = decode(kind(data.getvalue()))
    assert image.shape == (20, 40, 3)
    assert np.abs(image.astype(int) - 200).max() <= 3


def test_first_frame_of_an_animation():
    frames = [Image.fromarray(np.full((40, 40, 3), i % 250, np.uint8)) for i in range(30)]
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    assert decode(data.getvalue()).shape == (40, 40, 3)
    assert decode(data.getvalue()).max() == 0


def test_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[274] = 6
    data = io.BytesIO()
    Image.new("RGB", (40, 20)).save(data, "JPEG", exif=exif)
    assert decode(data.getvalue()).shape == (40, 20, 3)


def test_other_format_is_rejected():
    data = io.BytesIO()
    Image.new("RGB", (40, 20)).save(data, "TIFF")
    with pytest.raises(ImageError, match="not an image of a supported format"):
        decode(data.getvalue())


def test_message_about_too_many_pixels_names_no_option_of_the_server():
    data = io.BytesIO()
    Image.new("L", (8000, 7000)).save(data, "PNG")
    with pytest.raises(ImageError) as caught:
        decode(data.getvalue())
    text = "uploaded image: 8000 x 7000 is more than the limit of 50 million pixels; resize the image"
    assert str(caught.value) == text
