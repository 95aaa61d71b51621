"""Work shared by the processes of one `torchrun` or `accelerate launch`; alone, and without torch, where there is none.

mine = share(images)                 # every process has its part
everything = gather([work(image) for image in mine])
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def count() -> int:
    """How many processes there are, as the launcher says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """True in the one process that prints and writes."""
    return int(os.environ.get("RANK", "0")) == 0


def share(items: Sequence[Item]) -> list[Item]:
    """This process's part of the items: every one falls to exactly one process, whether or not the number divides."""
    return list(items[int(os.environ.get("RANK", "0")) :: count()])


def gather(items: list[Item]) -> list[Item]:
    """The items of all processes together, process by process, in each of them."""
    if count() == 1:
        return items
    from accelerate import PartialState
    from accelerate.utils import gather_object

    PartialState(cpu=True)  # model files run on the CPU, whatever else the machine has
    return gather_object(items)
