"""The tables of trials: parts of the library that were changed or left out, on training faces."""

from __future__ import annotations

from markdown_table import ERRORS, Columns, Results, Row, columns_table, percent


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
    "missed": lambda row: row["missed"],
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


def pipeline_table(results: Results) -> str:
    """Return the times of single images, and those of many files."""
    rows = results["pipeline"]["rows"]
    calls = columns_table([row for row in rows if "call_ms" in row], PIPELINE_CALLS)
    return f"{calls}\n\n{columns_table([row for row in rows if 'seconds' in row], PIPELINE_FILES)}"


def video_models_table(results: Results) -> str:
    """Return the models on all clips, tracked and smoothed."""
    rows = [row for row in results["video"]["rows"] if (row["clips"], row["method"]) == ("all", "smoothed")]
    return columns_table(rows, VIDEO_MODELS)
