"""The tables of docs/experiments.md, of the ablations, and of measurements that have one table."""

from __future__ import annotations

from typing import Any

from markdown_table import ERRORS, Columns, Results, Row, columns_table, find, percent, table

from facelattice.evaluation.ablation.table import RowSummary, mean_and_std, to_markdown
from facelattice.evaluation.bootstrap import Difference


def model(row: Row) -> str:
    """Return the cell of the model."""
    return f"`{row['model']}`"


CROPS: Columns = {"crops per face": lambda row: f"{row['crops_per_face']:.2f}"}
TURNED: Columns = {
    "model": model,
    "boxes": lambda row: row["boxes"],
    "roll": lambda row: f"{row['roll']:g}",
    "search": lambda row: row["search"],
    **ERRORS,
    "missed": lambda row: row["num_missed"],
    **CROPS,
}
REFINEMENT: Columns = {
    "model": model,
    "variant": lambda row: row["variant"],
    **ERRORS,
    "missed": lambda row: row["num_missed"],
    **CROPS,
}
STYLES: Columns = {
    "model": model,
    "faces": lambda row: f"{row['faces']}, {row['num_faces']}",
    "style": lambda row: row["style"],
    "with its offset": lambda row: "yes" if row["with_offset"] else "no",
    "NME": lambda row: percent(row["nme"]),
    "offset that remains": lambda row: f"{100 * row['offset'] + 0.0:+.2f} %",
}
PRECISION: Columns = {
    "network": lambda row: f"`{row['backbone']}`",
    "depthwise convolutions in": lambda row: row["depthwise"],
    "waiting threads": lambda row: row["waiting"],
    "busy processes beside it": lambda row: row["busy_processes"],
    "images/s": lambda row: "too slow to measure" if (speed := row["images_per_second"]) is None else f"{speed:.0f}",
}
PIPELINE_CALLS: Columns = {
    "model": model,
    "faces": lambda row: "all" if row["max_faces"] is None else "the most confident one",
    "detector": lambda row: f"{row['detector_ms']:.1f} ms",
    "landmark model": lambda row: f"{row['landmark_model_ms']:.1f} ms",
    "whole call": lambda row: f"{row['call_ms']:.1f} ms",
    "rows of results": lambda row: f"{row['rows_ms']:.1f} ms",
}
PIPELINE_FILES: Columns = {
    "files": lambda row: f"{row['num_images']} with {model(row)}, {row['way']}",
    "time": lambda row: f"{row['seconds']:.1f} s",
    "images/s": lambda row: f"{row['num_images'] / row['seconds']:.1f}",
}
VIDEO_MODELS: Columns = {
    "model": model,
    "CPU time per frame": lambda row: f"{row['cpu_ms']:.0f} ms",
    "NME": lambda row: percent(row["nme"]),
    "jitter": lambda row: percent(row["jitter"]),
}
OWN_POINTS: Columns = {
    "run": lambda row: row["run"],
    "steps": lambda row: row["steps"],
    "NME of its validation faces": lambda row: percent(row["val_nme"], 1),
    "NME of 400 other faces": lambda row: percent(row["nme"], 1),
    "CPU time": lambda row: f"{row['cpu_seconds']:.0f} s",
}
INT8: Columns = {
    "model": model,
    "backbone": lambda row: row["backbone"],
    "NME": lambda row: percent(row["nme"]),
    "time of a crop, 1 thread": lambda row: f"{row['ms']:.2f} ms",
    "file": lambda row: f"{row['bytes'] / 1e6:.1f} MB",
}
VERSIONS: Columns = {
    "date": lambda row: row["date"],
    "commit": lambda row: row["commit"],
    "model": model,
    "backbone": lambda row: f"`{row['backbone']}`",
    "crop": lambda row: f"{row['crop_size']} px",
    "training faces": lambda row: row["num_train"],
    "validation faces": lambda row: row["num_val"],
    "NME": lambda row: percent(row["val_nme"]),
    "error scale": lambda row: "" if row["error_scale"] is None else f"{row['error_scale']:.2f}",
}
EDGE_WEIGHTS: Columns = {
    "model": model,
    "weight of covered neighbors": lambda row: f"{row['weight_with_patch']:.3f}",
    "the same without the patch": lambda row: f"{row['weight_without_patch']:.3f}",
    "difference": lambda row: (
        f"{row['difference']:+.3f} ({row['difference_low']:+.3f} to {row['difference_high']:+.3f})"
    ),
    "standard deviation of a weight over the faces": lambda row: f"{row['deviation_over_faces']:.3f}",
}
FACE_DEPTH: Columns = {
    "annotated faces": lambda row: row["num_faces"],
    "standard deviation of their yaw": lambda row: f"{row['yaw_standard_deviation']:.0f} degrees",
    "depth, times that of the 3D face": lambda row: f"{row['relative_depth']:.2f}",
}
GAP_MODELS = {"annotation_gap_free68_fast": "`free68-fast`", "annotation_gap_free68": "`free68`"}
"""The results of annotation_gap.py for the models that were trained on synthetic faces, and their names."""


def ablation_table(benchmark: str, results: Results) -> str:
    """Return the rows of an ablation with their differences from the first row."""
    rows = []
    for row in results[benchmark]["rows"]:
        differences = {name: value and Difference(**value) for name, value in row["differences"].items()}
        rows.append(RowSummary(**{**row, "differences": differences}))
    return to_markdown(rows).rstrip()


def varieties_table(results: Results) -> str:
    """Return the ablation of synthetic faces: the error on real faces, and its difference from the first row."""
    rows = results["ablation_synthetic"]["rows"]
    measures = ("HELEN training part", "WFLW part")
    body = []
    for row in rows:
        cells = []
        for measure in measures:
            difference = row["nme"][measure][0] - rows[0]["nme"][measure][0]
            change = "" if row is rows[0] else f" ({difference:+.2f})"
            cells.append(mean_and_std(row["nme"][measure]) + change)
        body.append([row["row"], *cells])
    return table(["row", *measures], body)


def measured_versions_table(results: Results) -> str:
    """Return the versions of models that were measured on each set of validation faces."""
    body = []
    for row in results["model_versions"]["rows"]:
        if "measured" not in row:
            continue
        sets = row["measured"]
        merlrav = sets["MERL-RAV"]
        aurocs = [f"{merlrav[f'auroc_hidden_by_{cause}']:.3f}" for cause in ("something", "the_face")]
        nmes = [percent(sets[name]["nme"]) for name in ("300-W", "WFLW", "MERL-RAV")]
        body.append([row["commit"], model(row), "yes" if row["style_offsets"] else "no", *nmes, *aurocs])
    counts = next(row["measured"] for row in results["model_versions"]["rows"] if "measured" in row)
    header = [
        "commit", "model", "offsets of styles", *(f"{name}, {counts[name]['num_faces']} faces" for name in counts),
        "AUROC, hidden by something", "AUROC, hidden by the face itself",
    ]  # fmt: skip
    return table(header, body)


def validation_table(name: str, results: Results) -> str:
    """Return the versions of a model with annotation styles on its validation faces, for its card."""
    rows = [row for row in results["model_versions"]["rows"] if row["model"] == name]
    versions = {**results["model_versions"], "rows": rows}
    return measured_versions_table({"model_versions": versions})


def synthetic_table(results: Results) -> str:
    """Return the accuracy of the models that were trained on synthetic faces."""
    rows = results["accuracy_synthetic"]["rows"]
    body: list[list[Any]] = []
    for row in rows:
        if row["data"] == "WFLW" and row["subset"] != "test":
            continue
        name = f"300-W {row['subset']}" if row["data"] == "300W" else "WFLW subset"
        failures = f"{percent(row['failure_rate'], 1)} over {100 * row['threshold']:g} %"
        body.append(
            [model(row), f"{name}, {row['num_faces']}", row["boxes"], percent(row["nme"]), failures, row["num_missed"]]
        )
    return table(["model", "test faces", "boxes", "NME", "failures", "missed"], body)


def gap_table(results: Results) -> str:
    """Return the mean offsets of the models that were trained on synthetic faces, by region."""
    found = {name: results[benchmark]["rows"] for benchmark, name in GAP_MODELS.items()}
    header = ["region"]
    for name in found:
        header += [f"{name}, outwards", "down", "error", "error without the mean offsets"]
    body = []
    for region in (row["region"] for row in next(iter(found.values()))):
        cells = [region]
        for rows in found.values():
            row = find(rows, region=region)
            cells += [f"{100 * row[key]:+.2f} %" for key in ("outwards", "down")]
            cells += [f"{100 * row[key]:.2f} %" for key in ("nme", "nme_without_offsets")]
        body.append(cells)
    return table(header, body)


def pipeline_table(results: Results) -> str:
    """Return the times of single images, and those of many files."""
    rows = results["pipeline"]["rows"]
    calls = columns_table([row for row in rows if "call_ms" in row], PIPELINE_CALLS)
    return f"{calls}\n\n{columns_table([row for row in rows if 'seconds' in row], PIPELINE_FILES)}"


def video_models_table(results: Results) -> str:
    """Return the models on all clips, tracked and smoothed."""
    rows = [row for row in results["video"]["rows"] if (row["clips"], row["method"]) == ("all", "smoothed")]
    return columns_table(rows, VIDEO_MODELS)
