"""Tint the lips, and blur everything but the face."""

from pathlib import Path

import cv2
import numpy as np

from facelattice import FaceAligner, load_image, save_image

image = load_image(Path(__file__).with_name("astronaut.jpg"))
face = FaceAligner()(image)[0]

lips = face.mask("lips", soft_edge=3)[..., None] / 255
save_image("astronaut_lips.jpg", np.uint8(image * (1 - 0.5 * lips) + np.array([200, 20, 60]) * 0.5 * lips))

inside = face.mask("face", forehead=True, soft_edge=20)[..., None] / 255
save_image("astronaut_background.jpg", np.uint8(image * inside + cv2.GaussianBlur(image, (0, 0), 12) * (1 - inside)))
