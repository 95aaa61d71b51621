from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facelattice.image_io import load_image

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
Write = Callable[..., Path]


@pytest.fixture
def write_clip(tmp_path) -> Write:
    """Writes (time, image) pairs into a video file, with three seconds of a tone under it if ``tone`` is a codec's
    name."""

    def write(
        name: str,
        frames: Iterable[tuple[float, np.ndarray]],
        codec: str = "libx264",
        tone: str = "",
        rate: int = 16000,
        layout: str = "mono",
        aspect: Fraction = Fraction(1),
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as out:
            video = sound = None
            for time, image in frames:
                if video is None:
                    video = out.add_stream(codec, rate=25, options={"crf": "12"} if codec == "libx264" else {})
                    video.height, video.width = image.shape[:2]
                    video.pix_fmt, video.codec_context.time_base = "yuv420p", Fraction(1, 1000)
                    video.codec_context.sample_aspect_ratio = aspect
                    if tone:
                        sound = out.add_stream(tone, rate=rate, layout=layout)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
            if sound is not None:
                wave = (8000 * np.sin(2 * np.pi * 440 * np.arange(rate * 3) / rate)).astype(np.int16)
                for start in range(0, len(wave), 1000):
                    piece = av.AudioFrame.from_ndarray(wave[None, start : start + 1000], format="s16", layout="mono")
                    piece.sample_rate, piece.pts, piece.time_base = rate, start, Fraction(1, rate)
                    out.mux(sound.encode(piece))
                out.mux(sound.encode(None))
        return path

    return write


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    return load_image(PHOTO)


@pytest.fixture(scope="session")
def view(photo) -> Callable[[float, float], np.ndarray]:
    """Views (240, 320) of the photo, from (x, y) on; its face fills 175 to 255 across and 85 to 180 down."""

    def cut(x: float, y: float) -> np.ndarray:
        matrix = np.array([[1.0, 0, -x], [0, 1, -y]])
        return cv2.warpAffine(photo, matrix, (320, 240), borderMode=cv2.BORDER_REFLECT)

    return cut
