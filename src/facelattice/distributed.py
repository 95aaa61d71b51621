"""Distribution of work over the processes of `torchrun` or `accelerate launch`.

A single process does not need them, nor torch.

Example:
    own_images = share(images)  # those of this process
    results = gather([process(image) for image in own_images])  # of all processes
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def count() -> int:
    """Return the number of processes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Return whether this is the process that prints and writes files."""
    return int(os.environ.get("RANK", "0")) == 0


def share(items: Sequence[Item]) -> list[Item]:
    """Return the items of this process. Each item belongs to exactly one process."""
    return list(items[int(os.environ.get("RANK", "0")) :: count()])


def gather(items: list[Item]) -> list[Item]:
    """Return the items of all processes, ordered by process, in every process."""
    if count() == 1:
        return items
    from accelerate import PartialState
    from accelerate.utils import gather_object

    PartialState(cpu=True)  # model files run on the CPU, even on machines with a GPU
    return gather_object(items)
