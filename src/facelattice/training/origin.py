"""The origin of initial weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Origin of the initial weights of a run. Their terms also apply to the trained weights.

    Attributes:
        data: Name and terms of each dataset that they were trained on.
        license: Their license.
        num_tensors: Number of tensors that were copied.
        differences: Options of the network that differ from those of the recipe, each in words with both values.
    """

    data: list[dict[str, str]]
    license: str
    num_tensors: int = 0
    differences: tuple[str, ...] = ()
