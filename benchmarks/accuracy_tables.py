"""The tables about the accuracy of the bundled models, of other programs, and of models for synthetic faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markdown_table import ERRORS, MODELS, Columns, Results, Row, find, model_cell, percent, table

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


def main_sets(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of accuracy.py without the subsets of WFLW."""
    return [row for row in rows if row["data"] != "WFLW" or row["subset"] == "test"]


def set_name(subset: str) -> str:
    """Return the name of a part of 300-W, or of the WFLW subset ("test")."""
    return "WFLW subset" if subset == "test" else f"300-W {subset}"


def accuracy_table(results: Results) -> str:
    """Return all models on all sets with both kinds of boxes."""
    rows = []
    for row in main_sets(results["accuracy"]["rows"]):
        name = set_name(row["subset"]) + (f" as {row['scheme'][-2:]} points" if row["data"] == "WFLW" else "")
        rows.append(
            [f"`{row['model']}`", f"{name}, {row['num_faces']}", row["boxes"], percent(row["nme"]),
             f"{percent(row['failure_rate'], 1)} over {100 * row['threshold']:g} %", percent(row["auc"], 1),
             row["num_missed"]]
        )  # fmt: skip
    return table(["model", "test faces", "boxes", "NME", "failure rate", "AUC", "missed"], rows)


def card_table(model: str, results: Results) -> str:
    """Return one model on all sets, for its card."""
    rows = []
    for row in main_sets(results["accuracy"]["rows"]):
        if row["model"] != model:
            continue
        box = "" if row["boxes"] == "annotation" else " --box detector"
        ranks = [f"{row[key]:.2f}" if key in row else None for key in ("rank_points", "rank_faces")]
        faces = f"{set_name(row['subset'])}, {row['num_faces']}"
        rows.append(
            [faces, f"`facelattice evaluate {model} DATA/{row['data']}{box}`",
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


def synthetic_table(results: Results) -> str:
    """Return the accuracy of the models that were trained on synthetic faces."""
    body: list[list[Any]] = []
    for row in main_sets(results["accuracy_synthetic"]["rows"]):
        failures = f"{percent(row['failure_rate'], 1)} over {100 * row['threshold']:g} %"
        body.append(
            [
                model_cell(row),
                f"{set_name(row['subset'])}, {row['num_faces']}",
                row["boxes"],
                percent(row["nme"]),
                failures,
                row["num_missed"],
            ]
        )
    return table(["model", "test faces", "boxes", "NME", "failures", "missed"], body)
