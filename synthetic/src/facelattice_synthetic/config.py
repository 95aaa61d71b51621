"""What the faces look like: probabilities and ranges of every kind of variety."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Probabilities (0 to 1), ranges and sizes. Lengths are in decimeters, angles in degrees.

    Attributes:
        size: Side of the images in pixels.
        supersampling: Factor by which the images are rendered larger.
        face_share: Range of the side of the landmarks' box, as a share of the image's side.
        off_center: Largest distance of the face from the center, as a share of the image's side.
        child: Probability of a child.
        identity_deviation: Standard deviation of the sliders of the face; 1 is their end.
        expression: Probability that a face moves at all.
        open_mouth: Probability of an open mouth.
        closed_eyes: Probability of closed eyes.
        looking_aside: Probability that the eyes don't look ahead.
        wide_pose: Probability of a yaw from -95 to 95; the others are normal with a deviation of 16.
        any_roll: Probability of a roll from -180 to 180; the others are normal with a deviation of 10.
        distance: Range of the camera's distance.
        make_up: Probability of make-up, for a woman's face.
        beard: Probability of a beard or stubble, for a man's face.
        hair: Probability of hair.
        hat: Probability of a hat, a cap or a scarf.
        glasses: Probability of glasses.
        dark_glasses: Probability that glasses are dark.
        mask: Probability of a mask over mouth and nose.
        hand: Probability of a hand before the face.
        thing: Probability of another thing before the face.
        hard_light: Probability of a strong light with hard shadows.
        dark: Probability of a dark image.
        colored_light: Probability of lights of strong colors.
        photo_background: Probability of one of scikit-image's pictures as background.
        defocus: Probability of defocus.
        motion_blur: Probability of motion blur.
        low_resolution: Probability of a loss of resolution.
        gray: Probability of a gray image.
        jpeg_quality: Range of the quality of the files.
    """

    size: int = 256
    supersampling: int = 2
    face_share: tuple[float, float] = (0.5, 0.72)
    off_center: float = 0.08
    child: float = 0.12
    identity_deviation: float = 0.28
    expression: float = 0.85
    open_mouth: float = 0.4
    closed_eyes: float = 0.1
    looking_aside: float = 0.5
    wide_pose: float = 0.35
    any_roll: float = 0.12
    distance: tuple[float, float] = (4.0, 25.0)
    make_up: float = 0.5
    beard: float = 0.5
    hair: float = 0.9
    hat: float = 0.18
    glasses: float = 0.2
    dark_glasses: float = 0.3
    mask: float = 0.06
    hand: float = 0.1
    thing: float = 0.06
    hard_light: float = 0.35
    dark: float = 0.12
    colored_light: float = 0.12
    photo_background: float = 0.3
    defocus: float = 0.25
    motion_blur: float = 0.08
    low_resolution: float = 0.25
    gray: float = 0.05
    jpeg_quality: tuple[int, int] = (45, 96)
