"""Speed and memory of the bundled models on this machine, as `facelattice bench` measures them.

python benchmarks/speed.py examples/astronaut.jpg --json benchmarks/results
"""

from __future__ import annotations

import argparse
from pathlib import Path

from result import add_json_option, run, write_result

from facelattice.inference.benchmark import measure
from facelattice.inference.model_zoo import list_models


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, nargs="+", help="images to measure with")
    add_json_option(parser)
    options = parser.parse_args()
    rows = []
    print("| part | setting | value |\n|---|---|---|")
    for timing in measure(list_models(), options.images):
        rows.append(timing._asdict())
        print(f"| {timing.part} | {timing.setting} | {timing.value:.3g} {timing.unit} |", flush=True)
    images = ", ".join(path.name for path in options.images)
    write_result(options.json, "speed", rows, images, "the bundled detector, where faces are found")


if __name__ == "__main__":
    run(main)
