"""The shape of a head: person, expression, gaze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from facelattice_synthetic.assets import EYE_VERTICES, Assets, Target
from facelattice_synthetic.config import Config

GROUPS = ("african", "asian", "caucasian")
AGES = {"baby": 0.0, "child": 0.1875, "young": 0.5, "old": 1.0}
UNUSED_SLIDERS = ("head-age", "head-trans", "neck-trans", "neck-back")  # move the whole head, or change nothing visible
CLOSED_JAW = -0.02
"""Strength of the action jawOpen with which the lips of the subdivided mesh touch."""
# Probability and largest strength of each action outside the eyes; "*" stands for Left and Right.
ACTIONS = {
    "mouthSmile*": (0.4, 1.0), "mouthFrown*": (0.15, 0.9), "mouthPucker": (0.1, 1.0), "mouthFunnel": (0.1, 0.8),
    "mouthStretch*": (0.2, 0.9), "mouthUpperUp*": (0.2, 0.9), "mouthLowerDown*": (0.2, 0.9), "mouthPress*": (0.12, 0.8),
    "mouthDimple*": (0.15, 0.8), "mouthLeft": (0.08, 0.8), "mouthRight": (0.08, 0.8), "mouthRollLower": (0.08, 0.8),
    "mouthRollUpper": (0.08, 0.8), "mouthShrugLower": (0.12, 0.8), "mouthShrugUpper": (0.1, 0.8),
    "jawLeft": (0.06, 0.8), "jawRight": (0.06, 0.8), "jawForward": (0.08, 0.7), "cheekPuff": (0.05, 0.9),
    "cheekSquint*": (0.25, 1.0), "browDown*": (0.25, 1.0), "browInnerUp": (0.25, 1.0), "browOuterUp*": (0.25, 1.0),
    "eyeSquint*": (0.25, 1.0), "eyeWide*": (0.15, 1.0), "noseSneer*": (0.15, 0.9),
}  # fmt: skip

CLOSING_ACTIONS = ("mouthPress", "mouthRollLower", "mouthRollUpper", "mouthShrug", "cheekPuff")
POINTING_ACTIONS = ("mouthFrown", "mouthPucker", "mouthFunnel", "mouthLeft", "mouthRight")
# Smallest and largest strength of each action of a broad smile, as in most photos that people pose for.
BROAD_SMILE = {
    "mouthSmile*": (0.6, 1.0), "mouthUpperUp*": (0.0, 0.6), "mouthLowerDown*": (0.0, 0.6), "mouthStretch*": (0.0, 0.5),
    "mouthDimple*": (0.0, 0.5), "cheekSquint*": (0.2, 0.9), "eyeSquint*": (0.0, 0.6), "jawOpen": (0.0, 0.25),
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Age, sex and shape of a person.

    Attributes:
        age: 0 baby, 0.19 child, 0.5 young adult, 1 old.
        male: 0 woman, 1 man.
        groups: Fractions of `GROUPS`.
        weight: 0 thin, 1 fat.
        muscle: 0 to 1.
        sliders: Name and value, -1 to 1, of each slider.
    """

    age: float
    male: float
    groups: np.ndarray
    weight: float
    muscle: float
    sliders: dict[str, float]


@dataclass(frozen=True)
class Expression:
    """Facial actions and gaze.

    Attributes:
        actions: Name and strength, 0 to 1, of each facial action.
        gaze: Yaw and pitch of the eyes in degrees; positive is to the right of the image and down.
    """

    actions: dict[str, float]
    gaze: tuple[float, float]


AVERAGE = Person(0.5, 0.5, np.full(3, 1 / 3), 0.5, 0.5, {})
NEUTRAL = Expression({"jawOpen": CLOSED_JAW}, (0.0, 0.0))


def sample_person(assets: Assets, config: Config, rng: Generator) -> Person:
    """Draw a person."""
    age = rng.uniform(0.12, 0.42) if rng.random() < config.child else 0.45 + 0.55 * rng.beta(1, 1.4)
    male = float(rng.random() < 0.5)
    male += (1 - 2 * male) * rng.uniform(0, 0.3)
    sliders = {
        name: float(np.clip(rng.normal(0, config.identity_deviation), -1, 1))
        for name in assets.sliders
        if not name.startswith(UNUSED_SLIDERS)
    }
    weight = float(np.clip(rng.normal(0.5, 0.22), 0, 1))
    return Person(float(age), male, rng.dirichlet(np.full(3, 0.4)), weight, rng.uniform(0.3, 0.7), sliders)


def sample_expression(config: Config, rng: Generator) -> Expression:
    """Draw an expression."""
    actions: dict[str, float] = {"jawOpen": CLOSED_JAW}
    strength = rng.uniform(0.4, 1)
    if rng.random() < config.expression:
        for name, (probability, largest) in ACTIONS.items():
            if rng.random() < probability:
                amount = strength * rng.uniform(0.1, largest)
                uneven = 0.6 if rng.random() < 0.15 else 0.1
                for action in _both_sides(name):
                    actions[action] = amount * (1 - uneven * rng.random())
    if rng.random() < config.open_mouth:
        actions["jawOpen"] = rng.uniform(0.05, 0.35) if rng.random() < 0.6 else rng.uniform(0.35, 0.95)
        actions = _without(actions, CLOSING_ACTIONS)
    if rng.random() < config.broad_smile:
        actions = _without(actions, CLOSING_ACTIONS + POINTING_ACTIONS) | _sample_broad_smile(rng)
    gaze = (0.0, 0.0)
    if rng.random() < config.looking_aside:
        gaze = (float(np.clip(rng.normal(0, 15), -32, 32)), float(np.clip(rng.normal(0, 9), -18, 20)))
    blink = rng.uniform(0.8, 1.0) if rng.random() < config.closed_eyes else abs(rng.normal(0, 0.12))
    for side in ("Left", "Right"):
        actions[f"eyeBlink{side}"] = min(1.0, blink * rng.uniform(0.95, 1.05))
        # The person's left eye is at the right of the image.
        inward = gaze[0] if side == "Right" else -gaze[0]
        for name, amount in (("Down", gaze[1] / 25), ("Up", -gaze[1] / 25), ("In", inward / 35), ("Out", -inward / 35)):
            if amount > 0 and blink < 0.6:
                actions[f"eyeLook{name}{side}"] = min(1.0, amount)
    return Expression(actions, gaze)


def _sample_broad_smile(rng: Generator) -> dict[str, float]:
    """Draw the actions of a broad smile, mostly with visible teeth."""
    actions = {}
    for name, strengths in BROAD_SMILE.items():
        amount = rng.uniform(*strengths)
        for action in _both_sides(name):
            actions[action] = amount * rng.uniform(0.9, 1)
    return actions


def _both_sides(name: str) -> tuple[str, ...]:
    """Return the actions of a name: those of both sides if it ends with "*"."""
    return (f"{name[:-1]}Left", f"{name[:-1]}Right") if name.endswith("*") else (name,)


def _without(actions: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
    """Leave out the actions whose names start with one of ``names``."""
    return {action: amount for action, amount in actions.items() if not action.startswith(names)}


def close_mouth(expression: Expression) -> Expression:
    """Return an expression without actions of the mouth, and with a closed jaw."""
    actions = {name: amount for name, amount in expression.actions.items() if not name.startswith("mouth")}
    return Expression(actions | {"jawOpen": CLOSED_JAW}, expression.gaze)


def build_head(assets: Assets, person: Person, expression: Expression) -> np.ndarray:
    """Return the vertices of the base mesh (V, 3): x to the left of the person, y up, z ahead."""
    base = assets.base.copy()

    def add(target: Target, amount: float) -> None:
        base[target[0]] += amount * target[1]

    for name, amount in _macro_amounts(person):
        add(assets.macros[name], amount)
    for name, amount in person.sliders.items():
        for target in assets.sliders[name][amount > 0]:
            add(target, abs(amount))
    for name, amount in expression.actions.items():
        add(assets.actions[name], amount)
    return base


def _macro_amounts(person: Person) -> list[tuple[str, float]]:
    """Return MakeHuman's macro targets and their amounts: products of the amounts of the words in their names."""
    names = list(AGES)
    knots = np.array([AGES[name] for name in names])
    ages = {name: float(np.interp(person.age, knots, np.eye(len(knots))[k])) for k, name in enumerate(names)}
    sexes = {"female": 1 - person.male, "male": person.male}
    muscles, weights = (
        {
            f"min{kind}": max(0.0, 1 - 2 * value),
            f"average{kind}": 1 - abs(2 * value - 1),
            f"max{kind}": max(0.0, 2 * value - 1),
        }
        for kind, value in (("muscle", person.muscle), ("weight", person.weight))
    )
    amounts = []
    for sex, a in sexes.items():
        for age, b in ages.items():
            amounts += [(f"{group}-{sex}-{age}", a * b * c) for group, c in zip(GROUPS, person.groups, strict=True)]
            amounts += [
                (f"universal-{sex}-{age}-{muscle}-{weight}", a * b * c * d)
                for muscle, c in muscles.items()
                for weight, d in weights.items()
            ]
    return [(name, float(amount)) for name, amount in amounts if amount > 1e-6]


def head_width(base: np.ndarray) -> float:
    """Return the width of the head of a base mesh (V, 3), between the vertices that MakeHuman's proxies use."""
    return float(np.linalg.norm(base[5399] - base[11998]))


def rotate_eyes(eyes: np.ndarray, base: np.ndarray, gaze: tuple[float, float]) -> np.ndarray:
    """Return the vertices of the eyeballs (V, 3), rotated about the centers of the eyes of a base mesh."""
    helper = base[EYE_VERTICES]
    rotation = Rotation.from_euler("YX", gaze, degrees=True)
    rotated = eyes.copy()
    for side, half in ((eyes[:, 0] > 0, helper[:72]), (eyes[:, 0] < 0, helper[72:])):
        center = (half.min(0) + half.max(0)) / 2
        rotated[side] = rotation.apply(eyes[side] - center) + center
    return rotated
