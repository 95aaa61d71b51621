"""Fill the marked tables of the documentation, and its plots, from the newest results: `python benchmarks/tables.py`.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. A table whose benchmark has no result is left alone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from accuracy_tables import (
    PEER_COLUMNS,
    accuracy_table,
    card_table,
    published_table,
    readme_table,
    reliability_table,
    synthetic_table,
)
from aims import aims_table
from inference_tables import (
    EDGE_WEIGHTS,
    FACE_DEPTH,
    REFINEMENT,
    TURNED,
    crowds_table,
    hidden_table,
    pipeline_table,
    pose_table,
    rejected_table,
    serve_table,
    speed_table,
    video_models_table,
    video_table,
    visibility_table,
)
from markdown_table import MODELS, Columns, Results, columns_table
from plots import PLOTS
from result import read_results
from training_tables import (
    GAP_MODELS,
    INT8,
    OWN_POINTS,
    PRECISION,
    STYLES,
    ablation_table,
    annotation_table,
    gap_table,
    measured_versions_table,
    validation_table,
    varieties_table,
    versions_table,
)

from facelattice.atomic_files import write_file

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PAGES = [
    ROOT / "README.md",
    ROOT / "synthetic" / "README.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("src/facelattice/models/*.md")),
]
BLOCK = re.compile(r"(?<=<!-- table: )([\w-]+)( -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)
Entry = tuple[tuple[str, ...], Callable[[Results], str]]
"""The names of the results that a table needs, and the function that makes it."""


def main() -> None:
    """Fill the tables and draw the plots."""
    results = read_results()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        filled = fill(text, results)
        if filled != text:
            write_file(page, filled)
    for name, draw in PLOTS.items():
        if name in results:
            draw(results[name], IMAGES)
    for benchmark in sorted({name for names, _ in TABLES.values() for name in names} - set(results)):
        print(f"no result of {benchmark}: its tables are left as they are", file=sys.stderr)


def fill(text: str, results: Results) -> str:
    """Return a page with the tables whose benchmarks have a result."""

    def write(match: re.Match[str]) -> str:
        benchmarks, make = TABLES[match[1]]
        if not set(benchmarks) <= set(results):
            return match[0]
        return f"{match[1]}{match[2]}\n{make(results)}\n\n{describe([results[name] for name in benchmarks])}\n\n"

    return BLOCK.sub(write, text)


def describe(results: Sequence[dict[str, Any]]) -> str:
    """Return the line below a table: when, where and how its only result was measured, or the names of several."""
    if len(results) > 1:
        scripts = (f"`{Path(result['command'].split()[1]).name}` ({result['date'][:10]})" for result in results)
        return f"Measured with {', '.join(dict.fromkeys(scripts))}"
    (result,) = results
    commit = f"commit {result['commit'][:7]}" if result["commit"] else None
    if "trained_at" in result:
        commit = "trained at " + (" and ".join(c[:7] for c in result["trained_at"]) or "an unrecorded commit")
    known = [result["date"][:10], commit, result["machine"]["processor"]]
    return f"{', '.join(filter(None, known))}: `{result['command']}`"


def loop_entry(benchmark: str) -> Entry:
    """Return the entry of `TABLES` for a result of annotation_loop.py."""
    return (benchmark,), lambda results: annotation_table(results[benchmark])


def ablation_entry(benchmark: str) -> Entry:
    """Return the entry of `TABLES` for a result of ablation.py."""
    return (benchmark,), partial(ablation_table, benchmark)


def columns_entry(benchmark: str, columns: Columns) -> Entry:
    """Return the entry of `TABLES` for a result of which each row is a line."""
    return (benchmark,), lambda results: columns_table(results[benchmark]["rows"], columns)


TABLES: dict[str, Entry] = {
    "results": (("accuracy", "peers", "turned_faces"), readme_table),
    "accuracy": (("accuracy",), accuracy_table),
    **{f"card-{model}": (("accuracy",), partial(card_table, model)) for model in MODELS},
    "aims": (("accuracy", "turned_faces", "visibility", "crowds", "peers"), aims_table),
    "published": (("accuracy",), published_table),
    "reliability": (("accuracy",), reliability_table),
    "crowds": (("crowds",), partial(crowds_table, "crowds")),
    "crowds-train": (("crowds_train",), partial(crowds_table, "crowds_train")),
    "pose": (("pose",), pose_table),
    "hidden-landmarks": (("visibility",), hidden_table),
    "visibility": (("visibility",), visibility_table),
    "turned-faces": columns_entry("turned_faces", TURNED),
    "turned-faces-train": columns_entry("turned_faces_train", TURNED),
    "refinement": columns_entry("refinement", REFINEMENT),
    "styles": columns_entry("styles", STYLES),
    "precision": columns_entry("precision", PRECISION),
    "pipeline": (("pipeline",), pipeline_table),
    "own-points": columns_entry("own_points", OWN_POINTS),
    "peers": columns_entry("peers", PEER_COLUMNS),
    "speed": (("speed",), speed_table),
    "serve": (("serve",), serve_table),
    "rejected": (("serve",), rejected_table),
    "video": (("video",), video_table),
    "video-models": (("video",), video_models_table),
    "ablation": ablation_entry("ablation"),
    "ablation-heads": ablation_entry("ablation_heads"),
    "ablation-located": ablation_entry("ablation_located"),
    "ablation-stride-32": ablation_entry("ablation_stride_32"),
    "ablation-long": ablation_entry("ablation_long"),
    "ablation-noise": ablation_entry("ablation_noise"),
    "varieties": (("ablation_synthetic",), varieties_table),
    "versions": (("model_versions",), versions_table),
    "measured-versions": (("model_versions",), measured_versions_table),
    **{f"validation-{model}": (("model_versions",), partial(validation_table, model)) for model in MODELS},
    "int8": columns_entry("int8", INT8),
    "edge-weights": columns_entry("edge_weights", EDGE_WEIGHTS),
    "face-depth": columns_entry("face_depth", FACE_DEPTH),
    "synthetic-models": (("accuracy_synthetic",), synthetic_table),
    "synthetic-offsets": (tuple(GAP_MODELS), gap_table),
    "annotation-loop": loop_entry("annotation_loop_12_points"),
    "annotation-loop-small": loop_entry("annotation_loop_5_points"),
}


if __name__ == "__main__":
    main()
