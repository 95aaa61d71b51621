"""Time to decode image files with facelattice (Pillow) and with OpenCV, as a Markdown table.

    python benchmarks/decode.py DATA/300W/helen/testset  # --images 50

The images are JPEG files of the folder and PNG files made of them, in memory. "shrink" is the factor of
`load_image(shrink=)`; OpenCV decodes with its IMREAD_REDUCED flags. Times are milliseconds of CPU time per image on one
thread, the smallest of three rounds. Both decoders must return the same pixels at full size.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from facelattice.file_search import find_images
from facelattice.image_io import decode_image
from facelattice.inference.benchmark import describe_processor

ROUNDS = 3
FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def decode_with_opencv(data: bytes, shrink: int) -> np.ndarray:
    """Decode with OpenCV to RGB uint8 (H, W, 3)."""
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), FLAGS[shrink]), cv2.COLOR_BGR2RGB)


def decode_with_facelattice(data: bytes, shrink: int) -> np.ndarray:
    """Decode with facelattice to RGB uint8 (H, W, 3)."""
    return decode_image(data, "image", shrink=shrink)


def milliseconds(decode: Callable[[bytes, int], np.ndarray], files: list[bytes], shrink: int) -> float:
    """CPU time per image."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for data in files:
            decode(data, shrink)
        seconds.append(time.process_time() - start)
    return 1000 * min(seconds) / len(files)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=50)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    paths = [path for path in find_images([arguments.folder]) if path.suffix.lower() == ".jpg"][: arguments.images]
    jpeg = [path.read_bytes() for path in paths]
    images = [decode_with_facelattice(data, 1) for data in jpeg]
    png = [cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes() for image in images]
    for data, image in zip(jpeg, images, strict=True):
        if not np.array_equal(decode_with_opencv(data, 1), image):
            raise SystemExit("the decoders return different pixels")
    size = np.mean([image.shape[0] * image.shape[1] for image in images]) / 1e6
    print(f"{len(images)} images of {size:.2f} million pixels on average, one thread of {describe_processor()}\n")
    print("| format | shrink | facelattice, ms | OpenCV, ms |\n|---|---|---|---|")
    for name, files in (("JPEG", jpeg), ("PNG", png)):
        for shrink in FLAGS:
            ours = milliseconds(decode_with_facelattice, files, shrink)
            theirs = milliseconds(decode_with_opencv, files, shrink)
            print(f"| {name} | {shrink} | {ours:.2f} | {theirs:.2f} |")


if __name__ == "__main__":
    main()
