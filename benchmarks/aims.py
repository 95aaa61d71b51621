"""The aims for the bundled models, and what the newest results reach."""

from __future__ import annotations

from collections.abc import Iterator

from accuracy_tables import set_name
from markdown_table import Results, Row, find, percent, table

ACCURACY = {
    "ibug68": {"full": 0.0325, "common": 0.0285, "challenging": 0.049, "test": 0.046},
    "ibug68-fast": {"full": 0.0355, "common": 0.0315, "challenging": 0.053, "test": 0.049},
    "wflw98": {"test": 0.047},
}
"""NME with annotated boxes on the parts of 300-W and on the WFLW subset ("test")."""

WFLW_FAILURES = {"ibug68": 0.03, "ibug68-fast": 0.05, "wflw98": 0.04}
TURNED_FAILURES = 0.02  # above those of upright photos
SELF_OCCLUDED_AUROC = 0.90
RANK_OVER_FACES = 0.80  # of expected and true errors, on the WFLW subset
CROWDS = {"false": 0.015, "found": 0.96, "min_score": 0.18}

Line = tuple[str, str, str, bool]
"""What is aimed at, the aim, what is reached, and whether that is enough."""


def aims_table(results: Results) -> str:
    """Return a line for each aim; those that are missed are bold."""
    lines = [
        *accuracy_lines(results),
        *detector_lines(results),
        *turned_lines(results),
        *confidence_lines(results),
        *peer_lines(results),
    ]
    body = [[what, aim, reached if met else f"**{reached}**"] for what, aim, reached, met in lines]
    return table(["", "aim", "reached"], body)


def accuracy_lines(results: Results) -> Iterator[Line]:
    """Yield the aims for the accuracy with annotated boxes."""
    for model, aims in ACCURACY.items():
        for subset, aim in aims.items():
            row = accuracy(results, model, subset, "annotation")
            yield f"`{model}`, {set_name(subset)}, NME", f"{percent(aim)}", f"{percent(row['nme'])}", row["nme"] <= aim
        row, limit = accuracy(results, model, "test", "annotation"), WFLW_FAILURES[model]
        rate = row["failure_rate"]
        yield f"`{model}`, WFLW subset, failures", f"{percent(limit, 1)}", f"{percent(rate, 1)}", rate <= limit


def detector_lines(results: Results) -> Iterator[Line]:
    """Yield the failures with detected boxes, which shall not be more than those with annotated ones."""
    for model, aims in ACCURACY.items():
        for subset in [name for name in ("full", "test") if name in aims]:
            annotated, detected = (
                accuracy(results, model, subset, boxes)["failure_rate"] for boxes in ("annotation", "detector")
            )
            what = f"`{model}`, {set_name(subset)}, failures with detected boxes"
            yield what, f"{percent(annotated, 1)}", f"{percent(detected, 1)}", detected <= annotated


def turned_lines(results: Results) -> Iterator[Line]:
    """Yield the failures on turned photos at the worst roll."""
    for model in ACCURACY:
        for boxes in ("annotation", "detector"):
            rows = [
                row
                for row in results["turned_faces"]["rows"]
                if (row["model"], row["boxes"], row["search"]) == (model, boxes, "default")
            ]
            upright = next(row["failure_rate"] for row in rows if row["roll"] == 0)
            worst = max(rows, key=lambda row: row["failure_rate"])
            limit, rate = upright + TURNED_FAILURES, worst["failure_rate"]
            rolls = ", ".join(f"{row['roll']:g}" for row in rows)
            what = f"`{model}`, highest failure rate of photos turned by {rolls} degrees, boxes: {boxes}"
            yield what, f"{percent(limit, 1)}", f"{percent(rate, 1)}", rate <= limit


def confidence_lines(results: Results) -> Iterator[Line]:
    """Yield the aims for visibility, expected errors and false faces."""
    for model in ACCURACY:
        auroc = find(results["visibility"]["rows"], model=model)["annotated"]["self_occluded"]
        what = f"`{model}`, AUROC of landmarks hidden by the face itself"
        yield what, f"{SELF_OCCLUDED_AUROC:.2f}", f"{auroc:.3f}", auroc >= SELF_OCCLUDED_AUROC
        rank = accuracy(results, model, "test", "annotation")["rank_faces"]
        what = f"`{model}`, rank correlation of expected and true errors over faces of the WFLW subset"
        yield what, f"{RANK_OVER_FACES:.2f}", f"{rank:.2f}", rank >= RANK_OVER_FACES
        row = find(results["crowds"]["rows"], model=model, min_score=CROWDS["min_score"])
        yield (
            f"`{model}`, false and found faces of whole photos",
            f"{percent(CROWDS['false'], 1)}, {percent(CROWDS['found'], 1)}",
            f"{percent(row['false'], 1)}, {percent(row['found'], 1)}",
            row["false"] <= CROWDS["false"] and row["found"] >= CROWDS["found"],
        )


def peer_lines(results: Results) -> Iterator[Line]:
    """Yield the programs that are faster and more accurate than one of ours on the same faces with the same boxes."""
    rows = results["peers"]["rows"]
    for model in ACCURACY:
        better = [
            f"{row['program']} on {row['set']}, boxes: {row['boxes']}"
            for ours in rows
            if ours["program"] == model
            for row in rows
            if row["program"] not in ACCURACY and is_better(row, ours)
        ]
        yield f"programs that are faster and better than `{model}`", "none", "; ".join(better) or "none", not better


def is_better(row: Row, ours: Row) -> bool:
    """Return whether a program is faster, finds as many faces, and has the smaller error."""
    same = (row["set"], row["boxes"]) == (ours["set"], ours["boxes"]) and row["nme"] is not None
    return same and row["ms"] < ours["ms"] and row["nme"] < ours["nme"] and row["num_found"] >= ours["num_found"]


def accuracy(results: Results, model: str, subset: str, boxes: str) -> Row:
    """Return the row of a model on a part of 300-W or on the WFLW subset."""
    data = "WFLW" if subset == "test" else "300W"
    return find(results["accuracy"]["rows"], model=model, data=data, subset=subset, boxes=boxes)
