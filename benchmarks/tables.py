"""Fill the marked tables of the documentation, and its plots, from the newest results: `python benchmarks/tables.py`.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. A table whose benchmark has no result is left alone.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aims import aims_table
from markdown_table import ERRORS, Columns, Results, columns_table, find, percent, table
from plots import PLOTS
from result import read_results
from trial_tables import (
    EDGE_WEIGHTS,
    FACE_DEPTH,
    GAP_MODELS,
    INT8,
    OWN_POINTS,
    PRECISION,
    REFINEMENT,
    STYLES,
    TURNED,
    VERSIONS,
    ablation_table,
    gap_table,
    measured_versions_table,
    pipeline_table,
    synthetic_table,
    validation_table,
    varieties_table,
    video_models_table,
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
MODELS = ("ibug68", "ibug68-fast", "wflw98")
# NME on 300-W (full, common, challenging) with annotated boxes, as the papers state it.
PUBLISHED = {
    "SDFL (Lin et al., TIP 2021), published": (3.28, 2.88, 4.93),
    "SPIGA (BMVC 2022), published": (2.99, 2.59, 4.66),
    "D-ViT (WACV 2025), published": (2.85, None, None),
}
PEERS = ("dlib, 68 points", "MediaPipe face mesh")  # programs of peers.py in the table of the README
WFLW_SET = "WFLW subset as 68 points"  # of peers.py
SUBSET_NAMES = {"300W": "300-W", "WFLW": "WFLW subset"}

PEER_COLUMNS: Columns = {
    "faces": lambda row: row["set"],
    "program": lambda row: row["program"],
    "boxes": lambda row: row["boxes"],
    "found": lambda row: f"{row['num_found']} of {row['num_faces']}",
    **ERRORS,
    "AUC": lambda row: percent(row["auc"], 1),
    "ms per face": lambda row: f"{row['ms']:.1f}",
}
VIDEO: Columns = {
    "clips": lambda row: row["clips"],
    "method": lambda row: row["method"],
    "NME": lambda row: percent(row["nme"]),
    "jitter": lambda row: percent(row["jitter"]),
    "lag": lambda row: "-" if row["lag_frames"] is None else f"{row['lag_frames']:.2f} frames",
    "missed": lambda row: row["missed"],
    "switches": lambda row: "-" if row["switches"] is None else row["switches"],
    "lost": lambda row: "-" if row["lost"] is None else row["lost"],
}

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


def readme_table(results: Results) -> str:
    """Ours, published results, and programs that can be run."""
    accuracy = results["accuracy"]["rows"]
    peers = results.get("peers", {}).get("rows", [])
    turned = results.get("turned_faces", {}).get("rows", [])

    def on_300w(model: str, subset: str) -> str | None:
        return percent(find(accuracy, model=model, data="300W", subset=subset, boxes="annotation").get("nme"))

    rows: list[list[Any]] = []
    for model in MODELS[:2]:
        wflw = find(accuracy, model=model, data="WFLW", subset="test", boxes="annotation")
        turn = find(turned, model=model, roll=90.0, search="default", boxes="detector")
        speed = find(peers, program=model, set=WFLW_SET, boxes="detector")
        rows.append(
            [f"`{model}`", on_300w(model, "full"), on_300w(model, "challenging"), percent(wflw.get("nme")),
             percent(turn.get("failure_rate"), 1), speed and f"{speed['ms']:.1f}"]
        )  # fmt: skip
    for name, (full, _, challenging) in PUBLISHED.items():
        if not name.startswith("SPIGA"):
            rows.append([name, f"{full:.2f} %", challenging and f"{challenging:.2f} %", None, None, None])
    for program in PEERS:
        found = {row["set"]: row for row in peers if (row["program"], row["boxes"]) == (program, "detector")}
        if found:
            helen, lfpw, ibug, wflw = (found[name] for name in ("HELEN test", "LFPW test", "iBUG", WFLW_SET))
            means = (mean_of_found(sets) for sets in ([helen, lfpw, ibug], [ibug], [wflw]))
            rows.append([program, *means, None, f"{wflw['ms']:.1f}"])
    header = [
        "",
        "300-W full",
        "challenging",
        "WFLW subset",
        "WFLW subset turned by 90°, detected: failures",
        "ms per face, detected, one core",
    ]
    filled = [column for column in range(len(header)) if column == 0 or any(row[column] for row in rows)]
    return table([header[i] for i in filled], [[row[i] or None for i in filled] for row in rows])


def mean_of_found(sets: Sequence[dict[str, Any]]) -> str:
    """Mean NME of the faces that a program found in several sets, and the number of those that it missed."""
    num_found = sum(row["num_found"] for row in sets)
    num_missed = sum(row["num_faces"] for row in sets) - num_found
    nme = percent(sum(row["nme"] * row["num_found"] for row in sets) / num_found)
    return f"{nme}, {num_missed} missed" if num_missed else str(nme)


def main_sets(results: Results) -> list[dict[str, Any]]:
    """Return the rows of accuracy.py without the subsets of WFLW."""
    return [row for row in results["accuracy"]["rows"] if row["data"] != "WFLW" or row["subset"] == "test"]


def accuracy_table(results: Results) -> str:
    """Return all models on all sets with both kinds of boxes."""
    rows = []
    for row in main_sets(results):
        name = f"300-W {row['subset']}" if row["data"] == "300W" else f"WFLW subset, {row['scheme']}"
        rows.append(
            [f"`{row['model']}`", f"{name}, {row['num_faces']}", row["boxes"], percent(row["nme"]),
             f"{percent(row['failure_rate'], 1)} over {100 * row['threshold']:g} %", percent(row["auc"], 1),
             row["num_missed"]]
        )  # fmt: skip
    return table(["model", "test faces", "boxes", "NME", "failure rate", "AUC", "missed"], rows)


def card_table(model: str, results: Results) -> str:
    """Return one model on all sets, for its card."""
    rows = []
    for row in main_sets(results):
        if row["model"] != model:
            continue
        box = "" if row["boxes"] == "annotation" else " --box detector"
        name = f"300-W {row['subset']}" if row["data"] == "300W" else "WFLW subset"
        ranks = [f"{row[key]:.2f}" if key in row else None for key in ("rank_points", "rank_faces")]
        rows.append(
            [f"{name}, {row['num_faces']}", f"`facelattice evaluate {model} DATA/{row['data']}{box}`",
             percent(row["nme"]), percent(row["failure_rate"], 1), percent(row["auc"], 1), row["num_missed"], *ranks]
        )  # fmt: skip
    header = ["test faces", "command", "NME", "FR", "AUC", "missed", "rank correlation over points", "over faces"]
    return table(header, rows)


def published_table(results: Results) -> str:
    """300-W beside published results."""
    rows: list[list[Any]] = [[name, *(v and f"{v:.2f} %" for v in values)] for name, values in PUBLISHED.items()]
    for model in MODELS[:2]:
        found = [
            find(results["accuracy"]["rows"], model=model, data="300W", subset=subset, boxes="annotation")
            for subset in ("full", "common", "challenging")
        ]
        rows.append([f"`{model}`", *(percent(row.get("nme")) for row in found)])
    return table(["NME, annotated boxes", "full", "common", "challenging"], rows)


def reliability_table(results: Results) -> str:
    """How well expected errors tell the true ones."""
    columns = [(model, data) for model in MODELS[:2] for data in ("300W", "WFLW")]
    found = [
        find(results["accuracy"]["rows"], model=model, data=data, boxes="annotation") for model, data in columns
    ]  # the first row of a set is about all its faces
    lines = {
        "NME": lambda row: percent(row["nme"]),
        "expected NME": lambda row: percent(row["expected_nme"]),
        "rank correlation of expected and true errors, over landmarks": lambda row: f"{row['rank_points']:.2f}",
        "the same over faces": lambda row: f"{row['rank_faces']:.2f}",
        "failures among the 10 % of the faces with the largest expected error": lambda row: percent(
            row["failures_in_uncertain_decile"], 0
        ),
    }
    header = ["", *(f"`{model}`, {SUBSET_NAMES[data]}" for model, data in columns)]
    return table(header, [[name, *(show(row) for row in found)] for name, show in lines.items()])


def crowds_table(benchmark: str, results: Results) -> str:
    """Return false and found faces over the minimum score."""
    rows = results[benchmark]["rows"]
    models = list(dict.fromkeys(row["model"] for row in rows))
    header = ["`min_score`", *(f"`{model}`, {what}" for model in models for what in ("false", "found"))]
    body = []
    for score in dict.fromkeys(row["min_score"] for row in rows):
        found = [find(rows, model=model, min_score=score) for model in models]
        body.append([score, *(percent(row[key], 1) for row in found for key in ("false", "found"))])
    return table(header, body)


def visibility_table(results: Results) -> str:
    """AUROC of the visibility."""
    rows = results["visibility"]["rows"]
    return table(
        ["synthetic occluders", "AUROC", "hidden landmarks", "visible landmarks"],
        [[f"`{r['model']}`", f"{r['auroc']:.3f}", r["num_hidden"], r["num_visible"]] for r in rows],
    )


def hidden_table(results: Results) -> str:
    """AUROC of the visibility for annotated visibility."""
    rows = results["visibility"]["rows"]
    if "annotated" not in rows[0]:
        sys.exit("the newest result of visibility.py has no faces of MERL-RAV; run it with --annotated")
    counts = rows[0]["annotated"]
    return table(
        [
            f"{counts['num_faces']} faces of MERL-RAV",
            f"hidden by something, {counts['num_occluded']}",
            f"hidden by the face itself, {counts['num_self_occluded']}",
        ],
        [[f"`{r['model']}`", *(f"{r['annotated'][kind]:.3f}" for kind in ("occluded", "self_occluded"))] for r in rows],
    )


def serve_table(results: Results) -> str:
    """Throughput and latency of the service."""
    library = f"{results['serve']['library_images_per_second']:.1f}"
    rows = [["the library in a loop, 1 process", library, *[None] * 5]]
    rows += [
        [r["clients"], f"{r['requests_per_second']:.1f}", f"{r['p50_ms']:.0f} ms", f"{r['p99_ms']:.0f} ms",
         r["num_overloaded"], f"{r['memory_before_mib']:.0f} MiB", f"{r['memory_after_mib']:.0f} MiB"]
        for r in results["serve"]["rows"] if "clients" in r
    ]  # fmt: skip
    header = ["clients", "requests/s", "p50", "p99", "status 503", "memory before", "memory after"]
    return table(header, rows)


def rejected_table(results: Results) -> str:
    """Memory of the service after bodies that it rejects."""
    serve = results["serve"]
    rows = [
        [r["rejected"], ", ".join(f"{status}: {number}" for status, number in r["statuses"].items()),
         f"{r['memory_before_mib']:.0f} MiB", f"{r['memory_after_mib']:.0f} MiB"]
        for r in serve["rows"] if "rejected" in r
    ]  # fmt: skip
    title = f"{serve['num_bodies']} bodies of 20 MB, {serve['concurrent_bodies']} at a time"
    return table([title, "status: number", "memory before", "memory after"], rows)


def video_table(results: Results) -> str:
    """Return tracking and smoothing with the default model."""
    return columns_table([row for row in results["video"]["rows"] if row["model"] == MODELS[0]], VIDEO)


def speed_table(results: Results) -> str:
    """Time and memory of each part."""
    rows = results["speed"]["rows"]
    parts = list(dict.fromkeys(row["part"] for row in rows))
    body = []
    for setting in dict.fromkeys(row["setting"] for row in rows):
        found = [find(rows, part=part, setting=setting) for part in parts]
        body.append([setting, *(f"{row['value']:.3g} {row['unit']}" if row else None for row in found)])
    return table(["", *(f"`{part}`" if part in MODELS else part for part in parts)], body)


def annotation_table(result: dict[str, Any]) -> str:
    """Return the work of an annotator with mean shapes and with models."""
    images = [f"{a + 1} to {b}" for a, b in itertools.pairwise(result["edges"])]
    header = [
        "suggestions", "points dragged", "length of the drags, sides of the box", "drags, seconds", "boxes drawn",
        "NME of the labels", f"corrections per image: {images[0]}", *images[1:],
    ]  # fmt: skip
    rows = [
        [r["suggestions"], r["corrections"], f"{r['distance']:.1f}", f"{r['seconds']:.0f}", r["boxes"],
         percent(r["nme"]), *(f"{mean:.1f}" for mean in r["by_round"])]
        for r in result["rows"]
    ]  # fmt: skip
    return table(header, rows)


def loop_entry(benchmark: str) -> Entry:
    """Return the entry of `TABLES` for a result of annotation_loop.py."""
    return (benchmark,), lambda results: annotation_table(results[benchmark])


def columns_entry(benchmark: str, columns: Columns) -> Entry:
    """Return the entry of `TABLES` for a result of which each row is a line."""
    return (benchmark,), lambda results: columns_table(results[benchmark]["rows"], columns)


def pose_table(results: Results) -> str:
    """Return the errors of the head pose in degrees, by the yaw."""
    rows = results["pose"]["rows"]
    ranges = list(dict.fromkeys((row["yaw_from"], row["yaw_to"]) for row in rows))
    header = ["points", "error of", *(f"yaw {low} to {high}" for low, high in ranges)]
    return table(
        header,
        (
            [name, angle, *(f"{find(rows, points=name, yaw_from=low)[f'{angle}_error']:.1f}" for low, _ in ranges)]
            for name in dict.fromkeys(row["points"] for row in rows)
            for angle in ("yaw", "pitch", "roll")
        ),
    )


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
    **{
        f"ablation{part}": (
            (f"ablation{part}".replace("-", "_"),),
            partial(ablation_table, f"ablation{part}".replace("-", "_")),
        )
        for part in ("", "-heads", "-errors", "-long", "-noise")
    },
    "varieties": (("ablation_synthetic",), varieties_table),
    "versions": columns_entry("model_versions", VERSIONS),
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
