"""Tint the lips, and blur everything but the face: python examples/masks.py [IMAGE] [MODEL]."""

import sys
from pathlib import Path

import cv2
import numpy as np

from facelattice import FaceAligner, load_image, save_image

image = load_image(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("astronaut.jpg"))
model = sys.argv[2] if len(sys.argv) > 2 else "ibug68"

face = FaceAligner(model)(image)[0]
lips = face.mask("lips", soft_edge=3)[..., None] / 255
save_image("lips.jpg", np.uint8(image * (1 - 0.5 * lips) + np.array([200, 20, 60]) * 0.5 * lips))

inside = face.mask("face", forehead=True, soft_edge=20)[..., None] / 255
save_image("background.jpg", np.uint8(image * inside + cv2.GaussianBlur(image, (0, 0), 12) * (1 - inside)))
print("written: lips.jpg, background.jpg")
