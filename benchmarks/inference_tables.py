"""The tables about inference: search and refinement, false faces, visibility, pose, video, the service, speed."""

from __future__ import annotations

import sys

from markdown_table import ERRORS, MODELS, Columns, Results, columns_table, find, model_cell, percent, table

CROPS: Columns = {"crops per face": lambda row: f"{row['crops_per_face']:.2f}"}
TURNED: Columns = {
    "model": model_cell,
    "boxes": lambda row: row["boxes"],
    "roll": lambda row: f"{row['roll']:g}",
    "search": lambda row: row["search"],
    **ERRORS,
    "missed": lambda row: row["num_missed"],
    **CROPS,
}
REFINEMENT: Columns = {
    "model": model_cell,
    "variant": lambda row: row["variant"],
    **ERRORS,
    "missed": lambda row: row["num_missed"],
    **CROPS,
}
EDGE_WEIGHTS: Columns = {
    "model": model_cell,
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
PIPELINE_CALLS: Columns = {
    "model": model_cell,
    "faces": lambda row: "all" if row["max_faces"] is None else "the most confident one",
    "detector": lambda row: f"{row['detector_ms']:.1f} ms",
    "landmark model": lambda row: f"{row['landmark_model_ms']:.1f} ms",
    "whole call": lambda row: f"{row['call_ms']:.1f} ms",
    "rows of results": lambda row: f"{row['rows_ms']:.1f} ms",
}
PIPELINE_FILES: Columns = {
    "files": lambda row: f"{row['num_images']} with {model_cell(row)}, {row['way']}",
    "time": lambda row: f"{row['seconds']:.1f} s",
    "images/s": lambda row: f"{row['num_images'] / row['seconds']:.1f}",
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
VIDEO_MODELS: Columns = {
    "model": model_cell,
    "CPU time per frame": lambda row: f"{row['cpu_ms']:.0f} ms",
    "NME": lambda row: percent(row["nme"]),
    "jitter": lambda row: percent(row["jitter"]),
}


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


def pipeline_table(results: Results) -> str:
    """Return the times of single images, and those of many files."""
    rows = results["pipeline"]["rows"]
    calls = columns_table([row for row in rows if "call_ms" in row], PIPELINE_CALLS)
    return f"{calls}\n\n{columns_table([row for row in rows if 'seconds' in row], PIPELINE_FILES)}"


def video_table(results: Results) -> str:
    """Return tracking and smoothing with the default model."""
    return columns_table([row for row in results["video"]["rows"] if row["model"] == MODELS[0]], VIDEO)


def video_models_table(results: Results) -> str:
    """Return the models on all clips, tracked and smoothed."""
    rows = [row for row in results["video"]["rows"] if (row["clips"], row["method"]) == ("all", "smoothed")]
    return columns_table(rows, VIDEO_MODELS)


def speed_table(results: Results) -> str:
    """Time and memory of each part."""
    rows = results["speed"]["rows"]
    parts = list(dict.fromkeys(row["part"] for row in rows))
    body = []
    for setting in dict.fromkeys(row["setting"] for row in rows):
        found = [find(rows, part=part, setting=setting) for part in parts]
        body.append([setting, *(f"{row['value']:.3g} {row['unit']}" if row else None for row in found)])
    return table(["", *(f"`{part}`" if part in MODELS else part for part in parts)], body)


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
