"""The tables about training: ablations, versions of the models, annotation styles, points of one's own."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from markdown_table import Columns, Results, columns_table, find, model_cell, percent, table

from facelattice.evaluation.ablation.table import RowSummary, mean_and_std, to_markdown
from facelattice.evaluation.bootstrap import Difference

STYLES: Columns = {
    "model": model_cell,
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
OWN_POINTS: Columns = {
    "run": lambda row: row["run"],
    "steps": lambda row: row["steps"],
    "NME of its validation faces": lambda row: percent(row["val_nme"], 1),
    "NME of 400 other faces": lambda row: percent(row["nme"], 1),
    "CPU time": lambda row: f"{row['cpu_seconds']:.0f} s",
}
INT8: Columns = {
    "model": model_cell,
    "backbone": lambda row: row["backbone"],
    "NME": lambda row: percent(row["nme"]),
    "time of a crop, 1 thread": lambda row: f"{row['ms']:.2f} ms",
    "file": lambda row: f"{row['bytes'] / 1e6:.1f} MB",
}
VERSIONS: Columns = {
    "date": lambda row: row["date"],
    "commit": lambda row: row["commit"],
    "model": model_cell,
    "backbone": lambda row: f"`{row['backbone']}`",
    "crop": lambda row: f"{row['crop_size']} px",
    "training faces": lambda row: row["num_train"],
    "validation faces": lambda row: row["num_val"],
    "NME": lambda row: percent(row["val_nme"]),
    "error scale": lambda row: "" if row["error_scale"] is None else f"{row['error_scale']:.2f}",
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


def versions_table(results: Results) -> str:
    """Return the versions of models that were trained, with the validation NME of their training."""
    trained = [row for row in results["model_versions"]["rows"] if not row["style_offsets"]]
    return columns_table(trained, VERSIONS)


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
        body.append([row["commit"], model_cell(row), "yes" if row["style_offsets"] else "no", *nmes, *aurocs])
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


def annotation_table(result: dict[str, Any]) -> str:
    """Return the work of an annotator with mean shapes and with models."""
    images = [f"{a + 1} to {b}" for a, b in pairwise(result["edges"])]
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
