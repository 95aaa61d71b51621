"""Eyes, teeth and tongue."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from facelattice_synthetic.assets import Assets
from facelattice_synthetic.head import Expression, Person, rotate_eyes
from facelattice_synthetic.noise import to_linear
from facelattice_synthetic.pose import Pose
from facelattice_synthetic.scene import Surface

BROWN_IRISES = ["brown", "brownlight"]
OTHER_IRISES = ["blue", "bluegreen", "deepblue", "green", "grey"]


def sample_inner_parts(
    assets: Assets, base: np.ndarray, person: Person, expression: Expression, pose: Pose, rng: Generator
) -> list[Surface]:
    """Draw eyes, teeth and tongue.

    Args:
        assets: The 3D assets.
        base: (V, 3), vertices of the base mesh.
        person: Sets the probability of colors of the eyes.
        expression: Sets the direction of the eyes.
        pose: Places them before the camera.
        rng: Random numbers.
    """
    iris = _sample_iris(assets, person, rng)
    eyes = rotate_eyes(assets.eyes.proxy.fit(base), base, expression.gaze)
    brightness = np.float32(rng.uniform(0.6, 1.1))
    teeth = to_linear(assets.teeth.texture[..., :3]) * np.array([1, 0.93, 0.78], np.float32) * brightness
    tongue = to_linear(assets.tongue.texture[..., :3]) * np.float32(0.5)
    return [
        Surface(kind, pose.apply(vertices), part.triangles, part.uv, texture, specular, shininess)
        for kind, part, vertices, texture, specular, shininess in (
            ("eyes", assets.eyes, eyes, iris, 0.5, 180.0),
            ("teeth", assets.teeth, assets.teeth.proxy.fit(base), teeth, 0.3, 40.0),
            ("tongue", assets.tongue, assets.tongue.proxy.fit(base), tongue, 0.2, 15.0),
        )
    ]


def _sample_iris(assets: Assets, person: Person, rng: Generator) -> np.ndarray:
    """Draw the texture of the eyes: brown, or any color with the probability of the group "caucasian"."""
    names = BROWN_IRISES + (OTHER_IRISES if rng.random() < person.groups[2] else [])
    texture = to_linear(assets.irises[f"{names[rng.integers(len(names))]}_eye"][..., :3])
    gray = texture.mean(2, keepdims=True)
    texture = gray + (texture - gray) * np.float32(rng.uniform(0.35, 0.8))
    return np.asarray(texture * np.float32(rng.uniform(0.4, 0.7)), np.float32)
